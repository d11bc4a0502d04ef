"""Accounts and phone numbers (api.twilio.com, 2010-04-01). Source: twilio-oai, api v2010."""

from __future__ import annotations

from typing import Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import Account, Number


def _account(body: dict[str, Any]) -> Account:
    return Account(body["sid"], body["status"], body["type"], body.get("friendly_name") or "")


def _number(body: dict[str, Any]) -> Number:
    return Number(
        sid=body["sid"],
        phone_number=body["phone_number"],
        # SMS and MMS come in capitals, voice in small letters.
        capabilities=frozenset(name.lower() for name, can in (body.get("capabilities") or {}).items() if can),
        sms_url=body.get("sms_url") or None,
        status_callback=body.get("status_callback") or None,
    )


class Numbers(TwilioApi):
    """Reads only: numbers are bought and set up by people."""

    def fetch_account(self) -> Account:
        """Status and type as Twilio words them (``active``, ``Full``).

        :raises providers.errors.NeedsPerson: 20003, also when signed in with an API key: only the account's own auth
            token may read the account.
        """
        return self.call(self.core, "GET", f"{self.account_path}.json", _account, operation="read the account")

    def find_number(self, phone_number: str) -> Number | None:
        """The number (E.164) if the account owns it. Twilio's filter also matches parts of numbers; this does not."""
        found = self.list_all(
            self.core,
            f"{self.account_path}/IncomingPhoneNumbers.json",
            "incoming_phone_numbers",
            _number,
            operation=f"look up the number {phone_number}",
            params={"PhoneNumber": phone_number},
        )
        return next((number for number in found if number.phone_number == phone_number), None)
