"""AJO's messages, sent through Twilio: authenticate, check, intend, send, answer. Synchronous: runs in a worker thread."""

from __future__ import annotations

import asyncio
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from engine import bridge
from engine.bridge import Task
from engine.clock import now
from gateway.answers import RETRY_AFTER_SECONDS, Answer, error
from gateway.authentication import Denied, Gate, authenticate
from gateway.lines import Line, Lines
from gateway.outbound import BadMessage, OutboundMessage, read_message, recipient_of
from gateway.receiver import mask_number
from models.db import reader
from providers.connections import thread_client
from providers.errors import NeedsPerson, OnboardingError, RateLimited, Refused, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx
    from sqlalchemy import Connection, Engine, Row
    from starlette.datastructures import Headers

    from engine.vault import Vault
    from gateway.writer import Writer
    from providers.twilio.types import Message
    from settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")


class Bridge:
    """Sends for every onboarding. One per process; safe in threads.

    :param connections: how many calls to Twilio there may be at the same time.
    """

    def __init__(self, db: Engine, vault: Vault, settings: Settings, writer: Writer, *, connections: int) -> None:
        self._db = db
        self._writer = writer
        self._settings = settings
        self._lines = Lines(db, vault, settings)
        self._listing_delay = max(bridge.LISTING_DELAY * settings.wait_scale, timedelta(seconds=1))
        # Each thread keeps a client of its own: one that all of them shared would cost four times as much a call.
        self._clients: list[httpx.Client] = []
        self._threads = ThreadPoolExecutor(
            connections, "bridge", initializer=lambda: self._clients.append(thread_client())
        )

    def close(self) -> None:
        """Wait for calls under way and close the connections to Twilio."""
        self._threads.shutdown()
        for client in self._clients:
            client.close()

    def gate(self, token: str) -> Gate | Answer:
        """What the onboarding asks of AJO; an answer when it cannot send."""
        line = self._lines.find(token)
        return line if isinstance(line, Answer) else line.gate

    async def answer(self, token: str, headers: Headers, body: bytes, peer: str | None) -> Answer:
        """As :meth:`send`, for the event loop; waits in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.send, token, headers, body, peer)

    def send(self, token: str, headers: Headers, body: bytes, peer: str | None) -> Answer:
        """Send one message, at most once per reference."""
        line = self._lines.find(token)
        if isinstance(line, Answer):
            return line
        try:
            authenticate(line.gate, headers, peer)
        except Denied as denied:
            log.warning("401 for %s: %s", line.name, denied)
            return replace(error(401, "unauthorized", str(denied)), challenge=denied.challenge)
        try:
            message = read_message(body)
            recipient = recipient_of(message.to, line.region)
            _check_sender(message.sender, line)
        except BadMessage as problem:
            return error(400, f"invalid_{problem.field}", f"{problem.field}: {problem}")
        return self._send_once(line, message, recipient)

    def _write(self, row: Row[Any], work: Callable[[Connection, Row[Any]], T]) -> T:
        result: T = self._writer.run(_each, lambda connection: work(connection, row))
        return result

    # -- once ---------------------------------------------------------------------------------------------------
    def _send_once(self, line: Line, message: OutboundMessage, recipient: str) -> Answer:
        # Without a reference nothing tells a repeated request from a second message: each is sent (docs/bridge.md).
        reference = message.reference or f"{bridge.OWN_REFERENCE}{uuid.uuid4().hex}"
        wanted = bridge.Wanted(line.onboarding_id, reference, recipient, message.fingerprint(), now())
        intent = self._writer.run(self._intend, wanted)
        match intent.task:
            case Task.SEND:
                return self._post(line, message, intent.row)
            case Task.LOOK:
                return self._look(line, message, intent.row) or _unclear(reference)
            case Task.WAIT:
                return error(503, "in_progress", "this message is being sent right now", reference, after=1)
            case Task.CLASH:
                return error(409, "reference_used", "this reference was used for another message", reference)
            case Task.ANSWER:
                return _known(intent.row)

    def _intend(self, connection: Connection, wanted: Sequence[bridge.Wanted]) -> list[bridge.Intent]:
        return bridge.intend(connection, wanted, call_seconds=2 * self._settings.http_timeout_seconds)

    def _post(self, line: Line, message: OutboundMessage, row: Row[Any]) -> Answer:
        try:
            sent = line.twilio.send_message(
                to=row.recipient,
                service_sid=line.service_sid,
                body=message.message,
                media_urls=message.media,
                status_callback=line.status_callback,
                content_sid=message.content_sid,
                content_variables=message.content_variables,
                fallback_from=message.fallback_from,
                validity_seconds=message.validity_seconds,
            )
        except Retryable as failure:
            if failure.ambiguous:
                return self._look(line, message, row) or _unclear(row.client_reference)
            self._write(row, bridge.not_sent)
            is_busy = isinstance(failure, RateLimited)
            code, status = ("busy", 429) if is_busy else ("unavailable", 503)
            log.warning("%d for %s: %s", status, line.name, failure.message)
            after = failure.after or RETRY_AFTER_SECONDS
            return error(status, code, "Twilio cannot take the message now", row.client_reference, after=after)
        except (Refused, NeedsPerson) as failure:
            return self._refused(line, row, failure)
        return self._accepted(line, row, sent)

    def _look(self, line: Line, message: OutboundMessage, row: Row[Any]) -> Answer | None:
        """What became of a call whose end is unclear. Sends again only when Twilio surely has nothing.

        None when that cannot be said yet.
        """
        try:
            found = self._find(line, message, row)
        except OnboardingError as failure:
            log.warning("a message of %s could not be looked up: %s", line.name, failure.message)
            return None
        if found is not None:
            return self._accepted(line, row, found)
        claim = partial(bridge.post_unless_taken, at=now(), listing_delay=self._listing_delay)
        if not self._write(row, claim):
            return None
        return self._post(line, message, row)

    def _find(self, line: Line, message: OutboundMessage, row: Row[Any]) -> Message | None:
        """The message at Twilio, by recipient and text; one that has a reference already is another one.

        The text that a content template makes is Twilio's: there the recipient has to do.
        """
        same = [
            one
            for one in line.twilio.list_messages(to=row.recipient, sent_after=row.created_at - timedelta(days=1))
            if message.content_sid is not None or one.body == message.message
        ]
        with reader(self._db).begin() as connection:
            taken = bridge.sids_of_others(connection, [one.sid for one in same])
        return next((one for one in same if one.sid not in taken), None)

    def _accepted(self, line: Line, row: Row[Any], sent: Message) -> Answer:
        self._writer.run(bridge.accepted, (row, sent.sid))
        log.info("%s %s: sent to %s for AJO (%s)", line.name, sent.sid, mask_number(row.recipient), sent.status)
        return _taken(row, sent.sid, sent.status)

    def _refused(self, line: Line, row: Row[Any], failure: Refused | NeedsPerson) -> Answer:
        code = failure.context.code if failure.context is not None else None
        number = code if isinstance(code, int) else None
        if isinstance(failure, NeedsPerson):
            # A person may mend it: the same reference may then be sent.
            self._write(row, bridge.not_sent)
        else:
            self._write(row, partial(bridge.refused, code=number, reason=failure.message))
        log.warning("422 for %s: %s", line.name, failure.message)
        return error(422, str(number or "refused"), failure.message, row.client_reference)


def _each(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    return [work(connection) for work in works]


def _check_sender(sender: str | None, line: Line) -> None:
    if sender is not None and sender.strip() not in line.aliases:
        raise BadMessage("from", f"is none of this channel's names; use {line.sender}")


def _taken(row: Row[Any], sid: str, status: str) -> Answer:
    body = {"sid": sid, "status": status, "reference": row.client_reference, "to": row.recipient}
    return Answer(200, body)


def _known(row: Row[Any]) -> Answer:
    """The answer that this reference got before."""
    if row.sid is not None:
        return _taken(row, row.sid, row.status)
    return error(422, str(row.error_code or "refused"), row.error or "Twilio refused the message", row.client_reference)


def _unclear(reference: str) -> Answer:
    message = "whether Twilio took the message is being looked up; the same reference is never sent twice"
    return error(503, "unclear", message, reference, after=RETRY_AFTER_SECONDS)
