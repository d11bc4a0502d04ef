"""What the spec declares at Twilio: account, messaging service, numbers, US 10DLC attestation."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from models.spec.refusal import CURE, shown
from models.spec.types import Matches, Phone, SecretRef, StrictModel, Text


def read_date(value: object) -> object:
    """YAML gives a date for ``2026-11-23`` and text for ``"2026-11-23"``; both are meant."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        msg = f"{shown(value)} is not a date{CURE}write year, month and day, for example 2026-11-23"
        raise ValueError(msg) from None


def sid(prefix: str, what: str) -> Matches:
    """A Twilio SID: two letters that tell the kind, 32 hexadecimal digits (Twilio's OpenAPI descriptions)."""
    return Matches(rf"{prefix}[0-9a-fA-F]{{32}}", f"the SID of {what}", prefix + "0123456789abcdef" * 2)


AccountSid = Annotated[str, sid("AC", "an account")]
ServiceSid = Annotated[str, sid("MG", "a messaging service")]


class MessagingService(StrictModel):
    """The Twilio Messaging Service whose pool holds the senders. Exactly one of `sid` and `friendly_name`."""

    sid: ServiceSid | None = None
    """An existing service to adopt. Without it, one is created under `friendly_name`."""
    friendly_name: Annotated[Text, Field(max_length=48, examples=["Acme RCS"])] | None = None
    """Name of the service to create; onboard appends its own mark (Twilio allows 64 characters in all)."""


def _refuse_false(value: bool) -> bool:
    if not value:
        msg = (
            f"is false{CURE}register the campaign first (unregistered traffic is blocked, error 30034), then write true"
        )
        raise ValueError(msg)
    return value


class TenDlcAttestation(StrictModel):
    """A person's word that the US A2P 10DLC campaign of the numbers is registered (Twilio Console)."""

    campaign_registered: Annotated[bool, AfterValidator(_refuse_false)]
    """true, once the Console shows the campaign as registered."""
    attested_by: Annotated[Text, Field(examples=["Maria Gomez"])]
    """Who looked."""
    attested_on: Annotated[date, BeforeValidator(read_date), Field(examples=["2026-11-02"])]
    """When: year-month-day."""


class Twilio(StrictModel):
    """What exists, or shall exist, at Twilio."""

    account_sid: AccountSid
    """The account's SID, from the Console's front page."""
    auth_token: SecretRef
    """The account's auth token: it validates callbacks, reads the account and mints the bridge's own restricted key."""
    messaging_service: MessagingService
    numbers: Annotated[list[Phone], Field(min_length=1, examples=[["+14155550100"]])]
    """Numbers owned by the account, in E.164 and in quotes. SMS and MMS send from them; for RCS they are the fallback."""
    a2p_10dlc: TenDlcAttestation | None = None
    """Required when a number is of the North American plan (+1), other than toll-free."""
