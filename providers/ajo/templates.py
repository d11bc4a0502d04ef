"""The payload templates that are entered in AJO. Required fields: Adobe's pages on custom providers and SMS webhooks."""

from __future__ import annotations

import json

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
