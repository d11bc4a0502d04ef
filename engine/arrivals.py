"""What arrives from Twilio: stored once and at once, and a moment later applied to the message that it speaks of.

The gateway calls :func:`store` and answers; what an event means is found out by the forwarding task, which calls
:func:`apply_arrived`. So the answer waits for one insert, shared with whatever arrived at the same time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import or_, select, update
from sqlalchemy.exc import DataError, IntegrityError

from engine import kinds
from engine.message_status import apply_callback, error_code_of, sid_of, status_of, status_rank
from engine.transitions import append_event, lock_onboarding
from engine.upsert import insert_mostly_new
from engine.wake import signal_step
from models.states import ForwardState, OnboardingState
from models.tables import BridgeMessage, Message, Onboarding, Resource, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

LONGEST_KEY = 120
# Events applied in one transaction; more are left for the next.
BATCH = 200
# A callback can be faster than the answer to the call that made its message. Whose it is, is clear within this time.
UNCLEAR_FOR = timedelta(minutes=10)
LOOK_AGAIN = timedelta(seconds=2)
AJO_WEBHOOK = {"inbound": kinds.INBOUND_WEBHOOK, "status": kinds.FEEDBACK_WEBHOOK}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The onboarding behind an unguessable gateway path."""

    onboarding_id: int
    name: str
    channel: str


class Arrival(NamedTuple):
    """One event whose signature has been checked.

    :param kind: ``status`` or ``inbound``.
    :param idempotency_token: the same on each of Twilio's tries to deliver one event, if it gave any.
    """

    onboarding_id: int
    kind: str
    params: Mapping[str, str]
    idempotency_token: str | None
    received_at: datetime


def find_endpoint(connection: Connection, token: str) -> Endpoint | None:
    row = connection.execute(
        select(Onboarding.c.id, Onboarding.c.name, Onboarding.c.channel).where(
            # Once removed its addresses are nobody's: the vendors were told before.
            Onboarding.c.endpoint_token == token,
            Onboarding.c.status != OnboardingState.REMOVED,
        )
    ).one_or_none()
    return Endpoint(row.id, row.name, row.channel) if row else None


def dedupe_key(kind: str, params: Mapping[str, str]) -> str:
    """What makes two deliveries the same event: the message and, for a status, the status and its error."""
    sid = sid_of(params)
    key = f"inbound:{sid}" if kind == "inbound" else f"status:{sid}:{status_of(params)}:{params.get('ErrorCode', '')}"
    # Not every database takes every character in a text.
    return (
        key if len(key) <= LONGEST_KEY and key.isprintable() else f"{kind}:{hashlib.sha256(key.encode()).hexdigest()}"
    )


def store(connection: Connection, arrivals: Sequence[Arrival], *, grace_seconds: float) -> list[bool]:
    """Store each event unless it is known; whether it was new, in the order given.

    :param grace_seconds: after this the tick looks for what the message to the worker should have brought about.
    """
    rows = [_row(arrival, grace_seconds) for arrival in arrivals]
    return insert_mostly_new(connection, WebhookEvent, rows, WebhookEvent.c.onboarding_id, WebhookEvent.c.dedupe_key)


def _row(arrival: Arrival, grace_seconds: float) -> dict[str, Any]:
    return {
        "onboarding_id": arrival.onboarding_id,
        "kind": arrival.kind,
        "message_sid": sid_of(arrival.params)[:40],
        "dedupe_key": dedupe_key(arrival.kind, arrival.params),
        "idempotency_token": arrival.idempotency_token,
        "payload": _storable(arrival.params),
        "received_at": arrival.received_at,
        "forward_tries": 0,
        "forward_state": ForwardState.ARRIVED,
        "forward_due_at": arrival.received_at + timedelta(seconds=grace_seconds),
    }


def _storable(params: Mapping[str, str]) -> dict[str, str]:
    """Without what PostgreSQL takes in no text: NUL, and halves of characters."""
    everything = "".join((*params, *params.values()))
    if everything.isascii() and "\0" not in everything:
        return dict(params)
    return {_clean(name): _clean(value) for name, value in params.items()}


def _clean(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of the events that had arrived."""

    is_all: bool
    wakes_verification: bool


def apply_arrived(connection: Connection, onboarding_id: int, *, at: datetime, grace_seconds: float) -> Applied:
    """Find out what the stored events of an onboarding mean: move messages, decide what goes on to AJO.

    A status that is older than what AJO has heard is kept and not passed on. Safe to repeat: each event is applied in
    the transaction that takes it out of ``arrived``.
    """
    lock_onboarding(connection, onboarding_id)
    rows = connection.execute(
        select(WebhookEvent)
        .where(
            WebhookEvent.c.onboarding_id == onboarding_id,
            WebhookEvent.c.forward_due_at.isnot(None),
            WebhookEvent.c.forward_state == ForwardState.ARRIVED,
            # Without an error nobody has looked at it yet: its due time is only for messages of the broker that got lost.
            or_(WebhookEvent.c.forward_error.is_(None), WebhookEvent.c.forward_due_at <= at),
        )
        .order_by(WebhookEvent.c.id)
        .limit(BATCH)
    ).all()
    if not rows:
        return Applied(is_all=True, wakes_verification=False)
    webhooks = _ajo_webhooks(connection, onboarding_id)
    unknown = _of_nobody_yet(connection, onboarding_id, rows, at=at)
    passed_on: list[int] = []
    kept: list[int] = []
    is_news = False
    for row in rows:
        if row.id in unknown:
            continue
        is_late = False
        if row.kind == "status":
            try:
                # One that the database refuses must not keep all others from being applied.
                with connection.begin_nested():
                    is_late = not move_bridge_message(connection, onboarding_id, row.payload)
                    is_news |= apply_callback(connection, onboarding_id, row.payload, at=at)
            except (DataError, IntegrityError) as error:
                said = f"cannot be applied ({type(error).__name__}); see `onboard inbox show {row.id}`"
                _set(connection, [row.id], forward_state=ForwardState.PARKED, forward_due_at=None, forward_error=said)
                append_event(connection, onboarding_id, "event:parked", f"event {row.id} {said}", at=at)
                continue
        (kept if is_late or AJO_WEBHOOK[row.kind] not in webhooks else passed_on).append(row.id)
    _set(connection, kept, forward_state=ForwardState.NOT_NEEDED, forward_due_at=None, forward_error=None)
    lost_at = at + timedelta(seconds=grace_seconds)
    _set(connection, passed_on, forward_state=ForwardState.PENDING, forward_due_at=lost_at, forward_error=None)
    _set(
        connection,
        list(unknown),
        forward_due_at=at + LOOK_AGAIN,
        forward_error="whose message it is, is being found out",
    )
    wakes = is_news and signal_step(connection, onboarding_id, "verification", at=at, grace_seconds=grace_seconds)
    return Applied(is_all=len(rows) < BATCH, wakes_verification=wakes)


def _set(connection: Connection, ids: list[int], **values: Any) -> None:
    if ids:
        connection.execute(update(WebhookEvent).where(WebhookEvent.c.id.in_(ids)).values(**values))


def _ajo_webhooks(connection: Connection, onboarding_id: int) -> set[str]:
    # Also one that is being made anew just now: what arrives meanwhile waits for it.
    found = select(Resource.c.kind).where(
        Resource.c.onboarding_id == onboarding_id, Resource.c.kind.in_(AJO_WEBHOOK.values())
    )
    return set(connection.execute(found).scalars())


def _of_nobody_yet(connection: Connection, onboarding_id: int, rows: Sequence[Row[Any]], *, at: datetime) -> set[int]:
    """Status events of a message that nobody knows, while a call that may have made it is still unclear.

    AJO would get them under Twilio's name of the message, which says nothing to it.
    """
    recipients: set[str] = set()
    for table in (BridgeMessage, Message):
        open_calls = select(table.c.recipient).where(
            table.c.onboarding_id == onboarding_id,
            table.c.sid.is_(None),
            table.c.status == "intended",
            table.c.posted_at.isnot(None),
        )
        recipients |= {one.removeprefix("rcs:") for one in connection.execute(open_calls).scalars()}
    suspects = [
        row
        for row in rows
        if row.kind == "status"
        and row.payload.get("To", "").removeprefix("rcs:") in recipients
        and at < row.received_at + UNCLEAR_FOR
    ]
    if not suspects:
        return set()
    sids = {row.message_sid for row in suspects}
    known: set[str | None] = set()
    for table in (BridgeMessage, Message):
        known |= set(connection.execute(select(table.c.sid).where(table.c.sid.in_(sids))).scalars())
    return {row.id for row in suspects if row.message_sid not in known}


def move_bridge_message(connection: Connection, onboarding_id: int, params: Mapping[str, str]) -> bool:
    """Move the bridge's message a status speaks of. False when that is older than what is known of it."""
    status = status_of(params)
    found = select(BridgeMessage.c.id, BridgeMessage.c.status).where(
        BridgeMessage.c.onboarding_id == onboarding_id, BridgeMessage.c.sid == sid_of(params)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return True
    if status_rank(status) <= status_rank(row.status):
        return False
    values = {"status": status[:24], "error_code": error_code_of(params)}
    connection.execute(update(BridgeMessage).where(BridgeMessage.c.id == row.id).values(**values))
    return True
