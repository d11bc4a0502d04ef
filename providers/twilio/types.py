"""What Twilio's API tells, as values. Unknown status words are kept as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    sid: str
    status: str
    type: str
    friendly_name: str


@dataclass(frozen=True, slots=True)
class Number:
    sid: str
    phone_number: str
    capabilities: frozenset[str]
    """Of ``sms``, ``mms``, ``voice`` and what else Twilio names, in small letters."""
    sms_url: str | None
    status_callback: str | None


@dataclass(frozen=True, slots=True)
class Service:
    sid: str
    friendly_name: str
    inbound_request_url: str | None
    status_callback: str | None
    use_inbound_webhook_on_number: bool
    inbound_method: str = "POST"


@dataclass(frozen=True, slots=True)
class PoolNumber:
    sid: str
    phone_number: str


@dataclass(frozen=True, slots=True)
class PoolSender:
    sid: str
    sender: str
    sender_type: str
    """``RCS`` for an RCS sender."""


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class CountryStatus:
    country: str
    status: str
    carriers: tuple[CarrierStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class RcsSender:
    sid: str
    sender_id: str
    status: str
    profile: dict[str, Any] = field(default_factory=dict)
    webhook: dict[str, Any] = field(default_factory=dict)
    countries: tuple[CountryStatus, ...] = ()
    offline_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiKey:
    sid: str
    friendly_name: str
    permissions: tuple[str, ...] | None = None
    """What a restricted key may do; None where Twilio does not show it (lists, and keys of another kind)."""


@dataclass(frozen=True, slots=True)
class NewKey:
    sid: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    sid: str
    to: str
    sender: str | None
    status: str
    body: str
    error_code: int | None
    error_message: str | None
    """For people: Twilio changes its words."""
    date_created: datetime | None


@dataclass(frozen=True, slots=True)
class Alert:
    """Something Twilio noticed, such as a webhook it could not reach (``delivery_decision`` knows the codes)."""

    sid: str
    error_code: int | None
    level: str
    text: str
    request_url: str | None
    resource_sid: str | None
    generated_at: datetime | None


@dataclass(frozen=True, slots=True)
class MonitorEvent:
    """Somebody made, changed or deleted an object. Empty texts are what Twilio did not tell.

    :param event_type: ``phone-number.updated``.
    :param actor_type: ``user`` (signed in to the Console), ``account`` (by API), ``twilio-admin``, or another word.
    :param source: ``web``, ``api`` or ``twilio``.
    :param changed: properties with another value than before, as far as it names them.
    """

    event_type: str
    at: datetime
    actor_type: str
    actor_sid: str
    source: str
    source_address: str
    changed: frozenset[str]
