"""Phone numbers, against the countries of the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import phonenumbers

from engine.lint.case import PROFILE, US
from engine.lint.rule import Hit, note, warning
from engine.lint.sources import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Case


def _is_of(phone: str, countries: list[str]) -> bool:
    """By calling code: a mobile number of Canada cannot be told from one of the US by its digits alone."""
    code = phonenumbers.parse(phone, None).country_code
    return code in {phonenumbers.country_code_for_region(country) for country in countries}


def _region(phone: str) -> str:
    return phonenumbers.region_code_for_number(phonenumbers.parse(phone, None)) or "no single country"


@warning(
    "us-contact-phone",
    "A US company has a US phone number",
    OURS,
    why="Whoever vets the brand will probably compare the number with public records of the company.",
    cure="write the number at which the US company is known",
).spec
def us_contact_phone(case: Case) -> Iterator[Hit]:
    if case.us and case.us.issuing_country == "US" and not case.us.contact_phone.startswith("+1"):
        yield Hit(
            (*US, "contact_phone"),
            f"is a number of {_region(case.us.contact_phone)}, but the company is registered in the US",
        )


@warning(
    "profile-phone-country",
    "The profile's phone number is of a country that is served",
    OURS,
    why="Customers would call abroad. For GB `onboard validate` refuses any but +44 (doc: Twilio, RCS regional availability).",
    cure="write a number of one of the countries, or give an `email` instead",
).spec
def profile_phone_country(case: Case) -> Iterator[Hit]:
    phone = case.profile.phone.phone_number if case.profile and case.profile.phone else None
    if phone and not _is_of(phone, case.countries):
        yield Hit(
            (*PROFILE, "phone", "phone_number"), f"is a number of {_region(phone)}, which is not in `rcs.countries`"
        )


@warning(
    "fallback-country",
    "The fallback number is of a country that is served",
    OURS,
    why="Where RCS does not reach, messages go out as SMS from `twilio.numbers`; many countries block numbers from abroad.",
    cure="add a number of one of the countries to `twilio.numbers`",
).spec
def fallback_country(case: Case) -> Iterator[Hit]:
    numbers = case.spec.twilio.numbers
    if case.countries and not any(_is_of(number, case.countries) for number in numbers):
        yield Hit(
            ("twilio", "numbers", 0),
            f"is a number of {_region(numbers[0])}, and no number is of a country in `rcs.countries`",
        )


@note(
    "test-device-country",
    "Test devices are of a country that is served",
    OURS,
    why="A handset of another country may not get the invitation, or get it from another carrier's RCS.",
    cure="invite a handset of one of the countries",
).spec
def test_device_country(case: Case) -> Iterator[Hit]:
    for index, device in enumerate(case.rcs.test_devices if case.rcs else []):
        if not _is_of(device, case.countries):
            yield Hit(
                ("rcs", "test_devices", index), f"is a number of {_region(device)}, which is not in `rcs.countries`"
            )
