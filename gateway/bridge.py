"""AJO's messages, sent through Twilio: authenticate, check, intend, send, answer. Synchronous: runs in a worker thread."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from engine import bridge, kinds
from engine.bridge import Task
from engine.clock import now
from engine.endpoints import send_url, status_url
from gateway.authentication import ClientCertificate, Denied, Gate, authenticate
from gateway.outbound import BadMessage, OutboundMessage, read_message, recipient_of, region_of
from gateway.receiver import mask_number
from models.db import reader
from models.spec.onboarding import RcsSpec, spec_from_json
from models.states import OnboardingState
from models.tables import Onboarding, Resource
from providers.connections import make_client
from providers.errors import Misconfigured, NeedsPerson, OnboardingError, RateLimited, Refused, Retryable
from providers.twilio.client import TwilioClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine, Row
    from starlette.datastructures import Headers

    from engine.vault import Vault
    from gateway.writer import Writer
    from providers.twilio.types import Message
    from settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

# How long what is known of an onboarding is believed; a changed token works this soon.
KNOWN_SECONDS = 5.0
# An onboarding that a person ended sends nothing any more.
ENDED = {OnboardingState.CANCELLED, OnboardingState.TEARING_DOWN, OnboardingState.REMOVED}
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What AJO is told. ``retry_after``: the same request, later, may succeed.

    ``challenge``: what a 401 asks for.
    """

    status: int
    body: dict[str, Any]
    retry_after: float | None = None
    challenge: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """All that is needed to send for one onboarding."""

    onboarding_id: int
    name: str
    gate: Gate
    sender: str
    aliases: frozenset[str]
    service_sid: str
    status_callback: str
    twilio: TwilioClient


def error(status: int, code: str, message: str, reference: str | None = None, *, after: float | None = None) -> Answer:
    """An answer that says no: a stable code, a sentence, and whether to try again."""
    body = {"error": {"code": code, "message": message, "retryable": after is not None}, "reference": reference}
    return Answer(status, body, after)


class Bridge:
    """Sends for every onboarding. One per process; safe in threads.

    :param connections: how many calls to Twilio there may be at the same time.
    """

    def __init__(self, db: Engine, vault: Vault, settings: Settings, writer: Writer, *, connections: int) -> None:
        self._db = db
        self._writer = writer
        self._vault = vault
        self._settings = settings
        # Of its own: the threads that call it come and go with the load.
        self._client = make_client(connections=connections)
        self._lines: dict[str, tuple[float, Line | Answer]] = {}
        self._listing_delay = max(bridge.LISTING_DELAY * settings.wait_scale, timedelta(seconds=1))

    def close(self) -> None:
        """Close the connections to Twilio."""
        self._client.close()

    def gate(self, token: str) -> Gate | Answer:
        """What the onboarding asks of AJO; an answer when it cannot send."""
        line = self._line(token)
        return line if isinstance(line, Answer) else line.gate

    def send(self, token: str, headers: Headers, body: bytes, peer: str | None) -> Answer:
        """Send one message, at most once per reference."""
        line = self._line(token)
        if isinstance(line, Answer):
            return line
        try:
            authenticate(line.gate, headers, peer)
        except Denied as denied:
            log.warning("401 for %s: %s", line.name, denied)
            return replace(error(401, "unauthorized", str(denied)), challenge=denied.challenge)
        try:
            message = read_message(body)
            recipient = recipient_of(message.to, region_of(line.sender))
            _check_sender(message.sender, line)
        except BadMessage as problem:
            return error(400, f"invalid_{problem.field}", f"{problem.field}: {problem}")
        return self._send_once(line, message, recipient)

    # -- who asks -----------------------------------------------------------------------------------------------
    def _line(self, token: str) -> Line | Answer:
        until, known = self._lines.get(token, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        with reader(self._db).begin() as connection:
            row = connection.execute(select(Onboarding).where(Onboarding.c.endpoint_token == token)).one_or_none()
            if row is None:
                # Not kept: anybody can make up addresses.
                return error(404, "not_found", "there is nothing here")
            line = self._load(connection, row)
        self._lines[token] = (time.monotonic() + KNOWN_SECONDS, line)
        return line

    def _load(self, connection: Connection, row: Row[Any]) -> Line | Answer:
        spec = spec_from_json(row.spec)
        if not isinstance(spec, RcsSpec):
            return error(404, "not_found", f"{row.name} is no RCS channel: AJO speaks to Twilio directly for it")
        if row.status in ENDED:
            return error(409, "not_active", f"{row.name} is {row.status}")
        found = select(Resource.c.kind, Resource.c.external_id).where(Resource.c.onboarding_id == row.id)
        ids = dict(connection.execute(found).all())
        try:
            secrets = {
                name: self._vault.read(connection, row.id, name) for name in (kinds.BRIDGE_TOKEN, kinds.API_KEY_SECRET)
            }
        except Misconfigured as problem:
            log.error("503 for %s: %s", row.name, problem)  # noqa: TRY400  the sentence says it all
            return error(503, "unavailable", "the bridge cannot send now", after=RETRY_AFTER_SECONDS)
        key_sid, service_sid = ids.get(kinds.API_KEY), ids.get(kinds.MESSAGING_SERVICE)
        token, key_secret = secrets[kinds.BRIDGE_TOKEN], secrets[kinds.API_KEY_SECRET]
        if not (token and key_secret and key_sid and service_sid):
            return error(503, "not_ready", f"{row.name} is not set up as far as this yet", after=RETRY_AFTER_SECONDS)
        public_url = self._settings.resolved_public_url
        return Line(
            onboarding_id=row.id,
            name=row.name,
            gate=Gate(
                way=spec.ajo.credential.sign_in,
                name=row.name,
                token=token,
                issuer=spec.ajo.organization_id,
                audience=send_url(public_url, row.endpoint_token),
                certificate=ClientCertificate.from_settings(self._settings) if spec.ajo.credential.mtls else None,
            ),
            sender=spec.sender,
            aliases=aliases_of(spec.sender, spec.rcs.sender_id, service_sid),
            service_sid=service_sid,
            status_callback=status_url(public_url, row.endpoint_token),
            twilio=TwilioClient(
                self._settings,
                account_sid=spec.twilio.account_sid,
                username=key_sid,
                password=key_secret,
                client=self._client,
            ),
        )

    def _write(self, row: Row[Any], work: Callable[[Connection, Row[Any]], T]) -> T:
        return self._writer.run(row.onboarding_id, lambda connection: work(connection, row))

    # -- once ---------------------------------------------------------------------------------------------------
    def _send_once(self, line: Line, message: OutboundMessage, recipient: str) -> Answer:
        # Without a reference nothing tells a repeated request from a second message: each is sent (docs/bridge.md).
        reference = message.reference or f"onboard-{uuid.uuid4().hex}"
        intent = self._writer.run(
            line.onboarding_id,
            lambda connection: bridge.intend(
                connection,
                line.onboarding_id,
                reference,
                recipient=recipient,
                fingerprint=message.fingerprint(),
                at=now(),
                call_seconds=2 * self._settings.http_timeout_seconds,
            ),
        )
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
        self._write(row, partial(bridge.accepted, sid=sent.sid))
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


def aliases_of(sender: str, sender_id: str, service_sid: str) -> frozenset[str]:
    """How AJO may name the sender: the number as in the spec, without its plus, the agent, or the service."""
    return frozenset({sender, sender.removeprefix("+"), sender_id, sender_id.removeprefix("rcs:"), service_sid})


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
