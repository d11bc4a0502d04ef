"""Channel configurations as Adobe's public API shows them: surfaces, read only.

Source: AdobeDocs journey-optimizer-apis, campaigns-retrieve v1.79, "Get Surfaces". The words of ``surfaceStatus`` and
the channel token for SMS are not published; they are kept as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from providers.answers import read_answer

if TYPE_CHECKING:
    from providers.ajo.client import SignedHttp

PATH = "/journey/campaigns/service/metadata/surfaces"
# Names are unique in a sandbox, so the filter leaves one or none; more is for a server that ignores the filter.
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Surface:
    """A channel configuration; ``status`` in Adobe's words."""

    id: str
    name: str
    status: str


class Surfaces:
    """Reads surfaces of one sandbox."""

    def __init__(self, http: SignedHttp) -> None:
        self._http = http

    def find_surface(self, name: str, channel: str = "sms") -> Surface | None:
        """The channel configuration of this name; None when there is none in the sandbox.

        :param channel: always sent, since Adobe's default is in-app; ``sms`` is inference.
        :raises providers.errors.NeedsPerson: the technical account may not read surfaces (401, 403).
        """
        operation = f"look up channel configuration {name}"
        params = {"channel": channel, "property": f"surfaceName=={name}", "count": PAGE_SIZE}
        body = self._http.request("GET", PATH, operation=operation, params=params)

        def read(answer: dict[str, Any]) -> Surface | None:
            for item in answer["data"]:
                if item.get("surfaceName") == name:
                    return Surface(str(item["id"]), name, str(item.get("surfaceStatus") or "unknown"))
            return None

        return read_answer(read, body, vendor="Adobe", operation=operation)
