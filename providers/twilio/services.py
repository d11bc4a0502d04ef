"""Messaging services (messaging.twilio.com, v1; form data). Source: twilio-oai, messaging v1 (Services)."""

from __future__ import annotations

from typing import Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import Service

PATH = "/v1/Services"


def _service(body: dict[str, Any]) -> Service:
    return Service(
        sid=body["sid"],
        friendly_name=body.get("friendly_name") or "",
        inbound_request_url=body.get("inbound_request_url"),
        status_callback=body.get("status_callback"),
        use_inbound_webhook_on_number=bool(body.get("use_inbound_webhook_on_number")),
        inbound_method=body.get("inbound_method") or "POST",
    )


def _form(
    friendly_name: str | None,
    inbound_request_url: str | None,
    status_callback: str | None,
    use_inbound_webhook_on_number: bool | None,
    inbound_method: str = "POST",
) -> dict[str, str]:
    """Only what is given, so that an update leaves the rest alone."""
    form: dict[str, str] = {}
    if friendly_name is not None:
        form["FriendlyName"] = friendly_name
    if inbound_request_url is not None:
        form |= {"InboundRequestUrl": inbound_request_url, "InboundMethod": inbound_method}
    if status_callback is not None:
        form["StatusCallback"] = status_callback
    if use_inbound_webhook_on_number is not None:
        form["UseInboundWebhookOnNumber"] = str(use_inbound_webhook_on_number).lower()
    return form


class Services(TwilioApi):
    """Without an inbound URL a service neither passes on nor logs what comes in."""

    def list_services(self) -> list[Service]:
        """Every messaging service of the account."""
        return self.list_all(self.messaging, PATH, "services", _service, operation="list messaging services")

    def fetch_service(self, sid: str) -> Service:
        """:raises providers.errors.NotFound: it is not there."""
        return self.call(self.messaging, "GET", f"{PATH}/{sid}", _service, operation=f"read messaging service {sid}")

    def create_service(
        self, *, friendly_name: str, inbound_request_url: str | None = None, status_callback: str | None = None
    ) -> Service:
        """A new service; its own webhooks win over those of its numbers. Names need not be unique at Twilio.

        :param friendly_name: at most 64 characters.
        """
        form = _form(friendly_name, inbound_request_url, status_callback, use_inbound_webhook_on_number=False)
        operation = f"create messaging service {friendly_name}"
        return self.call(self.messaging, "POST", PATH, _service, form=form, operation=operation)

    def update_service(
        self,
        sid: str,
        *,
        friendly_name: str | None = None,
        inbound_request_url: str | None = None,
        status_callback: str | None = None,
        use_inbound_webhook_on_number: bool | None = None,
        inbound_method: str = "POST",
    ) -> Service:
        """Change what is given, leave the rest; an empty URL takes one away.

        :param inbound_method: goes along with the inbound URL.

        :raises providers.errors.NotFound: it is not there.
        """
        form = _form(friendly_name, inbound_request_url, status_callback, use_inbound_webhook_on_number, inbound_method)
        operation = f"change messaging service {sid}"
        return self.call(self.messaging, "POST", f"{PATH}/{sid}", _service, form=form, operation=operation)

    def delete_service(self, sid: str) -> None:
        """Its senders and numbers stay in the account.

        :raises providers.errors.NotFound: it is not there.
        """
        self.messaging.request("DELETE", f"{PATH}/{sid}", operation=f"delete messaging service {sid}")
