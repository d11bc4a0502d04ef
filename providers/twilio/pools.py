"""The sender pool of a messaging service: numbers and channel senders (messaging.twilio.com, v1; form data).

Source: twilio-oai, messaging v1 (PhoneNumbers, ChannelSenders; the latter in public beta). A sender is in one pool at
a time. With an RCS sender in the pool Twilio tries RCS first and falls back to a number of the same pool.
"""

from __future__ import annotations

from typing import Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import PoolNumber, PoolSender


def _numbers(service_sid: str) -> str:
    return f"/v1/Services/{service_sid}/PhoneNumbers"


def _senders(service_sid: str) -> str:
    return f"/v1/Services/{service_sid}/ChannelSenders"


def _pool_number(body: dict[str, Any]) -> PoolNumber:
    return PoolNumber(body["sid"], body["phone_number"])


def _pool_sender(body: dict[str, Any]) -> PoolSender:
    return PoolSender(body["sid"], body.get("sender") or "", body.get("sender_type") or "")


class Pools(TwilioApi):
    """Adding what is in the pool already answers 409, a Retryable: the next look finds it there."""

    def list_service_numbers(self, service_sid: str) -> list[PoolNumber]:
        """:raises providers.errors.NotFound: no such service."""
        operation = "list the service's numbers"
        return self.list_all(self.messaging, _numbers(service_sid), "phone_numbers", _pool_number, operation=operation)

    def add_service_number(self, service_sid: str, number_sid: str) -> None:
        """:raises providers.errors.NeedsPerson: the number is in another service's pool, or the pool is full."""
        form = {"PhoneNumberSid": number_sid}
        operation = f"put number {number_sid} into the service"
        self.messaging.request("POST", _numbers(service_sid), form=form, operation=operation)

    def remove_service_number(self, service_sid: str, number_sid: str) -> None:
        """The number stays in the account.

        :raises providers.errors.NotFound: it is not in the pool.
        """
        operation = f"take number {number_sid} out of the service"
        self.messaging.request("DELETE", f"{_numbers(service_sid)}/{number_sid}", operation=operation)

    def list_channel_senders(self, service_sid: str) -> list[PoolSender]:
        """:raises providers.errors.NotFound: no such service."""
        operation = "list the service's channel senders"
        return self.list_all(self.messaging, _senders(service_sid), "senders", _pool_sender, operation=operation)

    def add_channel_sender(self, service_sid: str, sender_sid: str) -> None:
        """:param sender_sid: ``XE…``, not the sender id."""
        form = {"Sid": sender_sid}
        operation = f"put sender {sender_sid} into the service"
        self.messaging.request("POST", _senders(service_sid), form=form, operation=operation)

    def remove_channel_sender(self, service_sid: str, sender_sid: str) -> None:
        """The sender stays in the account.

        :raises providers.errors.NotFound: it is not in the pool.
        """
        operation = f"take sender {sender_sid} out of the service"
        self.messaging.request("DELETE", f"{_senders(service_sid)}/{sender_sid}", operation=operation)
