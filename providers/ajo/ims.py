"""Adobe IMS access tokens (OAuth server-to-server): shared by all threads of a process, renewed before they expire.

Source: Adobe Developer Console, reference of the OAuth server-to-server credential. A token lives about a day and
there is no refresh token: a new one is simply asked for.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from providers.answers import answer_json, read_answer, reason
from providers.errors import CallContext, NeedsPerson, OnboardingError, Retryable
from providers.http import Http
from providers.redaction import register_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

    from providers.limits import Limit
    from settings import Settings

Answer = TypeVar("Answer")

VENDOR = "Adobe IMS"
OPERATION = "issue an access token"
# Renewed this long before the end, so that no call starts with a token that ends on the way.
MARGIN_SECONDS = 300


@dataclass(slots=True)
class _Slot:
    """One client's token. Its own lock: a slow IMS must not hold up the other clients."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    value: str | None = None
    renew_at: float = 0.0


_slots: dict[tuple[str, str, str, int], _Slot] = {}


def _refused(response: httpx.Response, context: CallContext) -> OnboardingError:
    body = answer_json(response)
    said = reason(body, "error_description", "error")
    return NeedsPerson(
        f"Adobe IMS refused the client credentials ({response.status_code}: {said})",
        cure="check ajo.client_id, ajo.client_secret and ajo.scopes in the Developer Console, then `onboard update FILE`",
        context=context,
    )


def _read(body: dict[str, Any]) -> tuple[str, float]:
    return str(body["access_token"]), float(body["expires_in"])


class ImsTokens:
    """Tokens for one client. ``scopes`` are sent as Adobe wants them, separated by commas."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str],
        *,
        limit: Limit | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self._http = Http(
            VENDOR,
            settings.adobe_ims_url,
            timeout_seconds=settings.http_timeout_seconds,
            classify=_refused,
            limit=limit,
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
        key = (settings.adobe_ims_url, client_id, self._form["scope"], hash(client_secret))
        self._slot = _slots.setdefault(key, _Slot())

    def bearer(self) -> str:
        """A token that is good for five minutes at least.

        :raises NeedsPerson: IMS refuses the credentials.
        :raises providers.errors.Retryable: IMS cannot be asked now.
        """
        with self._slot.lock:
            if self._slot.value is None or time.monotonic() >= self._slot.renew_at:
                body = self._sign_in()
                value, lives = read_answer(_read, body, vendor=VENDOR, operation=OPERATION)
                register_secret(value)
                self._slot.value, self._slot.renew_at = value, time.monotonic() + lives - MARGIN_SECONDS
            return self._slot.value

    def _sign_in(self) -> Any:
        try:
            return self._http.request("POST", "/ims/token/v3", form=self._form, operation=OPERATION)
        except Retryable as error:
            # However it ended, the call that wants the token was not made.
            error.ambiguous = False
            raise

    def carry(self, call: Callable[[str], Answer]) -> Answer:
        """``call`` with a token; once more with a new one when its token was refused (401) before its time.

        :raises OnboardingError: what ``call`` raises, and what :meth:`bearer` raises.
        """
        token = self.bearer()
        try:
            return call(token)
        except OnboardingError as error:
            if error.context is None or error.context.status != 401:
                raise
        self.invalidate(token)
        return call(self.bearer())

    def invalidate(self, refused: str | None = None) -> None:
        """Forget the token: a vendor refused it before its time.

        :param refused: forget only this one; another thread may have renewed it already.
        """
        with self._slot.lock:
            if refused in {None, self._slot.value}:
                self._slot.value = None
