"""What the spec declares about an RCS sender: profile, countries, registration data, test devices.

Lengths and limits: ``docs/vendors.md``. Where Twilio publishes none, the strictest published by another RCS provider
is taken, so that a spec that passes here passes there too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.spec.types import CURE, Country, HttpUrl, Phone, StrictModel, Text, matches

COUNTRIES_TWILIO_SENDS_TO = frozenset(
    "CA MX US AT BE CZ DK FI FR DE IE IT NL NO PL PT RO SK ES SE GB BR SG".split()  # noqa: SIM905  reads as the table it is
)

CompanyType = Literal[
    "Government", "Nonprofit corporation", "Private corporation", "Public corporation", "Sole Proprietorship"
]

Industry = Literal[
    "Agriculture",
    "Communication",
    "Construction",
    "Education",
    "Energy",
    "Entertainment",
    "Financial",
    "Gambling",
    "Government",
    "Healthcare",
    "Hospitality",
    "Human resources",
    "Insurance",
    "Legal",
    "Manufacturing",
    "Nonprofit",
    "Political",
    "Postal",
    "Professional",
    "Real estate",
    "Retail",
    "Technology",
    "Transportation",
]

ServiceType = Literal[
    "Account notification",
    "Age gated content",
    "Business operations",
    "Conversational messaging",
    "Delivery notification",
    "Donation pledge",
    "Education",
    "Emergency alerts",
    "Fraud alerts",
    "Loan arrangement",
    "Machine to machine",
    "On behalf of carrier",
    "Platform free trial",
    "Political",
    "Promotional marketing",
    "Public service announcements",
    "Security alerts",
    "Social media",
    "Sole proprietorship",
    "Sweepstakes and contest",
    "Two-factor authentication",
    "Voting and polling",
]

Email = Annotated[str, matches(r"[^@\s]+@[^@\s]+\.[^@\s.]+", "an e-mail address", "brand@example.com")]
LongText = Annotated[Text, Field(max_length=1000)]


class LabelledPhone(StrictModel):
    phone_number: Phone
    label: Text = "Customer service"


class LabelledEmail(StrictModel):
    email: Email
    label: Text = "Customer service"


class LabelledWebsite(StrictModel):
    website: HttpUrl
    label: Text = "Website"


class Profile(StrictModel):
    """What a recipient sees of the brand. Twilio refuses a submission with any of these missing."""

    display_name: Annotated[Text, Field(max_length=40)]
    description: Annotated[Text, Field(max_length=100)]
    logo_url: HttpUrl
    """JPEG or PNG, 224 x 224 pixels, at most 50 kB."""
    banner_url: HttpUrl
    """JPEG or PNG, 1440 x 448 pixels, at most 200 kB."""
    accent_color: Annotated[
        str, matches(r"#[0-9a-fA-F]{6}", "a colour", '"#0b5fff" (in quotes: # starts a comment in YAML)')
    ]
    """Contrast of at least 4.5:1 against white."""
    phone: LabelledPhone | None = None
    email: LabelledEmail | None = None
    website: LabelledWebsite
    privacy_url: HttpUrl
    terms_url: HttpUrl
    use_case: Literal["PROMOTIONAL", "TRANSACTIONAL", "OTP", "MULTI_USE"] = "MULTI_USE"
    """Cannot be changed after launch."""

    @model_validator(mode="after")
    def _one_contact(self) -> Profile:
        if self.phone is None and self.email is None:
            msg = f"needs a `phone` or an `email`{CURE}add one: Twilio asks for at least one contact"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _contrast(self) -> Profile:
        ratio = contrast_with_white(self.accent_color)
        if ratio < 4.5:
            msg = f"`accent_color` {self.accent_color} has contrast {ratio:.1f}:1 against white{CURE}choose a darker colour, at least 4.5:1"
            raise ValueError(msg)
        return self


def contrast_with_white(colour: str) -> float:
    """WCAG 2 contrast ratio of ``#rrggbb`` against white, from 1 (white) to 21 (black)."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[index : index + 2], 16)) for index in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


class Representative(StrictModel):
    first_name: Text
    last_name: Text
    email: Email
    business_title: Text
    business_website: HttpUrl


class GoogleRegistration(StrictModel):
    """Registration that Google asks for in every country, also when only the US is chosen."""

    friendly_name: Annotated[Text, Field(max_length=64)]
    representative: Representative
    access_instructions: LongText
    opt_in_description: LongText
    opt_in_image_url: HttpUrl
    opt_out_message: LongText
    message_triggers: LongText
    use_case_description: LongText
    video_url: HttpUrl
    notification_email: Email


class UsRegistration(StrictModel):
    """Registration that US carriers ask for in addition."""

    friendly_name: Annotated[Text, Field(max_length=64)]
    legal_name: Text
    company_type: CompanyType
    issuing_country: Country
    registration_number: Text
    """EIN or FTIN."""
    industry: Industry
    contact_phone: Phone
    address: Text
    stock_exchange: Text | None = None
    stock_symbol: Text | None = None
    monthly_web_traffic: Annotated[int, Field(ge=0)]
    short_codes: list[Text] = []
    existing_monthly_volume: Annotated[int, Field(ge=0)]
    expected_monthly_volume: Annotated[int, Field(ge=1)]
    campaign_description: LongText
    message_flow: LongText
    help_sample: Text
    stop_sample: Text
    service_type: ServiceType
    attests_privacy_policy: bool
    attests_terms: bool
    attests_ctia_handbook: bool

    @model_validator(mode="after")
    def _consistent(self) -> UsRegistration:
        if self.company_type == "Public corporation" and not (self.stock_exchange and self.stock_symbol):
            msg = f"a public corporation needs `stock_exchange` and `stock_symbol`{CURE}add both"
            raise ValueError(msg)
        for field in ("attests_privacy_policy", "attests_terms", "attests_ctia_handbook"):
            if not getattr(self, field):
                msg = f"`{field}` is false{CURE}US registration is refused without it: settle it, then write true"
                raise ValueError(msg)
        return self


class Registration(StrictModel):
    google: GoogleRegistration
    us: UsRegistration | None = None


class Rcs(StrictModel):
    sender_id: Annotated[str, matches(r"rcs:[a-z0-9_]{3,64}", "an RCS sender id", "rcs:acme_coffee_agent")]
    profile: Profile
    countries: Annotated[list[Country], Field(min_length=1)]
    registration: Registration
    test_devices: list[Phone] = []
    """Devices whose owners accepted the tester invitation; they receive messages before any carrier approval."""
    go_live: Literal["any_carrier", "all_countries"] = "all_countries"
    """When registration counts as done: one approved carrier anywhere, or every country usable."""
    review_deadline_days: Annotated[int, Field(ge=1, le=365)] = 60
    """After this many days of carrier review a person is asked to look."""

    @model_validator(mode="after")
    def _countries_fit(self) -> Rcs:
        unknown = sorted(set(self.countries) - COUNTRIES_TWILIO_SENDS_TO)
        if unknown:
            known = ", ".join(sorted(COUNTRIES_TWILIO_SENDS_TO))
            msg = f"Twilio sends no RCS to {', '.join(unknown)}{CURE}choose among {known}"
            raise ValueError(msg)
        if "US" in self.countries and self.registration.us is None:
            msg = f"country US needs `registration.us`{CURE}add it, or leave US out of `countries`"
            raise ValueError(msg)
        phone = self.profile.phone
        if "GB" in self.countries and phone is not None and not phone.phone_number.startswith("+44"):
            msg = f"country GB allows only +44 numbers in the profile{CURE}use a British number, or an e-mail address instead"
            raise ValueError(msg)
        return self
