"""What the spec declares at Twilio: account, messaging service, numbers, US 10DLC attestation."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from models.spec.types import CURE, Phone, SecretRef, StrictModel, Text, matches


def _read_date(value: object) -> object:
    """YAML gives a date for ``2026-11-23`` and text for ``"2026-11-23"``; both are meant."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def sid(prefix: str, what: str) -> object:
    """A Twilio SID: two letters that tell the kind, 32 hexadecimal digits (Twilio's OpenAPI descriptions)."""
    return matches(rf"{prefix}[0-9a-fA-F]{{32}}", f"the SID of {what}", prefix + "0123456789abcdef" * 2)


AccountSid = Annotated[str, sid("AC", "an account")]
ServiceSid = Annotated[str, sid("MG", "a messaging service")]


class MessagingService(StrictModel):
    """The Twilio Messaging Service whose pool holds the senders."""

    sid: ServiceSid | None = None
    """An existing service to adopt. Without it, one is created under `friendly_name`."""
    friendly_name: Annotated[Text, Field(max_length=48)] | None = None
    """Name of the service to create; onboard appends its own mark (Twilio allows 64 characters in all)."""

    @model_validator(mode="after")
    def _one_of_both(self) -> MessagingService:
        if (self.sid is None) == (self.friendly_name is None):
            msg = f"needs either `sid` or `friendly_name`{CURE}`sid` adopts an existing service, `friendly_name` creates one"
            raise ValueError(msg)
        return self


class TenDlcAttestation(StrictModel):
    """A person's word that the US A2P 10DLC campaign of the numbers is registered (Twilio Console)."""

    campaign_registered: bool
    attested_by: Text
    attested_on: Annotated[date, BeforeValidator(_read_date)]


class Twilio(StrictModel):
    account_sid: AccountSid
    auth_token: SecretRef
    """The account's auth token: it validates callbacks, reads the account and mints the bridge's own restricted key."""
    messaging_service: MessagingService
    numbers: Annotated[list[Phone], Field(min_length=1)]
    """Numbers owned by the account. SMS and MMS send from them; for RCS they are the fallback."""
    a2p_10dlc: TenDlcAttestation | None = None
    """Required when a number is American."""

    @model_validator(mode="after")
    def _us_numbers_need_10dlc(self) -> Twilio:
        if any(number.startswith("+1") for number in self.numbers):
            if self.a2p_10dlc is None:
                msg = (
                    f"numbers of the North American plan need `a2p_10dlc`{CURE}"
                    "register the campaign in the Twilio Console, then add campaign_registered, attested_by, attested_on"
                )
                raise ValueError(msg)
            if not self.a2p_10dlc.campaign_registered:
                msg = f"`a2p_10dlc.campaign_registered` is false{CURE}register the campaign first: unregistered traffic is blocked (30034)"
                raise ValueError(msg)
        return self
