"""Opt-in, HELP and STOP: what a customer is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import GOOGLE, US
from engine.lint.rule import Hit, note, warning
from engine.lint.sources import AJO_OPT_OUT, AWS_OPT_IN, ONBOARDING, OURS, SKILL
from engine.lint.words import FREQUENCY, HELP, OPT_OUT, RATES, names_brand
from models.spec.ajo import Keywords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

    from engine.lint.case import Case

CONSENT_WHY = "Incomplete evidence of consent is the first reason for denial: brand, frequency, costs, HELP and STOP belong into it."


def _us_text(case: Case, name: str, pattern: Pattern[str], problem: str) -> Iterator[Hit]:
    if case.us and not pattern.search(getattr(case.us, name)):
        yield Hit((*US, name), problem)


@warning(
    "opt-in-brand",
    "The description of the opt-in names the brand",
    AWS_OPT_IN,
    why="Consent is given to a brand; that of another one does not count.",
    cure="name the brand as the customer reads it at the opt-in",
).spec
def opt_in_brand(case: Case) -> Iterator[Hit]:
    if case.google and not names_brand(case.google.opt_in_description, case):
        yield Hit((*GOOGLE, "opt_in_description"), f"does not name the brand ({case.spec.brand})")


@warning(
    "message-flow-brand",
    "The US message flow names the brand",
    AWS_OPT_IN,
    why=CONSENT_WHY,
    cure="name the brand as the customer reads it at the opt-in",
).spec
def message_flow_brand(case: Case) -> Iterator[Hit]:
    if case.us and not names_brand(case.us.message_flow, case):
        yield Hit((*US, "message_flow"), f"does not name the brand ({case.spec.brand})")


@warning(
    "message-flow-stop",
    "The US message flow says how to stop",
    AWS_OPT_IN,
    why=CONSENT_WHY,
    cure="say that customers are told to reply STOP",
).spec
def message_flow_stop(case: Case) -> Iterator[Hit]:
    return _us_text(case, "message_flow", OPT_OUT, "does not say how a customer stops the messages")


@warning(
    "message-flow-help",
    "The US message flow says how to get help",
    AWS_OPT_IN,
    why=CONSENT_WHY,
    cure="say that customers are told to reply HELP",
).spec
def message_flow_help(case: Case) -> Iterator[Hit]:
    return _us_text(case, "message_flow", HELP, "does not say how a customer gets help")


@warning(
    "message-flow-frequency",
    "The US message flow says how often messages come",
    AWS_OPT_IN,
    why=CONSENT_WHY,
    cure="say how often, for example: up to 4 messages per month, or: message frequency varies",
).spec
def message_flow_frequency(case: Case) -> Iterator[Hit]:
    return _us_text(case, "message_flow", FREQUENCY, "does not say how often messages come")


@warning(
    "message-flow-rates",
    "The US message flow speaks of costs",
    AWS_OPT_IN,
    why=CONSENT_WHY,
    cure="say that customers read: message and data rates may apply",
).spec
def message_flow_rates(case: Case) -> Iterator[Hit]:
    return _us_text(case, "message_flow", RATES, "does not say that message and data rates may apply")


@warning(
    "opt-out-keywords",
    "Own opt-out words keep the usual ones",
    AJO_OPT_OUT,
    why="AJO replaces its own opt-out words by those of the webhook: what is left out no longer works.",
    cure="add them to the list",
).spec
def opt_out_keywords(case: Case) -> Iterator[Hit]:
    webhooks = case.spec.ajo.webhooks
    given = {word.strip().upper() for word in webhooks.keywords.opt_out} if webhooks else set()
    missing = [word for word in Keywords().opt_out if word not in given]
    if webhooks and missing:
        yield Hit(("ajo", "webhooks", "keywords", "opt_out"), f"leaves out {', '.join(missing)}")


@note(
    "test-message-stop",
    "The test message says how to stop",
    OURS,
    why="It goes to handsets of your own, so nobody demands it; but carriers' filters like it better.",
    cure="add: Reply STOP to opt out",
).spec
def test_message_stop(case: Case) -> Iterator[Hit]:
    if not OPT_OUT.search(case.spec.verification.message):
        yield Hit(("verification", "message"), "does not say how to stop the messages")


@note(
    "third-party-sharing",
    "The privacy policy says both things about third parties",
    SKILL,
    ONBOARDING,
    why="Two of Twilio's documents contradict each other: one wants the policy to say that data goes to third parties in order to transmit RCS, the form has it attested that consent is not shared with third parties. Both can hold when they are worded apart (inference).",
    cure="let the policy say that consent to messages is shared with nobody, and in another sentence that providers transmit the messages",
).spec
def third_party_sharing(case: Case) -> Iterator[Hit]:
    if case.us:
        yield Hit((*US, "attests_privacy_policy"), "attests what another of Twilio's documents seems to contradict")
