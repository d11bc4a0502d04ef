"""Messages (api.twilio.com, 2010-04-01; form data only) and alerts (monitor.twilio.com, v1).

Source: twilio-oai, api v2010 (Messages) and monitor v1 (Alerts).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import Alert, Message


def _message(body: dict[str, Any]) -> Message:
    created = body.get("date_created")
    code = body.get("error_code")
    return Message(
        sid=body["sid"],
        to=body.get("to") or "",
        sender=body.get("from"),
        status=body["status"],
        body=body.get("body") or "",
        error_code=int(code) if code else None,
        error_message=body.get("error_message"),
        date_created=parsedate_to_datetime(created) if created else None,
    )


def _alert(body: dict[str, Any]) -> Alert:
    at = body.get("date_generated") or body.get("date_created")
    code = str(body.get("error_code") or "")
    return Alert(
        sid=body["sid"],
        # Text in this API, unlike everywhere else at Twilio.
        error_code=int(code) if code.isdecimal() else None,
        level=body.get("log_level") or "",
        text=body.get("alert_text") or "",
        request_url=body.get("request_url"),
        resource_sid=body.get("resource_sid"),
        generated_at=datetime.fromisoformat(at) if at else None,
    )


class Messages(TwilioApi):
    """Sending, following and finding messages, and what Twilio noticed about our webhooks."""

    def send_message(
        self,
        *,
        to: str,
        service_sid: str,
        body: str = "",
        media_urls: Sequence[str] = (),
        status_callback: str | None = None,
        content_sid: str | None = None,
        content_variables: Mapping[str, str] | None = None,
        fallback_from: str | None = None,
        validity_seconds: int | None = None,
    ) -> Message:
        """Twilio offers no idempotency key here: after an ambiguous failure look the message up before sending again.

        :param to: E.164; with ``rcs:`` in front it goes over RCS or not at all.
        :param body: at most 1600 characters.
        :param media_urls: at most 10.
        :param status_callback: wins over the service's own.
        :param content_sid: a content template (``HX…``) and its ``content_variables``, instead of ``body``.
        :param fallback_from: the number for SMS where RCS does not reach the handset.
        :param validity_seconds: 1 to 36000.
        """
        form: dict[str, Any] = {"To": to, "MessagingServiceSid": service_sid}
        optional = {
            "Body": body or None,
            "MediaUrl": list(media_urls) or None,
            "StatusCallback": status_callback,
            "ContentSid": content_sid,
            "ContentVariables": json.dumps(dict(content_variables)) if content_variables else None,
            "FallbackFrom": fallback_from,
            "ValidityPeriod": validity_seconds,
        }
        form |= {name: value for name, value in optional.items() if value is not None}
        path = f"{self.account_path}/Messages.json"
        return self.call(self.core, "POST", path, _message, form=form, operation=f"send a message to {to}")

    def fetch_message(self, sid: str) -> Message:
        """``sender`` begins with ``rcs:`` if, and only if, it went over RCS.

        :raises providers.errors.NotFound: it is not there.
        """
        path = f"{self.account_path}/Messages/{sid}.json"
        return self.call(self.core, "GET", path, _message, operation=f"read message {sid}")

    def list_messages(self, *, to: str, sent_after: datetime) -> list[Message]:
        """Messages to exactly this address, sent on the day of ``sent_after`` (GMT: Twilio filters by day) or later."""
        params = {"To": to, "DateSent>": sent_after.astimezone(UTC).strftime("%Y-%m-%d")}
        path = f"{self.account_path}/Messages.json"
        operation = f"look up messages to {to}"
        return self.list_all(self.core, path, "messages", _message, operation=operation, params=params)

    def list_alerts(self, *, since: datetime) -> list[Alert]:
        """What Twilio logged about this account, such as webhooks it could not reach.

        :param since: 30 days ago at the earliest; Twilio keeps no more.
        """
        params = {"StartDate": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return self.list_all(self.monitor, "/v1/Alerts", "alerts", _alert, operation="list alerts", params=params)
