"""The organisation's own automation in front of AJO (docs/automation.md). Not Adobe's API: Adobe publishes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from providers.answers import read_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.ajo.client import SignedHttp

VENDOR = "the AJO automation"


def _path(collection: str, object_id: str) -> str:
    return f"/{collection}/{quote(object_id, safe='')}"


class AutomationClient:
    """Objects of one sandbox. ``collection`` is ``credentials``, ``webhooks`` or ``channel-configurations``.

    Answers are the automation's own objects; each has an ``id``, none has a secret.
    """

    def __init__(self, http: SignedHttp) -> None:
        self._http = http

    def find(self, collection: str, name: str) -> dict[str, Any] | None:
        """The object of this name in the sandbox."""
        operation = f"look up {name}"
        body = self._http.request("GET", f"/{collection}", operation=operation, params={"name": name})

        def read(answer: dict[str, Any]) -> dict[str, Any] | None:
            return next((_object(item) for item in answer["items"] if item.get("name") == name), None)

        return read_answer(read, body, vendor=VENDOR, operation=operation)

    def fetch(self, collection: str, object_id: str) -> dict[str, Any]:
        """:raises providers.errors.NotFound: it is not there."""
        return self._call("GET", _path(collection, object_id), operation=f"read {object_id}")

    def create(self, collection: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises providers.errors.Retryable: the name is taken (409): found by the next look."""
        return self._call("POST", f"/{collection}", operation=f"create {body['name']}", json=dict(body))

    def update(self, collection: str, object_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces the object.

        :raises providers.errors.NotFound: it is not there.
        """
        path = _path(collection, object_id)
        return self._call("PUT", path, operation=f"change {body['name']}", json=dict(body))

    def delete(self, collection: str, object_id: str) -> None:
        """:raises providers.errors.NotFound: it is not there.
        :raises providers.errors.Retryable: something still uses it (409).
        """
        self._http.request("DELETE", _path(collection, object_id), operation=f"delete {object_id}")

    def _call(self, method: str, path: str, *, operation: str, json: Any = None) -> dict[str, Any]:
        body = self._http.request(method, path, operation=operation, json=json)
        return read_answer(_object, body, vendor=VENDOR, operation=operation, is_write=method != "GET")


def _object(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "id": str(body["id"])}
