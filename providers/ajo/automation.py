"""The organisation's own automation in front of AJO (docs/automation.md). Not Adobe's API: Adobe publishes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.ajo.client import SignedHttp


class AutomationClient:
    """``collection`` is ``credentials``, ``webhooks`` or ``channel-configurations``."""

    def __init__(self, http: SignedHttp) -> None:
        self._http = http

    def find(self, collection: str, name: str) -> dict[str, Any] | None:
        """The object of this name in the sandbox."""
        body = self._http.request("GET", f"/{collection}", operation=f"look up {name}", params={"name": name})
        return next((item for item in body.get("items") or [] if item.get("name") == name), None)

    def create(self, collection: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises providers.errors.Retryable: the name is taken (409): found by the next look."""
        made: dict[str, Any] = self._http.request(
            "POST", f"/{collection}", operation=f"create {body['name']}", json=dict(body)
        )
        return made

    def update(self, collection: str, object_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/{collection}/{quote(object_id, safe='')}"
        changed: dict[str, Any] = self._http.request("PUT", path, operation=f"change {body['name']}", json=dict(body))
        return changed
