"""The use case, against what the texts speak of. By words only: a heuristic that doubts and does not judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import PROFILE, US
from engine.lint.rule import Hit, warning
from engine.lint.rules.texts import written
from engine.lint.sources import ONBOARDING, OURS, SENDERS_API, SKILL
from engine.lint.words import CODE_WORDS, PROMOTION, TRANSACTION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

    from engine.lint.case import Case

PLACE = (*PROFILE, "use_case")
WHY = "Samples that do not match the use case are among the common rejections, and the use case is frozen after launch. What the texts speak of is told from single words (a heuristic)."
SPEAKING = {"message_triggers", "use_case_description", "campaign_description"}
FITTING = {
    "Promotional marketing": {"PROMOTIONAL", "MULTI_USE"},
    "Sweepstakes and contest": {"PROMOTIONAL", "MULTI_USE"},
    "Two-factor authentication": {"OTP", "TRANSACTIONAL", "MULTI_USE"},
    "Account notification": {"TRANSACTIONAL", "MULTI_USE", "OTP"},
    "Delivery notification": {"TRANSACTIONAL", "MULTI_USE"},
    "Fraud alerts": {"TRANSACTIONAL", "MULTI_USE", "OTP"},
    "Security alerts": {"TRANSACTIONAL", "MULTI_USE", "OTP"},
}


def _speaks_of(case: Case, pattern: Pattern[str]) -> bool:
    return any(pattern.search(text) for loc, text in written(case) if loc[-1] in SPEAKING)


def _use_case(case: Case) -> str:
    return case.profile.use_case if case.profile else ""


@warning(
    "use-case-multi",
    "MULTI_USE speaks of both kinds of messages",
    SKILL,
    SENDERS_API,
    OURS,
    why=WHY,
    cure="describe both, advertising and updates, or choose PROMOTIONAL or TRANSACTIONAL",
).spec
def use_case_multi(case: Case) -> Iterator[Hit]:
    kinds = {"advertising": PROMOTION, "updates about orders, accounts or appointments": TRANSACTION}
    missing = [kind for kind, pattern in kinds.items() if not _speaks_of(case, pattern)]
    if _use_case(case) == "MULTI_USE" and missing:
        yield Hit(PLACE, f"is MULTI_USE, but no text speaks of {' or of '.join(missing)}")


@warning(
    "use-case-promotional",
    "PROMOTIONAL speaks of advertising",
    SKILL,
    SENDERS_API,
    OURS,
    why=WHY,
    cure="describe the offers, or choose TRANSACTIONAL",
).spec
def use_case_promotional(case: Case) -> Iterator[Hit]:
    if _use_case(case) == "PROMOTIONAL" and not _speaks_of(case, PROMOTION):
        yield Hit(PLACE, "is PROMOTIONAL, but no text speaks of advertising")


@warning(
    "use-case-transactional",
    "TRANSACTIONAL does not speak of advertising",
    SKILL,
    SENDERS_API,
    OURS,
    why=WHY,
    cure="take the advertising out of the texts, or choose MULTI_USE",
).spec
def use_case_transactional(case: Case) -> Iterator[Hit]:
    if _use_case(case) == "TRANSACTIONAL" and _speaks_of(case, PROMOTION):
        yield Hit(PLACE, "is TRANSACTIONAL, but the texts speak of advertising")


@warning(
    "use-case-otp",
    "OTP speaks of codes",
    SKILL,
    SENDERS_API,
    OURS,
    why=WHY,
    cure="describe the codes, or choose TRANSACTIONAL",
).spec
def use_case_otp(case: Case) -> Iterator[Hit]:
    if _use_case(case) == "OTP" and not _speaks_of(case, CODE_WORDS):
        yield Hit(PLACE, "is OTP, but no text speaks of codes")


@warning(
    "service-type",
    "The US service type fits the use case",
    ONBOARDING,
    OURS,
    why="The same campaign is described in two forms, and reviewers compare them. Which types fit which use case is our inference.",
    cure="choose a service type that fits, or another use case",
).spec
def service_type(case: Case) -> Iterator[Hit]:
    fitting = FITTING.get(case.us.service_type) if case.us else None
    if case.us and fitting and _use_case(case) not in fitting:
        yield Hit((*US, "service_type"), f"is {case.us.service_type}, but the use case is {_use_case(case)}")
