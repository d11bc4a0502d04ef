"""What the spec declares for the review of an RCS sender by Google and by US carriers.

The lists are those of Twilio's forms (domain facts in ``docs/vendors.md``): another spelling is refused there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.spec.refusal import CURE, shown
from models.spec.types import Country, Email, HttpUrl, Phone, StrictModel, Text

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

LongText = Annotated[Text, Field(max_length=1000)]
FriendlyName = Annotated[Text, Field(max_length=64, examples=["Acme US"])]


def _refuse_false(attested: bool) -> bool:
    if not attested:
        msg = f"is false, and US carriers refuse the registration without it{CURE}settle it, then write true"
        raise ValueError(msg)
    return attested


def _refuse_odd_short_code(value: str) -> str:
    if not (value.isascii() and value.isdecimal() and len(value) in {5, 6}):
        msg = f'{shown(value)} is not a short code{CURE}write 5 or 6 digits in quotes, for example "22000"'
        raise ValueError(msg)
    return value


ShortCode = Annotated[Text, AfterValidator(_refuse_odd_short_code)]
Attestation = Annotated[bool, AfterValidator(_refuse_false)]


class Representative(StrictModel):
    """The person who may sign for the brand; Google may write to them."""

    first_name: Annotated[Text, Field(examples=["Maria"])]
    last_name: Annotated[Text, Field(examples=["Gomez"])]
    email: Email
    """At the brand's own domain."""
    business_title: Annotated[Text, Field(examples=["Head of CRM"])]
    business_website: HttpUrl


class GoogleRegistration(StrictModel):
    """Registration that Google asks for in every country, also when only the US is chosen."""

    friendly_name: FriendlyName
    """Name of this registration, at most 64 characters; recipients never see it."""
    representative: Representative
    access_instructions: LongText
    """How a reviewer gets to see the messages."""
    opt_in_description: LongText
    """How a customer gives consent."""
    opt_in_image_url: HttpUrl
    """Picture of the place where they do."""
    opt_out_message: LongText
    """What a customer reads after STOP."""
    message_triggers: LongText
    """What makes a message go out."""
    use_case_description: LongText
    """What the messages are for."""
    video_url: HttpUrl
    """Video that shows the main conversation and the opt-out."""
    notification_email: Email
    """Where news of the review goes."""


class UsRegistration(StrictModel):
    """Registration that US carriers ask for in addition."""

    friendly_name: FriendlyName
    """Name of this registration, at most 64 characters; recipients never see it."""
    legal_name: Annotated[Text, Field(examples=["Acme Coffee Inc."])]
    """As on the tax authority's letter (IRS CP 575)."""
    company_type: CompanyType
    issuing_country: Country
    """Country that issued the registration number."""
    registration_number: Annotated[Text, Field(examples=["12-3456789"])]
    """EIN or FTIN, in quotes."""
    industry: Industry
    contact_phone: Phone
    """The brand's own phone."""
    address: Annotated[Text, Field(examples=["1 Main St, San Francisco, CA 94111"])]
    """The brand's address, on one line."""
    stock_exchange: Text | None = None
    """Public corporations only, for example NASDAQ."""
    stock_symbol: Text | None = None
    """Public corporations only."""
    monthly_web_traffic: Annotated[int, Field(ge=0, examples=[250000])]
    """Organic visits of the website in a month."""
    short_codes: list[ShortCode] = []
    """US short codes the brand uses today, in quotes."""
    existing_monthly_volume: Annotated[int, Field(ge=0, examples=[120000])]
    """Messages the brand sends in a month today."""
    expected_monthly_volume: Annotated[int, Field(ge=1, examples=[150000])]
    """RCS messages expected in a month."""
    campaign_description: LongText
    """What the messages are for."""
    message_flow: LongText
    """How a customer gives consent, and what follows."""
    help_sample: Text
    """Answer to HELP."""
    stop_sample: Text
    """Answer to STOP."""
    service_type: ServiceType
    attests_privacy_policy: Attestation
    """The privacy policy says that consent to messages is not shared with third parties."""
    attests_terms: Attestation
    """The terms name the programme, its frequency, costs, HELP and STOP."""
    attests_ctia_handbook: Attestation
    """The messages follow the CTIA Short Code Monitoring Handbook."""


class Registration(StrictModel):
    """What carriers and Google want to know before they launch the sender."""

    google: GoogleRegistration
    us: UsRegistration | None = None
    """Required when `countries` has US."""
