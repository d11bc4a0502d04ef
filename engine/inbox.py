"""What arrives from Twilio: stored once, applied to the message it speaks of, queued for AJO.

The gateway calls :func:`receive` and answers; a task calls :func:`take_next` and :func:`settle_event`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, or_, select, update

from engine.retry import next_delay
from engine.transitions import append_event, lock_onboarding
from engine.upsert import insert_new
from engine.wake import BATCH, signal_step
from models.states import ForwardState
from models.tables import BridgeMessage, Message, Onboarding, Resource, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.context import StepContext

# Callbacks arrive out of order; a message's status only moves up this ladder (docs/vendors.md: inference).
STATUS_RANK = {
    "intended": 0,
    "accepted": 1,
    "scheduled": 1,
    "queued": 2,
    "sending": 3,
    "sent": 4,
    "partially_delivered": 5,
    "delivered": 6,
    "undelivered": 6,
    "failed": 6,
    "canceled": 6,
    "read": 7,
}
# Message id of the event that the webhook step sends through the gateway; Twilio's begin with SM or MM.
PROBE_PREFIX = "probe-"
# AJO is asked again for a day, and often; then a person decides. An old event that a person replays begins anew.
PARK_AFTER = timedelta(hours=24)
TRIES_BEFORE_PARKING = 15


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The onboarding behind an unguessable gateway path."""

    onboarding_id: int
    name: str
    channel: str


@dataclass(frozen=True, slots=True)
class Received:
    """What an arrived event calls for, once its transaction has committed."""

    is_new: bool
    wakes_verification: bool = False
    needs_forwarding: bool = False


def find_endpoint(connection: Connection, token: str) -> Endpoint | None:
    row = connection.execute(
        select(Onboarding.c.id, Onboarding.c.name, Onboarding.c.channel).where(Onboarding.c.endpoint_token == token)
    ).one_or_none()
    return Endpoint(row.id, row.name, row.channel) if row else None


def status_rank(status: str) -> int:
    """Higher is later; a word we do not know ranks as ``sent``, so that it neither blocks nor ends anything."""
    return STATUS_RANK.get(status, 4)


def dedupe_key(kind: str, params: Mapping[str, str]) -> str:
    """What makes two deliveries the same event: the message and, for a status, the status and its error."""
    sid = params.get("MessageSid") or params.get("SmsSid", "")
    if kind == "inbound":
        return f"inbound:{sid}"
    status = params.get("MessageStatus") or params.get("SmsStatus", "")
    return f"status:{sid}:{status}:{params.get('ErrorCode', '')}"


def receive(
    connection: Connection,
    endpoint: Endpoint,
    kind: str,
    params: Mapping[str, str],
    *,
    at: datetime,
    grace_seconds: float,
) -> Received:
    """Store one verified event and apply it, all in the caller's transaction; a duplicate changes nothing."""
    lock_onboarding(connection, endpoint.onboarding_id)
    sid = params.get("MessageSid") or params.get("SmsSid", "")
    key = dedupe_key(kind, params)
    if len(key) > 120:
        key = f"{kind}:{hashlib.sha256(key.encode()).hexdigest()}"
    is_late = kind == "status" and not move_bridge_message(connection, endpoint.onboarding_id, params)
    # What AJO knows better already is kept and not passed on.
    needs_forwarding = not is_late and _has_ajo_webhook(connection, endpoint.onboarding_id, kind)
    values: dict[str, Any] = {
        "onboarding_id": endpoint.onboarding_id,
        "kind": kind,
        "message_sid": sid[:40],
        "dedupe_key": key,
        "payload": dict(params),
        "received_at": at,
        "forward_tries": 0,
        "forward_state": ForwardState.PENDING if needs_forwarding else ForwardState.NOT_NEEDED,
        # The gateway sends the task's message at once; the tick covers for a lost one.
        "forward_due_at": at + timedelta(seconds=grace_seconds) if needs_forwarding else None,
    }
    if not insert_new(connection, WebhookEvent, key=["onboarding_id", "dedupe_key"], values=values):
        return Received(is_new=False)
    is_news = kind == "status" and apply_callback(connection, endpoint.onboarding_id, params, at=at)
    wakes = is_news and signal_step(
        connection, endpoint.onboarding_id, "verification", at=at, grace_seconds=grace_seconds
    )
    return Received(is_new=True, wakes_verification=wakes, needs_forwarding=needs_forwarding)


def _has_ajo_webhook(connection: Connection, onboarding_id: int, kind: str) -> bool:
    resource_kind = "ajo_inbound_webhook" if kind == "inbound" else "ajo_feedback_webhook"
    # Also one that is being made anew just now: what arrives meanwhile waits for it.
    found = select(Resource.c.id).where(Resource.c.onboarding_id == onboarding_id, Resource.c.kind == resource_kind)
    return connection.execute(found).first() is not None


def apply_callback(connection: Connection, onboarding_id: int, params: Mapping[str, str], *, at: datetime) -> bool:
    """Move the message a status callback speaks of; False when it is not ours or this is old news."""
    error = params.get("ErrorCode", "")
    return record_status(
        connection,
        onboarding_id,
        params.get("MessageSid") or params.get("SmsSid", ""),
        params.get("MessageStatus") or params.get("SmsStatus", ""),
        sender=params.get("From"),
        error_code=int(error) if error.isdigit() else None,
        at=at,
    )


def move_bridge_message(connection: Connection, onboarding_id: int, params: Mapping[str, str]) -> bool:
    """Move the bridge's message a status speaks of. False when that is older than what is known of it."""
    sid = params.get("MessageSid") or params.get("SmsSid", "")
    status = params.get("MessageStatus") or params.get("SmsStatus", "")
    found = select(BridgeMessage.c.id, BridgeMessage.c.status).where(
        BridgeMessage.c.onboarding_id == onboarding_id, BridgeMessage.c.sid == sid
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return True
    if status_rank(status) <= status_rank(row.status):
        return False
    error = params.get("ErrorCode", "")
    values = {"status": status[:24], "error_code": int(error) if error.isdigit() else None}
    connection.execute(update(BridgeMessage).where(BridgeMessage.c.id == row.id).values(**values))
    return True


def record_status(
    connection: Connection,
    onboarding_id: int,
    sid: str,
    status: str,
    *,
    sender: str | None,
    error_code: int | None,
    at: datetime,
) -> bool:
    """Move one of our messages forward. False when it is not ours, or the news is older than what is known."""
    row = connection.execute(
        select(Message.c.id, Message.c.status).where(Message.c.onboarding_id == onboarding_id, Message.c.sid == sid)
    ).one_or_none()
    if row is None or status_rank(status) <= status_rank(row.status):
        return False
    values: dict[str, Any] = {"status": status, "updated_at": at, "error_code": error_code}
    if sender:
        values["transport"] = transport_of(sid, sender)
    connection.execute(update(Message).where(Message.c.id == row.id, Message.c.status == row.status).values(**values))
    text = f"message {sid} is {status}" + (f" (error {error_code})" if error_code else "")
    append_event(connection, onboarding_id, f"message:{status}"[:40], text, at=at, step="verification")
    return True


def transport_of(sid: str, sender: str) -> str:
    """``rcs``, ``mms`` or ``sms``. The prefix of From is the only documented evidence."""
    return "rcs" if sender.startswith("rcs:") else "mms" if sid.startswith("MM") else "sms"


def is_first_of_its_message() -> Any:
    """The condition that no earlier event of the same message still waits: order is kept per message."""
    earlier = WebhookEvent.alias("earlier")
    return ~exists().where(
        earlier.c.onboarding_id == WebhookEvent.c.onboarding_id,
        earlier.c.message_sid == WebhookEvent.c.message_sid,
        # Only what waits has a due time; saying so lets the small index of these be used.
        earlier.c.forward_due_at.isnot(None),
        earlier.c.forward_state == ForwardState.PENDING,
        earlier.c.id < WebhookEvent.c.id,
    )


def take_next(connection: Connection, onboarding_id: int, *, at: datetime, lease_seconds: float) -> Row[Any] | None:
    """The oldest event to forward now; None when there is none.

    It is hidden from other takers for ``lease_seconds``, and :func:`settle_event` wants the row as it is returned.
    """
    lock_onboarding(connection, onboarding_id)
    row = connection.execute(
        select(WebhookEvent)
        .where(
            WebhookEvent.c.onboarding_id == onboarding_id,
            WebhookEvent.c.forward_due_at.isnot(None),
            WebhookEvent.c.forward_state == ForwardState.PENDING,
            # A first try waits for nothing: its due time is only for messages of the broker that got lost.
            or_(WebhookEvent.c.forward_tries == 0, WebhookEvent.c.forward_due_at <= at),
            is_first_of_its_message(),
        )
        .order_by(WebhookEvent.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    taken = (
        update(WebhookEvent)
        .where(WebhookEvent.c.id == row.id)
        .values(forward_due_at=at + timedelta(seconds=lease_seconds), forward_tries=row.forward_tries + 1)
        .returning(WebhookEvent)
    )
    return connection.execute(taken).one()


def due_forwards(connection: Connection, *, at: datetime) -> list[tuple[int, str]]:
    """Onboardings whose stored events are due for AJO, as (id, name); those that wait longest come first."""
    statement = (
        select(WebhookEvent.c.onboarding_id, Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == WebhookEvent.c.onboarding_id)
        .where(
            WebhookEvent.c.forward_state == ForwardState.PENDING,
            WebhookEvent.c.forward_due_at <= at,
            is_first_of_its_message(),
        )
        .group_by(WebhookEvent.c.onboarding_id, Onboarding.c.name)
        .order_by(func.min(WebhookEvent.c.forward_due_at))
        .limit(BATCH)
    )
    return [(row.onboarding_id, row.name) for row in connection.execute(statement).all()]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not reached AJO."""

    waiting: int
    parked: int
    oldest_seconds: float


def backlog(connection: Connection, *, at: datetime) -> Backlog:
    waiting, oldest = connection.execute(
        select(func.count(), func.min(WebhookEvent.c.received_at)).where(
            WebhookEvent.c.forward_due_at.isnot(None), WebhookEvent.c.forward_state == ForwardState.PENDING
        )
    ).one()
    parked = connection.execute(
        select(func.count()).where(WebhookEvent.c.forward_state == ForwardState.PARKED)
    ).scalar_one()
    return Backlog(waiting, parked, max(0.0, (at - oldest).total_seconds()) if oldest else 0.0)


def client_reference(connection: Connection, sid: str) -> str:
    """The reference AJO knows the message by; the SID itself where we did not send it for AJO."""
    for table in (BridgeMessage, Message):
        found = connection.execute(select(table.c.client_reference).where(table.c.sid == sid)).scalar_one_or_none()
        if found:
            return str(found)
    return sid


def settle_event(
    connection: Connection,
    row: Row[Any],
    *,
    error: str | None,
    is_final: bool,
    asked: float | None,
    base_seconds: float,
    at: datetime,
    grace_seconds: float,
) -> bool:
    """Record how forwarding went. True when the webhook step waited for this event and is ready now.

    :param row: as :func:`take_next` gave it; if somebody has taken it since, their word counts and this changes nothing.
    :param asked: seconds that AJO asked to be left alone.
    """
    lock_onboarding(connection, row.onboarding_id)
    if error is None:
        values: dict[str, Any] = {
            "forward_state": ForwardState.FORWARDED,
            "forwarded_at": at,
            "forward_due_at": None,
            "forward_error": None,
        }
    elif is_final or (at - row.received_at > PARK_AFTER and row.forward_tries >= TRIES_BEFORE_PARKING):
        values = {"forward_state": ForwardState.PARKED, "forward_due_at": None, "forward_error": error}
    else:
        delay = next_delay(row.forward_tries, base_seconds=base_seconds, asked=asked)
        values = {"forward_due_at": at + delay, "forward_error": error}
    still_ours = (
        WebhookEvent.c.id == row.id,
        WebhookEvent.c.forward_state == ForwardState.PENDING,
        WebhookEvent.c.forward_tries == row.forward_tries,
    )
    if connection.execute(update(WebhookEvent).where(*still_ours).values(**values)).rowcount != 1:
        return False
    if values.get("forward_state") is ForwardState.PARKED:
        append_event(
            connection, row.onboarding_id, "event:parked", f"{row.kind} event of {row.message_sid}: {error}", at=at
        )
    return row.message_sid.startswith(PROBE_PREFIX) and signal_step(
        connection, row.onboarding_id, "webhook", at=at, grace_seconds=grace_seconds
    )


def replay(connection: Connection, ids: Sequence[int], *, at: datetime) -> list[tuple[int, str]]:
    """Have these events forwarded again, whatever became of them; the onboardings to wake, as (id, name).

    Also one that AJO has taken already: a person knows why.
    """
    found = (
        select(WebhookEvent.c.id, Onboarding.c.id.label("onboarding_id"), Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == WebhookEvent.c.onboarding_id)
        .where(WebhookEvent.c.id.in_(list(ids)))
        .order_by(Onboarding.c.id)
    )
    rows = connection.execute(found).all()
    for row in rows:
        lock_onboarding(connection, row.onboarding_id)
        connection.execute(
            update(WebhookEvent)
            .where(WebhookEvent.c.id == row.id)
            .values(forward_state=ForwardState.PENDING, forward_due_at=at, forward_tries=0)
        )
        append_event(connection, row.onboarding_id, "event:replayed", f"event {row.id} is sent to AJO again", at=at)
    return list(dict.fromkeys((row.onboarding_id, row.name) for row in rows))


def park(connection: Connection, event_id: int, *, reason: str, at: datetime) -> bool:
    """Keep an event from AJO until somebody replays it. False when it is not on its way."""
    row = connection.execute(select(WebhookEvent).where(WebhookEvent.c.id == event_id)).one_or_none()
    if row is None:
        return False
    lock_onboarding(connection, row.onboarding_id)
    waiting = (WebhookEvent.c.id == event_id, WebhookEvent.c.forward_state == ForwardState.PENDING)
    values = {"forward_state": ForwardState.PARKED, "forward_due_at": None, "forward_error": reason}
    if connection.execute(update(WebhookEvent).where(*waiting).values(**values)).rowcount != 1:
        return False
    append_event(
        connection, row.onboarding_id, "event:parked", f"{row.kind} event of {row.message_sid}: {reason}", at=at
    )
    return True


def find_probes(ctx: StepContext, sid_prefix: str) -> Sequence[Row[Any]]:
    """The stored probe events of the webhook step, oldest first."""
    return ctx.read(
        select(WebhookEvent.c.forward_state, WebhookEvent.c.forward_error)
        .where(
            WebhookEvent.c.onboarding_id == ctx.lease.onboarding_id,
            WebhookEvent.c.message_sid.startswith(sid_prefix, autoescape=True),
        )
        .order_by(WebhookEvent.c.id)
    )
