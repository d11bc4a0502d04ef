"""Channel configurations as Adobe's public API shows them: surfaces, read only.

``GET /journey/campaigns/service/metadata/surfaces`` (AdobeDocs journey-optimizer-apis, campaigns-retrieve v1.79). The
words of ``surfaceStatus`` and the channel token for SMS are not published; they are kept as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from providers.ajo.client import SignedHttp

PATH = "/journey/campaigns/service/metadata/surfaces"


@dataclass(frozen=True, slots=True)
class Surface:
    id: str
    name: str
    status: str


class Surfaces:
    def __init__(self, http: SignedHttp) -> None:
        self._http = http

    def find_surface(self, name: str, *, channel: str) -> Surface | None:
        """The channel configuration of this name. ``channel`` must be given: Adobe's default is in-app."""
        body = self._http.request(
            "GET",
            PATH,
            operation=f"look up channel configuration {name}",
            params={"channel": channel, "property": f"surfaceName=={name}", "count": 50},
        )
        for item in body.get("data") or []:
            if item.get("surfaceName") == name:
                return Surface(str(item["id"]), name, str(item.get("surfaceStatus") or "unknown"))
        return None
