"""What exists in the pretended world: plain records, changed in place by the files that play them.

Records name each other by SID and hold nothing that JSON cannot, so that a snapshot is the whole world.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.clock import Appointment
from simulator.faults import Faults

Json = dict[str, Any]


@dataclass
class Account:
    sid: str
    auth_token: str
    created_at: datetime
    status: str = "active"
    type: str = "Full"
    friendly_name: str = "Simulated account"


@dataclass
class PhoneNumber:
    sid: str
    account_sid: str
    phone_number: str
    capabilities: dict[str, bool]
    created_at: datetime
    updated_at: datetime
    settings: dict[str, str] = field(default_factory=dict)
    """Form fields as last written (`SmsUrl`, `SmsMethod`, ...)."""
    service_sid: str | None = None
    attached_at: datetime | None = None


@dataclass
class Service:
    sid: str
    account_sid: str
    settings: dict[str, str]
    """Form fields as last written (`FriendlyName`, `InboundRequestUrl`, ...)."""
    created_at: datetime
    updated_at: datetime


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
    created_at: datetime
    status: str = "CREATING"
    registration_sid: str = ""
    submissions: int = 0
    """What an earlier submission would still have brought about is void."""
    countries: list[Country] = field(default_factory=list)
    offline_reasons: list[Json] | None = None
    service_sid: str | None = None
    attached_at: datetime | None = None
    is_scripted: bool = False
    """A status was set through the control API; the automatic review has ended."""


@dataclass
class ApiKey:
    sid: str
    account_sid: str
    friendly_name: str
    secret: str
    policy: Json | None
    """None for a standard key, which may do all but read the account and its keys."""
    created_at: datetime
    updated_at: datetime


@dataclass
class Journey:
    """The way of one message: who carries it, through which states it still goes, to which error."""

    sender_sid: str | None
    from_: str
    statuses: list[str]
    error_code: int | None = None


@dataclass
class Message:
    sid: str
    account_sid: str
    to: str
    body: str
    status: str
    created_at: datetime
    updated_at: datetime
    direction: str = "outbound-api"
    from_: str | None = None
    service_sid: str | None = None
    media: list[str] = field(default_factory=list)
    status_callback: str | None = None
    error_code: int | None = None
    sender_sid: str | None = None
    """The RCS sender that carries it; None when it went as SMS or MMS."""
    journey: Journey | None = None
    """None for inbound messages, and once the last status is reached."""
    late_reports: list[dict[str, str]] = field(default_factory=list)
    """Callbacks held back so that they can be sent out of order."""
    history: list[Json] = field(default_factory=list)
    sent_at: datetime | None = None


@dataclass
class Alert:
    sid: str
    account_sid: str
    error_code: str
    text: str
    request_url: str
    request_method: str
    resource_sid: str
    created_at: datetime


@dataclass
class MonitorEvent:
    sid: str
    account_sid: str
    actor_type: str
    actor_sid: str
    source: str
    source_ip_address: str | None
    event_type: str
    resource_sid: str
    data: Json | None
    created_at: datetime


@dataclass
class Verdict:
    """What carriers will decide: the first verdict that fits a carrier counts."""

    sender_id_regex: str
    status: str
    country: str | None = None
    carrier: str | None = None


@dataclass
class Organization:
    organization_id: str
    client_id: str
    client_secret: str
    sandboxes: list[str]
    scopes: list[str]
    """What the client may ask for, as the Developer Console would list it."""


@dataclass
class Token:
    """An IMS access token."""

    organization_id: str
    scopes: list[str]
    expires_at: float
    """On the clock's own axis: a wall clock that is wrong ends no token."""


@dataclass
class AjoObject:
    """A credential, webhook or channel configuration of one AJO sandbox."""

    id: str
    kind: str
    organization_id: str
    sandbox: str
    fields: Json
    created_at: datetime
    updated_at: datetime
    token: str = ""
    """Webhooks only: the unguessable end of the address."""
    status: str = ""
    """Channel configurations only."""
    status_reason: str | None = None


@dataclass
class Campaign:
    """An AJO campaign with one SMS message; a person makes it in the user interface."""

    id: str
    organization_id: str
    sandbox: str
    name: str
    channel_configuration_id: str
    text: str
    created_at: datetime
    message_id: str
    variant_id: str
    status: str = "live"


@dataclass
class AjoMessage:
    """One message that AJO handed to a provider, and what it heard of it since."""

    reference: str
    """AJO's own name for it: `{{client_reference}}` in templates."""
    organization_id: str
    sandbox: str
    campaign_id: str
    job_id: str
    to: str
    text: str
    created_at: datetime
    request: Json | None = None
    http_status: int | None = None
    message_id: str | None = None
    error: str | None = None
    feedback: list[Json] = field(default_factory=list)


@dataclass
class ProofJob:
    id: str
    campaign_id: str
    recipients: list[tuple[str, str]]
    """User id and phone number."""
    base_url: str
    """Where this simulator was reached; credentials of vendor Twilio are used against it."""
    created_at: datetime
    status: str = "CREATED"
    submitted: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """User id and reason."""
    contexts: list[Json] = field(default_factory=list)
    """Context attributes, one object per recipient."""


@dataclass
class State:
    """All that a snapshot keeps; dictionaries are by SID or id."""

    accounts: dict[str, Account] = field(default_factory=dict)
    numbers: dict[str, PhoneNumber] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    senders: dict[str, Sender] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    monitor_events: deque[MonitorEvent] = field(default_factory=deque)
    verdicts: list[Verdict] = field(default_factory=list)
    testers: set[tuple[str, str]] = field(default_factory=set)
    opt_outs: set[tuple[str, str]] = field(default_factory=set)
    organizations: dict[str, Organization] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    ajo: dict[str, AjoObject] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    ajo_messages: dict[str, AjoMessage] = field(default_factory=dict)
    proofs: dict[str, ProofJob] = field(default_factory=dict)
    consents: list[Json] = field(default_factory=list)
    created: dict[str, Json] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    recent_calls: deque[Json] = field(default_factory=deque)
    callbacks: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    last_id: int = 0
    last_roll: int = 0
    elapsed: float = 0.0
    skew_seconds: float = 0.0
    appointments: list[Appointment] = field(default_factory=list)
