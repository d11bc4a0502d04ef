"""The JSON that passes between AJO and the gateway, and Twilio's callbacks turned into it.

Required fields: Adobe's pages on custom providers and SMS webhooks. How Twilio's parameters map to them is inference
(docs/vendors.md); AJO's accepted ``feedbackStatus`` words are unpublished, so Twilio's are passed on.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTBOUND_TEMPLATE = json.dumps(
    {
        "from": "{{fromNumber}}",
        "to": "{{toNumber}}",
        "message": "{{message}}",
        # That AJO has a reference to give is inference: its page on the Custom provider speaks of one that is echoed back.
        "reference": "{{client_reference}}",
    }
)
INBOUND_TEMPLATE = json.dumps(
    {
        "InboundMessage": "{{InboundMessage}}",
        "ProfileNumber": "{{ProfileNumber}}",
        "RequestID": "{{RequestID}}",
        "OriginTimestamp": "{{OriginTimestamp}}",
        "InboundNumber": "{{InboundNumber}}",
    }
)
FEEDBACK_TEMPLATE = json.dumps(
    {
        "clientReference": "{{client_reference}}",
        "statuses": [{"code": "{{failureCode}}", "status": "{{feedbackStatus}}"}],
    }
)


def plain_address(address: str) -> str:
    """``+E164`` or sender id, without the ``rcs:`` that Twilio puts in front on RCS."""
    return address.removeprefix("rcs:")


def inbound_event(params: Mapping[str, str], *, received_at: datetime, inbound_number: str) -> dict[str, Any]:
    """A handset's reply, for AJO's inbound webhook. A pressed button counts as its payload, a picture as its address.

    :param received_at: when the gateway got it; Twilio sends no time.
    :param inbound_number: the sender number AJO knows; with RCS, Twilio's ``To`` is the agent, not a number.
    """
    return {
        # Required, so a picture without words must not leave it empty.
        "InboundMessage": params.get("ButtonPayload") or params.get("Body") or params.get("MediaUrl0", ""),
        "ProfileNumber": plain_address(params.get("From", "")),
        "RequestID": params.get("MessageSid") or params.get("SmsSid", ""),
        "OriginTimestamp": received_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "InboundNumber": inbound_number,
    }


def feedback_event(params: Mapping[str, str], client_reference: str) -> dict[str, Any]:
    """A delivery status, for AJO's feedback webhook. Code "0" is Twilio's silence about errors."""
    status = {
        "code": params.get("ErrorCode") or "0",
        "status": params.get("MessageStatus") or params.get("SmsStatus", ""),
    }
    return {"clientReference": client_reference, "statuses": [status]}
