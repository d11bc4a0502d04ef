"""Finds whose event it is, proves that Twilio sent it, has it stored."""

from __future__ import annotations

import logging
import re
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from engine.arrivals import Arrival, Endpoint, find_endpoint, store
from engine.clock import now
from engine.kinds import AUTH_TOKEN, FORMER_AUTH_TOKEN
from engine.message_status import sid_of, status_of
from gateway.asgi import RequestRefused
from gateway.body import parse_fields, parse_form
from gateway.look import OneLook
from gateway.writer import each_commits
from models.db import reader
from providers.errors import Misconfigured
from providers.twilio.signature import is_genuine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from engine.vault import Vault
    from gateway.writer import Writer
    from settings import Settings

log = logging.getLogger(__name__)


# A burst of callbacks decrypts once; a token changed by `start --update` is believed this soon.
TOKEN_SECONDS = 5.0
# A new auth token is told to us before or after Twilio signs with it: for so long both are believed.
FORMER_BELIEVED_FOR = timedelta(days=1)
AuthTokens = tuple[str, ...]
# Twilio's, and those of our own probes.
_SID = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Callback(NamedTuple):
    """One request as it came, not believed yet.

    :param kind: ``status`` or ``inbound``.
    :param token: of the path.
    :param target: path and query as they were called; the host is ours to say, never the request's.
    :param is_json: Twilio's variant with ``bodySHA256`` in the query, instead of a form.
    """

    kind: str
    token: str
    target: str
    body: bytes
    is_json: bool
    signature: str
    idempotency_token: str | None


def mask_number(address: str) -> str:
    """A phone number with all but its last four digits hidden; a sender id stays readable."""
    return re.sub(r"\d(?=\d{4})", "*", address)


class Receiver:
    """Takes Twilio's events for every onboarding. One per process."""

    def __init__(self, db: Engine, vault: Vault, settings: Settings, writer: Writer) -> None:
        self._db = db
        self._vault = vault
        self._grace_seconds = settings.wake_grace_seconds
        self._public_url = settings.resolved_public_url
        self._writer = writer
        self._known: dict[str, tuple[float, Endpoint, AuthTokens]] = {}
        self._one_look: OneLook[tuple[Endpoint, AuthTokens]] = OneLook()

    async def take(self, callback: Callback) -> tuple[Endpoint, bool]:
        """Check one event and have it stored; returns once that is durable: whose it is, and whether it is new.

        :raises RequestRefused: unknown address (404), not genuine (403), unreadable or no message (400), or we cannot tell
            now (503).
        """
        endpoint, auth_tokens = await self._known_or_looked_up(callback)
        params = self._genuine_params(callback, endpoint, auth_tokens)
        if not _SID.fullmatch(sid_of(params)):
            log.warning("400 %s event for %s names no message", callback.kind, endpoint.name)
            raise RequestRefused(400, "no_message", "MessageSid is missing")
        arrival = Arrival(endpoint.onboarding_id, callback.kind, params, callback.idempotency_token, now())
        is_new = await self._writer.submit(self._store, arrival)
        _log_taken(callback.kind, endpoint, params, is_new=is_new)
        return endpoint, is_new

    async def _known_or_looked_up(self, callback: Callback) -> tuple[Endpoint, AuthTokens]:
        known = self._known.get(callback.token)
        if known is not None and time.monotonic() < known[0]:
            return known[1], known[2]
        found = await self._one_look(callback.token, partial(self._look_up, callback))
        self._known[callback.token] = (time.monotonic() + TOKEN_SECONDS, *found)
        return found

    @each_commits
    def _store(self, connection: Connection, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        return store(connection, arrivals, grace_seconds=self._grace_seconds)

    def _genuine_params(self, callback: Callback, endpoint: Endpoint, auth_tokens: AuthTokens) -> Mapping[str, str]:
        url = self._public_url + callback.target
        if callback.is_json:
            text = callback.body.decode(errors="replace")
            # Without the hash in the query, the signature would cover the address alone.
            if not _has_body_hash(callback.target) or not _is_signed(callback, auth_tokens, url, text):
                raise self._forged(callback, endpoint, url)
            return parse_fields(text)
        form = parse_form(callback.body)
        if not callback.signature or not _is_signed(callback, auth_tokens, url, form):
            raise self._forged(callback, endpoint, url)
        # The signature covers every value of a repeated field; what is stored is the last, as Twilio's own helpers read it.
        return {name: values[-1] for name, values in form.items()}

    def _forged(self, callback: Callback, endpoint: Endpoint, url: str) -> RequestRefused:
        # As %r: an address that nobody has vouched for could hold line breaks.
        log.warning(
            "403 %s event for %s: the signature does not fit %r. If Twilio calls another URL, set ONBOARD_PUBLIC_URL to it; "
            "if the account's auth token was changed, run `onboard update FILE`",
            callback.kind,
            endpoint.name,
            url,
        )
        return RequestRefused(403, "signature", "the signature does not fit")

    def _look_up(self, callback: Callback) -> tuple[Endpoint, AuthTokens]:
        with reader(self._db).begin() as connection:
            endpoint = find_endpoint(connection, callback.token)
            if endpoint is None:
                log.info("404 %s event: no onboarding has this address", callback.kind)
                raise RequestRefused(404, "unknown_address", "there is nothing here")
            return endpoint, self._auth_tokens(connection, endpoint)

    def _auth_tokens(self, connection: Connection, endpoint: Endpoint) -> AuthTokens:
        try:
            found = self._vault.read(connection, endpoint.onboarding_id, AUTH_TOKEN)
            former = self._vault.read(
                connection, endpoint.onboarding_id, FORMER_AUTH_TOKEN, since=now() - FORMER_BELIEVED_FOR
            )
        except Misconfigured as error:
            log.error("503 for %s: %s", endpoint.name, error)  # noqa: TRY400  the sentence says it all
            raise RequestRefused(503, "unavailable", "try again") from None
        if found is None:
            log.error("503 for %s: no Twilio auth token is stored; run `onboard update FILE`", endpoint.name)
            raise RequestRefused(503, "unavailable", "try again")
        return (found,) if former is None else (found, former)


def _is_signed(callback: Callback, auth_tokens: AuthTokens, url: str, body: Mapping[str, list[str]] | str) -> bool:
    return any(is_genuine(token, url, body, callback.signature) for token in auth_tokens)


def _has_body_hash(target: str) -> bool:
    return "bodySHA256" in parse_qs(target.partition("?")[2])


def _log_taken(kind: str, endpoint: Endpoint, params: Mapping[str, str], *, is_new: bool) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    log.info(
        "%s %s: %s %s from %s to %s%s",
        endpoint.name,
        sid_of(params),
        kind,
        status_of(params),
        mask_number(params.get("From", "?")),
        mask_number(params.get("To", "?")),
        "" if is_new else " (known already)",
    )
