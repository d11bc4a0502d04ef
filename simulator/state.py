"""What exists in the pretended world: plain records, changed in place by the files that play them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def now() -> datetime:
    """The simulator's only clock."""
    return datetime.now(UTC)


@dataclass
class Account:
    sid: str
    auth_token: str
    status: str = "active"
    type: str = "Full"
    friendly_name: str = "Simulated account"
    created_at: datetime = field(default_factory=now)


@dataclass
class PhoneNumber:
    sid: str
    account_sid: str
    phone_number: str
    capabilities: dict[str, bool]
    settings: dict[str, str] = field(default_factory=dict)
    """Form fields as last written (`SmsUrl`, `SmsMethod`, ...)."""
    service_sid: str | None = None
    attached_at: datetime | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass
class Service:
    sid: str
    account_sid: str
    settings: dict[str, str]
    """Form fields as last written (`FriendlyName`, `InboundRequestUrl`, ...)."""
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass
class Carrier:
    name: str
    status: str = "UNLAUNCHED"
    is_scripted: bool = False
    """Set through the control API; the automatic review leaves it alone from then on."""


@dataclass
class Country:
    code: str
    registration_sid: str
    carriers: list[Carrier]
    status: str = "TWILIO_REVIEW"


@dataclass
class Sender:
    sid: str
    account_sid: str
    sender_id: str
    friendly_name: str | None
    webhook: Json | None
    profile: Json | None
    status: str = "CREATING"
    registration_sid: str = ""
    countries: list[Country] = field(default_factory=list)
    offline_reasons: list[Json] | None = None
    service_sid: str | None = None
    attached_at: datetime | None = None
    is_scripted: bool = False
    """A status was set through the control API; the automatic review has ended."""
    created_at: datetime = field(default_factory=now)


@dataclass
class ApiKey:
    sid: str
    account_sid: str
    friendly_name: str
    secret: str
    policy: Json | None
    """None for a standard key, which may do all but read the account and its keys."""
    created_at: datetime = field(default_factory=now)


@dataclass
class Message:
    sid: str
    account_sid: str
    to: str
    body: str
    status: str
    direction: str = "outbound-api"
    from_: str | None = None
    service_sid: str | None = None
    media: list[str] = field(default_factory=list)
    status_callback: str | None = None
    error_code: int | None = None
    channel_sender: Sender | None = None
    """The RCS sender that carries it; None when it went as SMS or MMS."""
    history: list[Json] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    sent_at: datetime | None = None


@dataclass
class Alert:
    sid: str
    account_sid: str
    error_code: str
    text: str
    request_url: str
    resource_sid: str
    created_at: datetime = field(default_factory=now)


@dataclass
class Organization:
    organization_id: str
    client_id: str
    client_secret: str
    sandboxes: list[str]


@dataclass
class AjoObject:
    """A credential, webhook or channel configuration of one AJO sandbox."""

    id: str
    kind: str
    organization_id: str
    sandbox: str
    fields: Json
    token: str = ""
    """Webhooks only: the unguessable end of the address."""
    status: str = ""
    """Channel configurations only."""
    status_reason: str | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
