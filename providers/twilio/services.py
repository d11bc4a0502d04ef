"""Messaging services and their sender pools (messaging.twilio.com, v1; form data)."""

from __future__ import annotations

from typing import Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import PoolNumber, PoolSender, Service

PATH = "/v1/Services"


def _service(body: dict[str, Any]) -> Service:
    return Service(
        sid=body["sid"],
        friendly_name=body.get("friendly_name") or "",
        inbound_request_url=body.get("inbound_request_url"),
        status_callback=body.get("status_callback"),
        use_inbound_webhook_on_number=bool(body.get("use_inbound_webhook_on_number")),
    )


class Services(TwilioApi):
    def list_services(self) -> list[Service]:
        found = self.pages(self.messaging, PATH, "services", operation="list messaging services")
        return [_service(body) for body in found]

    def fetch_service(self, sid: str) -> Service:
        """:raises providers.errors.NotFound: it is not there."""
        return _service(self.messaging.request("GET", f"{PATH}/{sid}", operation=f"read messaging service {sid}"))

    def create_service(self, *, friendly_name: str) -> Service:
        """:param friendly_name: at most 64 characters."""
        form = {"FriendlyName": friendly_name, "UseInboundWebhookOnNumber": "false"}
        return _service(
            self.messaging.request("POST", PATH, form=form, operation=f"create messaging service {friendly_name}")
        )

    def update_service(
        self, sid: str, *, inbound_request_url: str, status_callback: str, use_inbound_webhook_on_number: bool
    ) -> Service:
        form = {
            "InboundRequestUrl": inbound_request_url,
            "InboundMethod": "POST",
            "StatusCallback": status_callback,
            "UseInboundWebhookOnNumber": str(use_inbound_webhook_on_number).lower(),
        }
        return _service(
            self.messaging.request("POST", f"{PATH}/{sid}", form=form, operation=f"change messaging service {sid}")
        )

    def list_service_numbers(self, service_sid: str) -> list[PoolNumber]:
        path = f"{PATH}/{service_sid}/PhoneNumbers"
        found = self.pages(self.messaging, path, "phone_numbers", operation="list the service's numbers")
        return [PoolNumber(body["sid"], body["phone_number"]) for body in found]

    def add_service_number(self, service_sid: str, number_sid: str) -> None:
        path = f"{PATH}/{service_sid}/PhoneNumbers"
        form = {"PhoneNumberSid": number_sid}
        self.messaging.request("POST", path, form=form, operation=f"put number {number_sid} into the service")

    def list_channel_senders(self, service_sid: str) -> list[PoolSender]:
        path = f"{PATH}/{service_sid}/ChannelSenders"
        found = self.pages(self.messaging, path, "senders", operation="list the service's channel senders")
        return [PoolSender(body["sid"], body.get("sender") or "") for body in found]

    def add_channel_sender(self, service_sid: str, sender_sid: str) -> None:
        path = f"{PATH}/{service_sid}/ChannelSenders"
        form = {"Sid": sender_sid}
        self.messaging.request("POST", path, form=form, operation=f"put sender {sender_sid} into the service")
