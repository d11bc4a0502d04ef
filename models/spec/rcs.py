"""What the spec declares about an RCS sender: profile, countries, test devices.

Lengths and limits: ``docs/vendors.md``. Where Twilio publishes none, the strictest published by another RCS provider
is taken, so that a spec that passes here passes there too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.spec.refusal import CURE
from models.spec.registration import Registration
from models.spec.types import Country, Email, HttpUrl, Matches, Phone, StrictModel, Text

COUNTRIES_TWILIO_SENDS_TO = frozenset(
    "CA MX US AT BE CZ DK FI FR DE IE IT NL NO PL PT RO SK ES SE GB BR SG".split()  # noqa: SIM905  reads as the table it is
)


def contrast_with_white(colour: str) -> float:
    """WCAG 2 contrast ratio of ``#rrggbb`` against white, from 1 (white) to 21 (black)."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[index : index + 2], 16)) for index in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _refuse_pale(colour: str) -> str:
    ratio = contrast_with_white(colour)
    if ratio < 4.5:
        # Rounded down, or 4.46 would be refused as "4.5:1".
        msg = (
            f"{colour} has contrast {int(ratio * 10) / 10}:1 against white{CURE}choose a darker colour, at least 4.5:1"
        )
        raise ValueError(msg)
    return colour


def _refuse_markup(text: str) -> str:
    found = next((character for character in text if character in "<>{}\\"), None)
    if found:
        msg = f"holds {found!r}, and Twilio refuses HTML, JSON and escapes here{CURE}write plain words"
        raise ValueError(msg)
    return text


def _refuse_unserved(country: str) -> str:
    if country not in COUNTRIES_TWILIO_SENDS_TO:
        known = ", ".join(sorted(COUNTRIES_TWILIO_SENDS_TO))
        msg = f"Twilio sends no RCS to {country}{CURE}choose among {known}"
        raise ValueError(msg)
    return country


ServedCountry = Annotated[Country, AfterValidator(_refuse_unserved)]


class LabelledPhone(StrictModel):
    phone_number: Phone
    """In E.164 and in quotes."""
    label: Text = "Customer service"
    """Shown beside it."""


class LabelledEmail(StrictModel):
    email: Email
    label: Text = "Customer service"
    """Shown beside it."""


class LabelledWebsite(StrictModel):
    website: HttpUrl
    label: Text = "Website"
    """Shown beside it."""


class Profile(StrictModel):
    """What a recipient sees of the brand. Twilio refuses a submission with any of these missing."""

    display_name: Annotated[Text, Field(max_length=40, examples=["Acme"])]
    """The sender's name on the handset, at most 40 characters. Generic names are often refused."""
    description: Annotated[
        Text, Field(max_length=100, examples=["Coffee and order updates"]), AfterValidator(_refuse_markup)
    ]
    """At most 100 characters of plain words."""
    logo_url: HttpUrl
    """JPEG or PNG, 224 x 224 pixels, at most 50 kB."""
    banner_url: HttpUrl
    """JPEG or PNG, 1440 x 448 pixels, at most 200 kB."""
    accent_color: Annotated[str, Matches(r"#[0-9a-fA-F]{6}", "a colour", "#0b5fff"), AfterValidator(_refuse_pale)]
    """Colour of buttons, in quotes, with a contrast of at least 4.5:1 against white."""
    phone: LabelledPhone | None = None
    """Phone number for customers. Twilio asks for a phone number or an e-mail address. For GB only +44."""
    email: LabelledEmail | None = None
    """E-mail address for customers."""
    website: LabelledWebsite
    """The brand's site."""
    privacy_url: HttpUrl
    """Privacy policy, public. For Germany it must be in German, for Mexico in Spanish."""
    terms_url: HttpUrl
    """Terms of service, public."""
    use_case: Literal["PROMOTIONAL", "TRANSACTIONAL", "OTP", "MULTI_USE"] = "MULTI_USE"
    """Cannot be changed after launch."""


class Rcs(StrictModel):
    """The RCS sender: who it is, where it sends, what its registration says."""

    sender_id: Annotated[str, Matches(r"rcs:[a-z0-9_]{3,64}", "an RCS sender id", "rcs:acme_coffee_agent")]
    """Id of the sender, from the Twilio Console (Channels, RCS, Senders)."""
    profile: Profile
    countries: Annotated[list[ServedCountry], Field(min_length=1, examples=[["US"]])]
    """ISO codes of the countries to send to."""
    registration: Registration
    test_devices: list[Phone] = []
    """Devices whose owners accepted the tester invitation; they receive messages before any carrier approval."""
    go_live: Literal["any_carrier", "all_countries"] = "all_countries"
    """When registration counts as done: one approved carrier anywhere, or every country usable."""
    review_deadline_days: Annotated[int, Field(ge=1, le=365)] = 60
    """After this many days of carrier review a person is asked to look."""
