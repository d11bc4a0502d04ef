"""What single countries want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import US
from engine.lint.rule import Hit, error, note, warning
from engine.lint.sources import LETTERS, REGIONS, TWO_LISTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Case
    from models.spec.refusal import Location

NOT_SELF_SERVE = ("BR", "CA", "ES", "SG")
WITH_LETTER = ("BE", "DE", "IT", "NL")
FAVOURED_VOLUME = 100_000


def _place(case: Case, country: str) -> Location:
    return ("rcs", "countries", case.countries.index(country))


@warning(
    "pt-needs-es",
    "Portugal comes with Spain",
    REGIONS,
    why="Portugal is submitted by itself once Spain has approved: without Spain it waits for ever.",
    cure="add ES to `rcs.countries`, or leave PT out",
).spec
def pt_needs_es(case: Case) -> Iterator[Hit]:
    if "PT" in case.countries and "ES" not in case.countries:
        yield Hit(_place(case, "PT"), "is PT without ES")


@error(
    "br-alone",
    "Brazil has a sender of its own",
    REGIONS,
    why="A sender for Brazil is made by a form of its own and can never be used elsewhere.",
    cure="write a second spec for Brazil with its own sender, and leave BR out here",
).spec
def br_alone(case: Case) -> Iterator[Hit]:
    if "BR" in case.countries and len(case.countries) > 1:
        yield Hit(_place(case, "BR"), "is BR, together with other countries")


@note(
    "not-self-serve",
    "Twilio registers some countries only when asked",
    TWO_LISTS,
    why="Twilio sends to BR, CA, ES and SG, but its Console has no form to register them.",
    cure="ask Twilio to register the country, and plan more time",
).spec
def not_self_serve(case: Case) -> Iterator[Hit]:
    for country in case.countries:
        if country in NOT_SELF_SERVE:
            yield Hit(_place(case, country), f"is {country}, which cannot be registered in the Console by oneself")


@note(
    "country-letter",
    "Some countries want a signed letter",
    REGIONS,
    LETTERS,
    why="Carriers in BE, DE, IT and NL want a signed letter of the brand. Twilio's document names Germany; the others are known from other providers.",
    cure="have the letter signed by somebody who may sign for the brand, before the submission",
).spec
def country_letter(case: Case) -> Iterator[Hit]:
    for country in case.countries:
        if country in WITH_LETTER:
            yield Hit(_place(case, country), f"is {country}, whose carriers want a signed letter")


@note(
    "sg-ssir",
    "Singapore wants its own registration",
    REGIONS,
    why="Senders for Singapore are registered with SSIR too.",
    cure="register the brand with SSIR (SMS Sender ID Registry) first",
).spec
def sg_ssir(case: Case) -> Iterator[Hit]:
    if "SG" in case.countries:
        yield Hit(_place(case, "SG"), "is SG, which needs a registration with SSIR")


@note(
    "us-volume",
    "US carriers favour large volumes",
    REGIONS,
    why="They currently favour well-known names, rich use and 100,000 messages a month, or a move from SMS.",
    cure="if more is expected, say so; if messages move from SMS to RCS, say so in the campaign's description",
).spec
def us_volume(case: Case) -> Iterator[Hit]:
    if case.us and case.us.expected_monthly_volume < FAVOURED_VOLUME:
        yield Hit((*US, "expected_monthly_volume"), f"is below the {FAVOURED_VOLUME:,} a month that US carriers favour")
