"""Adobe as one organisation and sandbox: signed-in calls, surfaces, and the organisation's own automation."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from providers.ajo.automation import VENDOR, AutomationClient
from providers.ajo.errors import classify
from providers.ajo.ims import ImsTokens
from providers.ajo.proofs import Proofs
from providers.ajo.surfaces import Surfaces
from providers.errors import Misconfigured
from providers.http import Http

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from providers.limits import Limit
    from settings import Settings


class SignedHttp:
    """An :class:`Http` that adds Adobe's headers and renews a token that was refused before its time, once."""

    def __init__(self, http: Http, tokens: ImsTokens, headers: Mapping[str, str]) -> None:
        self._http = http
        self._tokens = tokens
        self._headers = dict(headers)

    def request(self, method: str, path: str, *, operation: str, json: Any = None, params: Any = None) -> Any:
        """As :meth:`Http.request`.

        :raises NeedsPerson: also when IMS refuses the client credentials.
        """

        def call(token: str) -> Any:
            headers = {**self._headers, "Authorization": f"Bearer {token}"}
            return self._http.request(method, path, operation=operation, json=json, params=params, headers=headers)

        return self._tokens.carry(call)


class AjoClient:
    """Every call may raise what :meth:`SignedHttp.request` raises.

    :param scopes: as the Developer Console lists them for this client.
    :param read_only: whoever asks for a change is refused before a call. Signing in is none.
    :param limit: what the organisation takes; asked before each call, also to its automation.
    :param client: only tests give one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        organization_id: str,
        sandbox: str,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str],
        read_only: bool = False,
        limit: Limit | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self._settings = settings
        self._read_only = read_only
        self._limit = limit
        self._client = client
        self.tokens = ImsTokens(settings, client_id, client_secret, scopes, limit=limit, client=client)
        self._headers = {
            "x-api-key": client_id,
            "x-gw-ims-org-id": organization_id,
            "x-sandbox-name": sandbox,
        }

    def _host(self, vendor: str, url: str) -> SignedHttp:
        http = Http(
            vendor,
            url,
            timeout_seconds=self._settings.http_timeout_seconds,
            classify=classify,
            read_only=self._read_only,
            limit=self._limit,
            client=self._client,
        )
        return SignedHttp(http, self.tokens, self._headers)

    @cached_property
    def surfaces(self) -> Surfaces:
        """Adobe's own, public and read-only view of channel configurations."""
        return Surfaces(self._host("Adobe", self._settings.adobe_platform_url))

    @cached_property
    def proofs(self) -> Proofs:
        """Adobe's own call that has a campaign send a message."""
        return Proofs(self._host("Adobe", self._settings.adobe_platform_url))

    @cached_property
    def automation(self) -> AutomationClient:
        """:raises Misconfigured: no automation is set up; the guided driver needs none."""
        url = self._settings.ajo_automation_url
        if url is None:
            msg = (
                "ONBOARD_AJO_AUTOMATION_URL is not set, but the spec says `driver: automation`. Set it to your automation "
                "(docs/automation.md), or write `driver: guided`."
            )
            raise Misconfigured(msg)
        return AutomationClient(self._host(VENDOR, url))
