"""Messages (api.twilio.com, 2010-04-01; form data only)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import Message

if TYPE_CHECKING:
    from datetime import datetime


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
        date_created=parsedate_to_datetime(created) if created else None,
    )


class Messages(TwilioApi):
    def send_message(
        self, *, to: str, service_sid: str, body: str, status_callback: str, media_url: str | None = None
    ) -> Message:
        """Twilio offers no idempotency key here: after an ambiguous failure look the message up before sending again.

        :param to: E.164; with ``rcs:`` in front it goes over RCS or not at all.
        """
        form = {"To": to, "MessagingServiceSid": service_sid, "Body": body, "StatusCallback": status_callback}
        if media_url is not None:
            form["MediaUrl"] = media_url
        path = f"{self.account_path}/Messages.json"
        return _message(self.core.request("POST", path, form=form, operation=f"send a message to {to}"))

    def fetch_message(self, sid: str) -> Message:
        """:raises providers.errors.NotFound: it is not there."""
        path = f"{self.account_path}/Messages/{sid}.json"
        return _message(self.core.request("GET", path, operation=f"read message {sid}"))

    def list_messages(self, *, to: str, sent_after: datetime) -> list[Message]:
        """Messages to ``to`` since the day of ``sent_after`` (GMT), newest first."""
        params = {"To": to, "DateSent>": sent_after.strftime("%Y-%m-%d")}
        path = f"{self.account_path}/Messages.json"
        found = self.pages(self.core, path, "messages", operation=f"look up messages to {to}", params=params)
        return [_message(body) for body in found]
