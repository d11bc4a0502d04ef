"""API keys (iam.twilio.com, v1; form data). The 2010 API knows standard keys only.

Source: twilio-oai, iam v1 (Keys). Twilio cannot renew a secret: make a new key, delete the old one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from providers.redaction import register_secret
from providers.twilio.api import TwilioApi
from providers.twilio.types import ApiKey, NewKey

if TYPE_CHECKING:
    from collections.abc import Sequence


PATH = "/v1/Keys"


def _key(body: dict[str, Any]) -> ApiKey:
    policy = body.get("policy")
    allowed = policy.get("allow") if isinstance(policy, dict) else None
    return ApiKey(body["sid"], body.get("friendly_name") or "", tuple(allowed) if allowed is not None else None)


class Keys(TwilioApi):
    """Standard API keys may not do any of this (20003); the account's own auth token may."""

    def list_keys(self) -> list[ApiKey]:
        """Every key of the account but Main keys."""
        params = {"AccountSid": self.account_sid}
        return self.list_all(self.iam, PATH, "keys", _key, operation="list API keys", params=params)

    def fetch_key(self, sid: str) -> ApiKey:
        """:raises providers.errors.NotFound: it is not there."""
        return self.call(self.iam, "GET", f"{PATH}/{sid}", _key, operation=f"read API key {sid}")

    def create_restricted_key(self, *, friendly_name: str, permissions: Sequence[str]) -> NewKey:
        """A key that may do only what ``permissions`` names; its secret is shown in this answer and never again.

        :param friendly_name: at most 64 characters.
        :param permissions: 1 to 100 paths, such as ``/twilio/messaging/messages/read``.
        """
        form = {
            "AccountSid": self.account_sid,
            "FriendlyName": friendly_name,
            "KeyType": "restricted",
            "Policy": json.dumps({"allow": list(permissions)}),
        }
        made = self.call(
            self.iam,
            "POST",
            PATH,
            lambda body: NewKey(body["sid"], body["secret"]),
            form=form,
            operation=f"create API key {friendly_name}",
        )
        register_secret(made.secret)
        return made

    def update_key(self, sid: str, *, friendly_name: str, permissions: Sequence[str]) -> ApiKey:
        """Another name, or other permissions of a restricted key; its secret stays.

        :raises providers.errors.NotFound: it is not there.
        """
        form = {"FriendlyName": friendly_name, "Policy": json.dumps({"allow": list(permissions)})}
        return self.call(self.iam, "POST", f"{PATH}/{sid}", _key, form=form, operation=f"change API key {sid}")

    def delete_key(self, sid: str) -> None:
        """:raises providers.errors.NotFound: it is not there."""
        self.iam.request("DELETE", f"{PATH}/{sid}", operation=f"delete API key {sid}")
