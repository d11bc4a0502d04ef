"""Messages (api.twilio.com, 2010-04-01; form data only) and alerts (monitor.twilio.com, v1).

Source: twilio-oai, api v2010 (Messages) and monitor v1 (Alerts).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from providers.answers import read_answer
from providers.twilio.api import TwilioApi
from providers.twilio.types import Alert, Message

if TYPE_CHECKING:
    from providers.http_async import AsyncHttp


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
        date_created=_read_time(created) if created else None,
    )


# To the second: what was made together has the same.
_read_time = lru_cache(maxsize=64)(parsedate_to_datetime)


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


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent.

    :param to: E.164; with ``rcs:`` in front it goes over RCS or not at all.
    :param body: at most 1600 characters.
    :param media_urls: at most 10.
    :param status_callback: wins over the service's own.
    :param content_sid: a content template (``HX…``) and its ``content_variables``, instead of ``body``.
    :param fallback_from: the number for SMS where RCS does not reach the handset.
    :param validity_seconds: 1 to 36000.
    """

    to: str
    service_sid: str
    body: str = ""
    media_urls: Sequence[str] = ()
    status_callback: str | None = None
    content_sid: str | None = None
    content_variables: Mapping[str, str] | None = None
    fallback_from: str | None = None
    validity_seconds: int | None = None

    def form(self) -> dict[str, Any]:
        """In Twilio's words."""
        optional = {
            "Body": self.body or None,
            "MediaUrl": list(self.media_urls) or None,
            "StatusCallback": self.status_callback,
            "ContentSid": self.content_sid,
            "ContentVariables": json.dumps(dict(self.content_variables)) if self.content_variables else None,
            "FallbackFrom": self.fallback_from,
            "ValidityPeriod": self.validity_seconds,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return {"To": self.to, "MessagingServiceSid": self.service_sid, **given}


class Messages(TwilioApi):
    """Sending, following and finding messages, and what Twilio noticed about our webhooks."""

    def send_message(self, outgoing: Outgoing) -> Message:
        """Twilio offers no idempotency key here: after an ambiguous failure look the message up before sending again."""
        operation = f"send a message to {outgoing.to}"
        return self.call(self.core, "POST", self._messages, _message, form=outgoing.form(), operation=operation)

    async def send_message_from_loop(self, sender: AsyncHttp, outgoing: Outgoing) -> Message:
        """As :meth:`send_message`, without blocking."""
        operation = f"send a message to {outgoing.to}"
        body = await sender.post_form(self.core, self._messages, outgoing.form(), operation=operation)
        return read_answer(_message, body, vendor="Twilio", operation=operation, is_write=True)

    @property
    def _messages(self) -> str:
        return f"{self.account_path}/Messages.json"

    def fetch_message(self, sid: str) -> Message:
        """``sender`` begins with ``rcs:`` if, and only if, it went over RCS.

        :raises providers.errors.NotFound: it is not there.
        """
        path = f"{self.account_path}/Messages/{sid}.json"
        return self.call(self.core, "GET", path, _message, operation=f"read message {sid}")

    def list_messages(self, *, to: str, sent_after: datetime) -> list[Message]:
        """Messages to exactly this address, sent on the day of ``sent_after`` (GMT: Twilio filters by day) or later."""
        params = {"To": to, "DateSent>": sent_after.astimezone(UTC).strftime("%Y-%m-%d")}
        operation = f"look up messages to {to}"
        return self.list_all(self.core, self._messages, "messages", _message, operation=operation, params=params)

    def list_alerts(self, *, since: datetime) -> list[Alert]:
        """What Twilio logged about this account, such as webhooks it could not reach.

        :param since: 30 days ago at the earliest; Twilio keeps no more.
        """
        params = {"StartDate": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return self.list_all(self.monitor, "/v1/Alerts", "alerts", _alert, operation="list alerts", params=params)
