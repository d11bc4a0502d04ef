"""RCS senders (messaging.twilio.com, v2; JSON). Create, list and fetch: changing one is documented for WhatsApp only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import CarrierStatus, CountryStatus, RcsSender

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/v2/Channels/Senders"
# Twilio's own examples write UK where the field says ISO 3166; both are read.
COUNTRY_ALIASES = {"UK": "GB"}


def _sender(body: dict[str, Any]) -> RcsSender:
    countries = ((body.get("compliance") or {}).get("countries")) or []
    return RcsSender(
        sid=body["sid"],
        sender_id=body.get("sender_id") or "",
        status=body.get("status") or "UNKNOWN",
        profile=body.get("profile") or {},
        webhook=body.get("webhook") or {},
        countries=tuple(_country(country) for country in countries),
        offline_reasons=tuple(
            str(reason.get("message") or reason.get("code")) for reason in body.get("offline_reasons") or []
        ),
    )


def _country(body: dict[str, Any]) -> CountryStatus:
    country = str(body.get("country") or "")
    carriers = body.get("carriers") or []
    return CountryStatus(
        COUNTRY_ALIASES.get(country, country),
        body.get("status") or "UNKNOWN",
        tuple(CarrierStatus(carrier.get("name") or "?", carrier.get("status") or "UNKNOWN") for carrier in carriers),
    )


class Senders(TwilioApi):
    def list_senders(self) -> list[RcsSender]:
        """``Channel`` is required by the API."""
        found = self.pages(self.messaging, PATH, "senders", operation="list RCS senders", params={"Channel": "rcs"})
        return [_sender(body) for body in found]

    def find_sender(self, sender_id: str) -> RcsSender | None:
        return next((sender for sender in self.list_senders() if sender.sender_id == sender_id), None)

    def fetch_sender(self, sid: str) -> RcsSender:
        """:raises providers.errors.NotFound: it is not there."""
        return _sender(self.messaging.request("GET", f"{PATH}/{sid}", operation=f"read RCS sender {sid}"))

    def create_sender(self, *, sender_id: str, profile: Mapping[str, Any], webhook: Mapping[str, Any]) -> RcsSender:
        """Answers 202: the sender exists and is being set up; review and launch happen in the Console."""
        body = {"sender_id": sender_id, "profile": dict(profile), "webhook": dict(webhook)}
        return _sender(self.messaging.request("POST", PATH, json=body, operation=f"create RCS sender {sender_id}"))
