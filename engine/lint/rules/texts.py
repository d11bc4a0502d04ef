"""The description, and texts that nobody has written yet."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from engine.lint.case import GOOGLE, PROFILE, US
from engine.lint.rule import Hit, error, warning
from engine.lint.sources import AWS, ONBOARDING, OURS, SKILL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Case
    from models.spec.refusal import Location

# After a digit it is a percentage: "20%de descuento" is a typing error of another kind.
ESCAPE = re.compile(r"(?<!\d)%[0-9A-Fa-f]{2}|&(#\d+|#x[0-9A-Fa-f]+|[A-Za-z]+);")
COMMAND = re.compile(
    r"\b(rm|cp|mv|chmod|chown|mkdir|sudo|cat|curl|wget|bash|sh|ssh|echo) (-\w|/|\$|https?:)|\$\(|`|&&|\|\||\| ?(sh|bash|grep)\b"
)
PATH = re.compile(
    r"(?<![\w:/.])(~|\.{1,2})?/(etc|usr|var|bin|home|tmp|opt|dev|proc|root)\b|(?<!\w)\.\./|\b[A-Z]:/", re.IGNORECASE
)
TEMPLATE = re.compile(
    r"\[\[.*?\]\]|(?<![\w%])%\w+%|(?<!\w)\$[A-Za-z_]\w*|\[(name|first.?name|brand|company)\]", re.IGNORECASE
)
# TODO in capitals only: in Spanish `todo` is a word.
PLACEHOLDER = re.compile(
    r"\b(TODO|TBD|TBA|FIXME)\b|(?i:lorem ipsum|\bn/a\b|\bxxx+\b|\bto be (done|defined|written)\b|<[^>]+>|replace (this|me)\b)"
)
GOOGLE_TEXTS = (
    "access_instructions",
    "opt_in_description",
    "opt_out_message",
    "message_triggers",
    "use_case_description",
)
US_TEXTS = ("campaign_description", "message_flow", "help_sample", "stop_sample")
# What US carriers ask of the same texts for 10DLC campaigns.
SHORTEST = 40


def _description(case: Case, pattern: re.Pattern[str]) -> Iterator[Hit]:
    found = pattern.search(case.profile.description) if case.profile else None
    if found:
        yield Hit((*PROFILE, "description"), f"holds {found[0]!r}")


def written(case: Case) -> list[tuple[Location, str]]:
    """The texts of the registration that somebody reviews, with their places."""
    google = [((*GOOGLE, name), getattr(case.google, name)) for name in GOOGLE_TEXTS] if case.google else []
    us = [((*US, name), getattr(case.us, name)) for name in US_TEXTS] if case.us else []
    return [*google, *us]


@error(
    "description-escape",
    "The description has no escaped characters",
    ONBOARDING,
    AWS,
    why="Twilio forbids them, and AWS names %25, %2e, %2f and %5c. Backslashes are refused by `onboard validate`.",
    cure="write the character itself, or another word",
).spec
def description_escape(case: Case) -> Iterator[Hit]:
    for found in ESCAPE.finditer(case.profile.description) if case.profile else ():
        # "R&D;" is none.
        if found[0].startswith("%") or html.unescape(found[0]) != found[0]:
            yield Hit((*PROFILE, "description"), f"holds {found[0]!r}")


@error(
    "description-command",
    "The description has no Unix commands",
    ONBOARDING,
    why="Twilio forbids them; that these spellings count as commands is a heuristic.",
    cure="write plain words",
).spec
def description_command(case: Case) -> Iterator[Hit]:
    return _description(case, COMMAND)


@error(
    "description-path",
    "The description has no paths of a file system",
    AWS,
    why="AWS forbids them for the same carriers; Twilio is silent.",
    cure="write plain words",
).spec
def description_path(case: Case) -> Iterator[Hit]:
    return _description(case, PATH)


@error(
    "description-template",
    "The description has no template syntax",
    AWS,
    why="AWS forbids it for the same carriers, and nobody would fill it in. Braces are refused by `onboard validate`.",
    cure="write the words that shall be read",
).spec
def description_template(case: Case) -> Iterator[Hit]:
    return _description(case, TEMPLATE)


@error(
    "text-placeholder",
    "No text of the registration is a placeholder",
    OURS,
    why="Reviewers read these texts.",
    cure="write what is meant",
).spec
def text_placeholder(case: Case) -> Iterator[Hit]:
    description = [((*PROFILE, "description"), case.profile.description)] if case.profile else []
    for loc, text in [*description, *written(case)]:
        found = PLACEHOLDER.search(text)
        if found:
            yield Hit(loc, f"holds {found[0]!r}, which reads as a placeholder")


@warning(
    "text-short",
    "Descriptions say enough for a reviewer",
    SKILL,
    OURS,
    why="Vague descriptions are among the common rejections. The number of characters is borrowed from US 10DLC campaigns (inference).",
    cure=f"write at least {SHORTEST} characters: who gets what, when, and why",
).spec
def text_short(case: Case) -> Iterator[Hit]:
    wanted = {"opt_in_description", "message_triggers", "use_case_description", "campaign_description", "message_flow"}
    for loc, text in written(case):
        if loc[-1] in wanted and len(text.strip()) < SHORTEST:
            yield Hit(loc, f"has only {len(text.strip())} characters")


@warning(
    "text-copied",
    "Each question has its own answer",
    OURS,
    why="One text in two places answers at most one of the two questions.",
    cure="write for each what it is asked for",
).spec
def text_copied(case: Case) -> Iterator[Hit]:
    first: dict[str, Location] = {}
    for loc, text in written(case):
        other = first.setdefault(" ".join(text.lower().split()), loc)
        # Google's opt-out message and the US answer to STOP are the same message; so may be the two descriptions.
        if other is not loc and other[:3] == loc[:3]:
            yield Hit(loc, f"is the same text as `{other[-1]}`")
