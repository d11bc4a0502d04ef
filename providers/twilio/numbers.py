"""Accounts and phone numbers (api.twilio.com, 2010-04-01)."""

from __future__ import annotations

from providers.twilio.api import TwilioApi
from providers.twilio.types import Account, Number


class Numbers(TwilioApi):
    def fetch_account(self) -> Account:
        """Needs the account's own auth token: standard API keys may not read the account (20003)."""
        body = self.core.request("GET", f"{self.account_path}.json", operation="read the account")
        return Account(body["sid"], body["status"], body["type"], body.get("friendly_name") or "")

    def find_number(self, phone_number: str) -> Number | None:
        """The number if the account owns it."""
        found = self.pages(
            self.core,
            f"{self.account_path}/IncomingPhoneNumbers.json",
            "incoming_phone_numbers",
            operation=f"look up the number {phone_number}",
            params={"PhoneNumber": phone_number},
        )
        for body in found:
            if body["phone_number"] == phone_number:
                able = frozenset(name.lower() for name, can in (body.get("capabilities") or {}).items() if can)
                return Number(body["sid"], body["phone_number"], able)
        return None
