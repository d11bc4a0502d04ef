"""Messages (api.twilio.com, 2010-04-01; form data only) and alerts (monitor.twilio.com, v1).

Source: twilio-oai, api v2010 (Messages) and monitor v1 (Alerts).
"""

from __future__ import annotations

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
        body: str,
        media_url: str | None = None,
        status_callback: str | None = None,
    ) -> Message:
        """Twilio offers no idempotency key here: after an ambiguous failure look the message up before sending again.

        :param to: E.164; with ``rcs:`` in front it goes over RCS or not at all.
        :param body: at most 1600 characters.
        :param status_callback: wins over the service's own.
        """
        form = {"To": to, "MessagingServiceSid": service_sid, "Body": body}
        if status_callback is not None:
            form["StatusCallback"] = status_callback
        if media_url is not None:
            form["MediaUrl"] = media_url
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
