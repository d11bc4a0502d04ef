"""Finds whose event it is, proves that Twilio sent it, has it stored."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from engine.clock import now
from engine.inbox import find_endpoint, receive
from engine.kinds import AUTH_TOKEN
from models.db import reader
from providers.errors import Misconfigured
from providers.twilio.signature import is_genuine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine

    from engine.inbox import Endpoint, Received
    from engine.vault import Vault
    from gateway.writer import Writer
    from settings import Settings

log = logging.getLogger(__name__)


# A burst of callbacks decrypts once; a token changed by `start --update` is believed this soon.
TOKEN_SECONDS = 5.0


class Refused(Exception):
    """The event is not taken; ``status`` and ``answer`` go to the sender, the reason went to the log."""

    def __init__(self, status: int, answer: str) -> None:
        super().__init__(answer)
        self.status = status
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Taken:
    """One event that is stored now, or was stored before."""

    endpoint: Endpoint
    received: Received


def mask_number(address: str) -> str:
    """A phone number with all but its last four digits hidden; a sender id stays readable."""
    return re.sub(r"\d(?=\d{4})", "*", address)


class Receiver:
    """Takes Twilio's events for every onboarding. One per process."""

    def __init__(self, db: Engine, vault: Vault, settings: Settings, writer: Writer) -> None:
        self._db = db
        self._vault = vault
        self._settings = settings
        self._writer = writer
        self._known: dict[str, tuple[float, Endpoint, str]] = {}

    async def take(self, kind: str, token: str, target: str, fields: Mapping[str, list[str]], signature: str) -> Taken:
        """Check one event and have it stored; returns once that is durable.

        :param target: path and query as they were called; the host is ours to say, never the request's.
        :raises Refused: unknown address (404), not genuine (403), no message (400), or we cannot tell now (503).
        """
        # The signature covers every value of a repeated field; what is stored is the last, as Twilio's own helpers read it.
        form = {name: values[-1] for name, values in fields.items()}
        sid = form.get("MessageSid") or form.get("SmsSid", "")
        known = self._known.get(token)
        if known is None or time.monotonic() >= known[0]:
            found = await run_in_threadpool(self._look_up, kind, token, sid)
            known = self._known[token] = (time.monotonic() + TOKEN_SECONDS, *found)
        _, endpoint, auth_token = known
        # Until the signature is checked, what the form says is shown as %r: it could hold line breaks.
        url = self._settings.resolved_public_url + target
        if not signature or not is_genuine(auth_token, url, fields, signature):
            log.warning(
                "403 %s event %.42r for %s: the signature does not fit %s. If Twilio calls another URL, set ONBOARD_PUBLIC_URL to it; "
                "if the account's auth token was changed, run `onboard start FILE --update`",
                kind,
                sid,
                endpoint.name,
                url,
            )
            raise Refused(403, "the signature does not fit")
        if not sid:
            log.warning("400 %s event for %s names no message", kind, endpoint.name)
            raise Refused(400, "MessageSid is missing")
        stored = self._writer.submit(endpoint.onboarding_id, partial(self._store, endpoint, kind, form))
        received = await asyncio.wrap_future(stored)
        _log_taken(kind, endpoint, sid, form, is_new=received.is_new)
        return Taken(endpoint, received)

    def _store(self, endpoint: Endpoint, kind: str, form: Mapping[str, str], connection: Connection) -> Received:
        return receive(connection, endpoint, kind, form, at=now(), grace_seconds=self._settings.wake_grace_seconds)

    def _look_up(self, kind: str, token: str, sid: str) -> tuple[Endpoint, str]:
        with reader(self._db).begin() as connection:
            endpoint = find_endpoint(connection, token)
            if endpoint is None:
                log.info("404 %s event %.42r: no onboarding has this address", kind, sid)
                raise Refused(404, "there is nothing here")
            return endpoint, self._auth_token(connection, endpoint)

    def _auth_token(self, connection: Connection, endpoint: Endpoint) -> str:
        try:
            found = self._vault.read(connection, endpoint.onboarding_id, AUTH_TOKEN)
        except Misconfigured as error:
            log.error("503 for %s: %s", endpoint.name, error)  # noqa: TRY400  the sentence says it all
            raise Refused(503, "try again") from None
        if found is None:
            log.error("503 for %s: no Twilio auth token is stored; run `onboard start FILE --update`", endpoint.name)
            raise Refused(503, "try again")
        return found


def _log_taken(kind: str, endpoint: Endpoint, sid: str, form: Mapping[str, str], *, is_new: bool) -> None:
    log.info(
        "%s %s: %s %s from %s to %s%s",
        endpoint.name,
        sid,
        kind,
        form.get("MessageStatus") or form.get("SmsStatus", ""),
        mask_number(form.get("From", "?")),
        mask_number(form.get("To", "?")),
        "" if is_new else " (known already)",
    )
