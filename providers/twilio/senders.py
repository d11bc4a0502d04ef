"""RCS senders (messaging.twilio.com, v2; JSON). Create, list and fetch: changing one is documented for WhatsApp only.

Source: twilio-oai, messaging v2 (ChannelsSender).
"""

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
    """Status words nobody knew when this was written are handed on as they come."""

    def list_senders(self) -> list[RcsSender]:
        """Every RCS sender of the account. The API demands a ``Channel``."""
        params = {"Channel": "rcs"}
        return self.list_all(self.messaging, PATH, "senders", _sender, operation="list RCS senders", params=params)

    def find_sender(self, sender_id: str) -> RcsSender | None:
        """The sender with this id (``rcs:…``); the API has no filter for it."""
        return next((sender for sender in self.list_senders() if sender.sender_id == sender_id), None)

    def fetch_sender(self, sid: str) -> RcsSender:
        """:raises providers.errors.NotFound: it is not there."""
        return self.call(self.messaging, "GET", f"{PATH}/{sid}", _sender, operation=f"read RCS sender {sid}")

    def create_sender(self, *, sender_id: str, profile: Mapping[str, Any], webhook: Mapping[str, Any]) -> RcsSender:
        """Answers 202: the sender exists and is being set up; review and launch happen in the Console."""
        body = {"sender_id": sender_id, "profile": dict(profile), "webhook": dict(webhook)}
        return self.call(self.messaging, "POST", PATH, _sender, json=body, operation=f"create RCS sender {sender_id}")
