"""The answers to HELP and STOP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import GOOGLE, US
from engine.lint.rule import Hit, warning
from engine.lint.sources import AWS_OPT_IN, ONBOARDING, OURS, SKILL
from engine.lint.words import CONFIRMS_STOP, CONTACT, OPT_OUT, names_brand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

    from engine.lint.case import Case


def _us_text(case: Case, name: str, pattern: Pattern[str], problem: str) -> Iterator[Hit]:
    if case.us and not pattern.search(getattr(case.us, name)):
        yield Hit((*US, name), problem)


@warning(
    "help-sample-brand",
    "The answer to HELP names the brand",
    SKILL,
    AWS_OPT_IN,
    why="A customer who asks for help must learn who writes.",
    cure="begin it with the brand's name",
).spec
def help_sample_brand(case: Case) -> Iterator[Hit]:
    if case.us and not names_brand(case.us.help_sample, case):
        yield Hit((*US, "help_sample"), f"does not name the brand ({case.spec.brand})")


@warning(
    "help-sample-contact",
    "The answer to HELP says whom to ask",
    OURS,
    why="An answer without phone number, e-mail address or page helps nobody.",
    cure="add a phone number, an e-mail address or a page",
).spec
def help_sample_contact(case: Case) -> Iterator[Hit]:
    return _us_text(case, "help_sample", CONTACT, "holds no phone number, e-mail address or page")


@warning(
    "help-sample-stop",
    "The answer to HELP says how to stop",
    SKILL,
    why="Samples need words about the opt-out.",
    cure="add: Reply STOP to end",
).spec
def help_sample_stop(case: Case) -> Iterator[Hit]:
    return _us_text(case, "help_sample", OPT_OUT, "does not say how to stop the messages")


@warning(
    "stop-sample-brand",
    "The answer to STOP names the brand",
    AWS_OPT_IN,
    OURS,
    why="A customer may have several conversations and must see which one has ended.",
    cure="name the brand in it",
).spec
def stop_sample_brand(case: Case) -> Iterator[Hit]:
    if case.us and not names_brand(case.us.stop_sample, case):
        yield Hit((*US, "stop_sample"), f"does not name the brand ({case.spec.brand})")


@warning(
    "stop-sample-confirms",
    "The answer to STOP confirms that messages end",
    SKILL,
    OURS,
    why="It must confirm the opt-out. That the confirmation is there is told from common phrases (a heuristic).",
    cure="write for example: You are unsubscribed and will receive no more messages",
).spec
def stop_sample_confirms(case: Case) -> Iterator[Hit]:
    return _us_text(case, "stop_sample", CONFIRMS_STOP, "does not confirm that no more messages come")


@warning(
    "opt-out-message-brand",
    "The opt-out message names the brand",
    AWS_OPT_IN,
    OURS,
    why="A customer may have several conversations and must see which one has ended.",
    cure="name the brand in it",
).spec
def opt_out_message_brand(case: Case) -> Iterator[Hit]:
    if case.google and not names_brand(case.google.opt_out_message, case):
        yield Hit((*GOOGLE, "opt_out_message"), f"does not name the brand ({case.spec.brand})")


@warning(
    "opt-out-message-confirms",
    "The opt-out message confirms that messages end",
    ONBOARDING,
    OURS,
    why="Google asks for the text that confirms the opt-out. That it does is told from common phrases (a heuristic).",
    cure="write for example: You are unsubscribed and will receive no more messages",
).spec
def opt_out_message_confirms(case: Case) -> Iterator[Hit]:
    if case.google and not CONFIRMS_STOP.search(case.google.opt_out_message):
        yield Hit((*GOOGLE, "opt_out_message"), "does not confirm that no more messages come")
