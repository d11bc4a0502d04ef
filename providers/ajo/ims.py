"""Adobe IMS access tokens (OAuth server-to-server): shared by all threads of a process, renewed before they expire."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.errors import CallContext, NeedsPerson, OnboardingError
from providers.http import Http, answer_json
from providers.redaction import redact, register_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from settings import Settings

# Renewed this long before the end, so that no call starts with a token that ends on the way.
MARGIN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: float


_tokens: dict[tuple[str, str, str, int], _Token] = {}
_lock = threading.Lock()


def _refused(response: httpx.Response, context: CallContext) -> OnboardingError:
    body = answer_json(response)
    said = redact(str(body.get("error_description") or body.get("error") or "no reason given"))
    return NeedsPerson(
        f"Adobe IMS refused the client credentials ({response.status_code}: {said})",
        cure="check ajo.client_id, ajo.client_secret and ajo.scopes in the Developer Console, then `onboard start FILE --update`",
        context=context,
    )


class ImsTokens:
    """Tokens for one client. ``scopes`` are sent as Adobe wants them, separated by commas."""

    def __init__(
        self,
        settings: Settings,
        *,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str],
        client: httpx.Client | None = None,
    ) -> None:
        self._http = Http(
            "Adobe IMS",
            settings.adobe_ims_url,
            timeout_seconds=settings.http_timeout_seconds,
            classify=_refused,
            client=client,
        )
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": ",".join(scopes),
        }
        register_secret(client_secret)
        # The secret's hash keeps a changed secret from living on a token of the old one.
        self._key = (settings.adobe_ims_url, client_id, self._form["scope"], hash(client_secret))

    def bearer(self) -> str:
        """A token that is good for at least five minutes.

        :raises NeedsPerson: IMS refuses the credentials.
        """
        with _lock:
            token = _tokens.get(self._key)
            if token is None or time.monotonic() >= token.renew_at:
                token = _tokens[self._key] = self._fetch()
            return token.value

    def invalidate(self) -> None:
        """Forget the token: a vendor refused it before its time."""
        with _lock:
            _tokens.pop(self._key, None)

    def _fetch(self) -> _Token:
        body = self._http.request("POST", "/ims/token/v3", form=self._form, operation="issue an access token")
        register_secret(body["access_token"])
        lives = float(body.get("expires_in", 0))
        return _Token(body["access_token"], time.monotonic() + max(lives - MARGIN_SECONDS, 0))
