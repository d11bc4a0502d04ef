"""API keys. Restricted ones are made at iam.twilio.com; listing and deleting is the 2010 API's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from providers.redaction import register_secret
from providers.twilio.api import TwilioApi
from providers.twilio.types import ApiKey, NewKey

if TYPE_CHECKING:
    from collections.abc import Sequence


class Keys(TwilioApi):
    def list_keys(self) -> list[ApiKey]:
        found = self.pages(self.core, f"{self.account_path}/Keys.json", "keys", operation="list API keys")
        return [ApiKey(body["sid"], body.get("friendly_name") or "") for body in found]

    def fetch_key(self, sid: str) -> ApiKey:
        """:raises providers.errors.NotFound: it is not there."""
        body = self.core.request("GET", f"{self.account_path}/Keys/{sid}.json", operation=f"read API key {sid}")
        return ApiKey(body["sid"], body.get("friendly_name") or "")

    def create_restricted_key(self, *, friendly_name: str, permissions: Sequence[str]) -> NewKey:
        """A key that may do only what ``permissions`` names; its secret is shown in this answer and never again.

        :param friendly_name: at most 64 characters.
        """
        form = {
            "AccountSid": self.account_sid,
            "FriendlyName": friendly_name,
            "KeyType": "restricted",
            "Policy": json.dumps({"allow": list(permissions)}),
        }
        body = self.iam.request("POST", "/v1/Keys", form=form, operation=f"create API key {friendly_name}")
        register_secret(body["secret"])
        return NewKey(body["sid"], body["secret"])

    def delete_key(self, sid: str) -> None:
        self.core.request("DELETE", f"{self.account_path}/Keys/{sid}.json", operation=f"delete API key {sid}")
