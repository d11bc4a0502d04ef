"""AJO's messages, sent through Twilio: authenticate, check, intend, send, answer. All on the event loop, but for look-ups."""

from __future__ import annotations

import asyncio
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from engine import bridge, rotation
from engine.bridge import Noted, Task
from engine.clock import now
from engine.limit_book import LimitBook
from gateway.answers import RETRY_AFTER_SECONDS, Answer, error
from gateway.authentication import Denied, Gate, authenticate
from gateway.lines import Line, Lines
from gateway.look import OneLook
from gateway.outbound import BadMessage, OutboundMessage, read_message, recipient_of
from gateway.receiver import mask_number
from gateway.writer import each_commits
from models.db import reader
from providers.connections import thread_client
from providers.errors import NeedsPerson, OnboardingError, RateLimited, Refused, Retryable
from providers.http_async import AsyncHttp
from providers.twilio.messages import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx
    from sqlalchemy import Connection, Engine
    from starlette.datastructures import Headers

    from engine.vault import Vault
    from gateway.writer import Writer
    from providers.twilio.types import Message
    from settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

# Calls to Twilio at the same time; so many more wait for their turn.
CONNECTIONS = 64
MOST_WAITING = 1000
LOOKERS = 4
# More look-ups than these are not begun: whoever asks again later finds fewer before him.
MOST_LOOKS = 16


class Bridge:
    """Sends for every onboarding. One per process."""

    def __init__(self, db: Engine, vault: Vault, settings: Settings, writer: Writer) -> None:
        self._db = db
        self._writer = writer
        self._settings = settings
        self._listing_delay = bridge.listing_delay(settings.wait_scale)
        self._latest_begin = timedelta(seconds=settings.http_timeout_seconds)
        self._sender = AsyncHttp(connections=CONNECTIONS)
        self._turn = asyncio.Semaphore(CONNECTIONS)
        self._waiting = 0
        self._seen_tokens: set[str] = set()
        # Looking for a message at Twilio is seldom and blocks.
        self._clients: list[httpx.Client] = []
        self._threads = ThreadPoolExecutor(LOOKERS, "bridge", initializer=lambda: self._clients.append(thread_client()))
        self._looking = 0
        # A pause that workers learned of holds for the bridge, and the other way round; nothing of it blocks the loop.
        self._learner = ThreadPoolExecutor(1, "limits")
        book = LimitBook(db, now, later=self._learner.submit)
        self._lines = Lines(db, vault, settings, book)
        self._one_look: OneLook[Line | Answer] = OneLook()

    async def close(self) -> None:
        """Close the connections to Twilio."""
        await self._sender.close()
        self._threads.shutdown()
        self._learner.shutdown()
        for client in self._clients:
            client.close()

    async def gate(self, token: str, *, is_doubted: bool) -> Gate | Answer:
        """What the onboarding asks of AJO; an answer when it cannot send."""
        line = await self._line(token, is_doubted=is_doubted)
        return line if isinstance(line, Answer) else line.gate

    async def answer(self, token: str, headers: Headers, body: bytes, peer: str | None) -> Answer:
        """Send one message, at most once per reference."""
        line = await self._signed_in(token, headers, peer)
        if isinstance(line, Answer):
            return line
        try:
            message = read_message(body)
            recipient = recipient_of(message.to, line.region)
            _check_sender(message.sender, line)
        except BadMessage as problem:
            return error(400, f"invalid_{problem.field}", f"{problem.field}: {problem}")
        if self._waiting >= MOST_WAITING:
            return error(503, "busy", "too many messages wait to be sent", message.reference, after=RETRY_AFTER_SECONDS)
        self._waiting += 1
        try:
            # Before the intent: from then on the clock of the call runs.
            async with self._turn:
                return await self._send_once(line, message, recipient)
        finally:
            self._waiting -= 1

    async def _signed_in(self, token: str, headers: Headers, peer: str | None) -> Line | Answer:
        """The line, once the caller has shown that it is AJO."""
        line = await self._line(token)
        shown = _shown(line, headers, peer)
        if isinstance(shown, Denied):
            line = await self._line(token, is_doubted=True)
            shown = _shown(line, headers, peer)
        if isinstance(line, Answer):
            return line
        if isinstance(shown, Denied):
            log.warning("401 for %s: %s", line.name, shown)
            return replace(error(401, "unauthorized", str(shown)), challenge=shown.challenge)
        if shown and line.gate.former is not None:
            await self._note_new_token(line)
        return line

    async def _note_new_token(self, line: Line) -> None:
        """Once for each token that takes another's place: from then on AJO is known to have it."""
        if line.gate.token in self._seen_tokens:
            return
        self._seen_tokens.add(line.gate.token)
        try:
            await self._writer.submit(rotation.note_seen, rotation.Seen(line.onboarding_id, now()))
        except SQLAlchemyError as problem:
            self._seen_tokens.discard(line.gate.token)
            log.warning("that AJO has the new token of %s could not be noted: %s", line.name, type(problem).__name__)

    async def _line(self, token: str, *, is_doubted: bool = False) -> Line | Answer:
        line = self._lines.known(token, is_doubted=is_doubted)
        if line is None:
            line = await self._one_look((token, is_doubted), partial(self._lines.find, token, is_doubted=is_doubted))
        return line

    async def _write(self, noted: Noted, work: Callable[[Connection, Noted], T]) -> T:
        result: T = await self._writer.submit(_each, lambda connection: work(connection, noted))
        return result

    # -- once ---------------------------------------------------------------------------------------------------
    async def _send_once(self, line: Line, message: OutboundMessage, recipient: str) -> Answer:
        # Without a reference nothing tells a repeated request from a second message: each is sent (docs/bridge.md).
        reference = message.reference or f"{bridge.OWN_REFERENCE}{uuid.uuid4().hex}"
        wanted = bridge.Wanted(line.onboarding_id, reference, recipient, message.fingerprint())
        noted = await self._writer.submit(self._announce, wanted)
        if noted is not None:
            return await self._post(line, message, noted)
        intent = await self._writer.submit(self._judge, wanted)
        match intent.task:
            case Task.SEND:
                return await self._post(line, message, intent.noted)
            case Task.LOOK:
                return await self._look(line, message, intent.noted) or _unclear(reference)
            case Task.WAIT:
                return error(503, "in_progress", "this message is being sent right now", reference, after=1)
            case Task.CLASH:
                return error(409, "reference_used", "this reference was used for another message", reference)
            case Task.ANSWER:
                return _known(intent.noted)

    @each_commits
    def _announce(self, connection: Connection, wanted: Sequence[bridge.Wanted]) -> list[Noted | None]:
        return bridge.announce(connection, wanted, at=now())

    def _judge(self, connection: Connection, wanted: Sequence[bridge.Wanted]) -> list[bridge.Intent]:
        # A call begins so late at most (`_post`), and lasts two timeouts at most.
        call_seconds = self._latest_begin.total_seconds() + 2 * self._settings.http_timeout_seconds
        return bridge.judge(connection, wanted, at=now(), call_seconds=call_seconds)

    @each_commits
    def _accept(self, connection: Connection, sent: Sequence[tuple[Noted, str]]) -> list[None]:
        return bridge.accepted(connection, sent)

    async def _post(self, line: Line, message: OutboundMessage, noted: Noted) -> Answer:
        if noted.posted_at is None or now() > noted.posted_at + self._latest_begin:
            # This process has slept since it announced the call: somebody else may be making it by now.
            await self._write(noted, bridge.not_sent)
            return error(503, "busy", "the message could not be sent in time", noted.client_reference, after=1)
        outgoing = Outgoing(
            to=noted.recipient,
            service_sid=line.service_sid,
            body=message.message,
            media_urls=message.media,
            status_callback=line.status_callback,
            content_sid=message.content_sid,
            content_variables=message.content_variables,
            fallback_from=message.fallback_from,
            validity_seconds=message.validity_seconds,
        )
        try:
            sent = await line.twilio.send_message_from_loop(self._sender, outgoing)
        except Retryable as failure:
            if failure.ambiguous:
                noted = await self._write(
                    noted, lambda connection, noted: bridge.ended_unclear(connection, noted, at=now())
                )
                return await self._look(line, message, noted) or _unclear(noted.client_reference)
            await self._write(noted, bridge.not_sent)
            is_busy = isinstance(failure, RateLimited)
            code, status = ("busy", 429) if is_busy else ("unavailable", 503)
            log.warning("%d for %s: %s", status, line.name, failure.message)
            after = failure.after or RETRY_AFTER_SECONDS
            return error(status, code, "Twilio cannot take the message now", noted.client_reference, after=after)
        except Refused as failure:
            return await self._refused(line, noted, failure)
        except NeedsPerson as failure:
            fresh = await self._line(line.address, is_doubted=True)
            if isinstance(fresh, Line) and fresh.key_sid != line.key_sid:
                # The key was replaced while the message waited for its turn.
                return await self._post(fresh, message, noted)
            return await self._refused(line, noted, failure)
        return await self._accepted(line, noted, sent)

    async def _look(self, line: Line, message: OutboundMessage, noted: Noted) -> Answer | None:
        """What became of a call whose end is unclear. Sends again only when Twilio surely has nothing.

        None when that cannot be said yet.
        """
        if self._looking >= MOST_LOOKS:
            return None
        self._looking += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._find, line, message, noted)
        except OnboardingError as failure:
            log.warning("a message of %s could not be looked up: %s", line.name, failure.message)
            return None
        finally:
            self._looking -= 1
        if found is not None:
            return await self._accepted(line, noted, found)
        claimed = await self._write(noted, self._claim)
        return await self._post(line, message, claimed) if claimed is not None else None

    def _claim(self, connection: Connection, noted: Noted) -> Noted | None:
        return bridge.post_unless_taken(connection, noted, at=now(), listing_delay=self._listing_delay)

    def _find(self, line: Line, message: OutboundMessage, noted: Noted) -> Message | None:
        """The message at Twilio, by recipient and text; one that has a reference already is another one.

        The text that a content template makes is Twilio's: there the recipient has to do.
        """
        same = [
            one
            for one in line.twilio.list_messages(to=noted.recipient, sent_after=noted.created_at - timedelta(days=1))
            if message.content_sid is not None or one.body == message.message
        ]
        with reader(self._db).begin() as connection:
            taken = bridge.sids_of_others(connection, [one.sid for one in same])
        return next((one for one in same if one.sid not in taken), None)

    async def _accepted(self, line: Line, noted: Noted, sent: Message) -> Answer:
        await self._writer.submit(self._accept, (noted, sent.sid))
        if log.isEnabledFor(logging.INFO):
            log.info("%s %s: sent to %s for AJO (%s)", line.name, sent.sid, mask_number(noted.recipient), sent.status)
        return _taken(noted, sent.sid, sent.status)

    async def _refused(self, line: Line, noted: Noted, failure: Refused | NeedsPerson) -> Answer:
        code = failure.context.code if failure.context is not None else None
        number = code if isinstance(code, int) else None
        if isinstance(failure, NeedsPerson):
            # A person may mend it: the same reference may then be sent.
            await self._write(noted, bridge.not_sent)
        else:
            await self._write(noted, partial(bridge.refused, code=number, reason=failure.message))
        log.warning("422 for %s: %s", line.name, failure.message)
        return error(422, str(number or "refused"), failure.message, noted.client_reference)


def _shown(line: Line | Answer, headers: Headers, peer: str | None) -> Denied | bool:
    """Whether the caller is let in by the present token; why it is not let in."""
    try:
        return isinstance(line, Line) and authenticate(line.gate, headers, peer)
    except Denied as denied:
        return denied


def _each(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    return [work(connection) for work in works]


def _check_sender(sender: str | None, line: Line) -> None:
    if sender is not None and sender.strip() not in line.aliases:
        raise BadMessage("from", f"is none of this channel's names; use {line.sender}")


def _taken(noted: Noted, sid: str, status: str) -> Answer:
    body = {"sid": sid, "status": status, "reference": noted.client_reference, "to": noted.recipient}
    return Answer(200, body)


def _known(noted: Noted) -> Answer:
    """The answer that this reference got before."""
    if noted.sid is not None:
        return _taken(noted, noted.sid, noted.status)
    return error(
        422, str(noted.error_code or "refused"), noted.error or "Twilio refused the message", noted.client_reference
    )


def _unclear(reference: str) -> Answer:
    message = "whether Twilio took the message is being looked up; the same reference is never sent twice"
    return error(503, "unclear", message, reference, after=RETRY_AFTER_SECONDS)
