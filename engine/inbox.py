"""The way of stored events on to AJO: which are due, in order per message, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, or_, select, update

from engine import circuits
from engine.bridge import OWN_REFERENCE
from engine.retry import next_delay
from engine.transitions import append_event, lock_onboarding
from engine.wake import BATCH, signal_step
from models.states import ForwardState
from models.tables import BridgeMessage, Message, Onboarding, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.context import StepContext

# Message id of the event that the webhook step sends through the gateway; Twilio's begin with SM or MM.
PROBE_PREFIX = "probe-"
# AJO is asked often before an event counts as refused for good. An old event that a person replays begins anew.
TRIES_BEFORE_PARKING = 15
ON_ITS_WAY = (ForwardState.ARRIVED, ForwardState.PENDING)


def is_first_of_its_message() -> Any:
    """The condition that no earlier event of the same message still waits: order is kept per message."""
    earlier = WebhookEvent.alias("earlier")
    return ~exists().where(
        earlier.c.onboarding_id == WebhookEvent.c.onboarding_id,
        earlier.c.message_sid == WebhookEvent.c.message_sid,
        earlier.c.forward_state.in_(ON_ITS_WAY),
        earlier.c.id < WebhookEvent.c.id,
    )


def take(
    connection: Connection, onboarding_id: int, *, at: datetime, lease_seconds: float, most: int
) -> list[Row[Any]]:
    """The oldest events to forward now, ``most`` of each kind at the most; no two of one message.

    They are hidden from other takers for ``lease_seconds``, and :func:`settle_event` wants each row as it is returned.
    """
    lock_onboarding(connection, onboarding_id)
    ids: list[int] = []
    for kind, allowed in circuits.allowances(connection, onboarding_id, at=at, most=most).items():
        if allowed:
            # One alone shall show whether AJO is well: not the one that fails each time.
            order = (WebhookEvent.c.forward_tries, WebhookEvent.c.id) if allowed == 1 else (WebhookEvent.c.id,)
            ids += connection.execute(_takeable(onboarding_id, kind, at).order_by(*order).limit(allowed)).scalars()
    if not ids:
        return []
    taken = (
        update(WebhookEvent)
        .where(WebhookEvent.c.id.in_(ids))
        .values(forward_due_at=at + timedelta(seconds=lease_seconds), forward_tries=WebhookEvent.c.forward_tries + 1)
        .returning(WebhookEvent)
    )
    return sorted(connection.execute(taken).all(), key=lambda row: int(row.id))


def give_back(connection: Connection, rows: Iterable[Row[Any]], *, at: datetime) -> None:
    """Let others take events that were taken and not tried."""
    for row in rows:
        still_ours = (WebhookEvent.c.id == row.id, WebhookEvent.c.forward_tries == row.forward_tries)
        untried = {"forward_due_at": at, "forward_tries": row.forward_tries - 1}
        connection.execute(
            update(WebhookEvent)
            .where(*still_ours, WebhookEvent.c.forward_state == ForwardState.PENDING)
            .values(**untried)
        )


def _takeable(onboarding_id: int, kind: str, at: datetime) -> Any:
    return select(WebhookEvent.c.id).where(
        WebhookEvent.c.onboarding_id == onboarding_id,
        WebhookEvent.c.forward_due_at.isnot(None),
        WebhookEvent.c.kind == kind,
        WebhookEvent.c.forward_state == ForwardState.PENDING,
        _is_free(at),
        is_first_of_its_message(),
    )


def _is_free(at: datetime) -> Any:
    """Nobody has taken it. A first try waits for nothing: its due time is only for messages of the broker that got lost."""
    return or_(WebhookEvent.c.forward_tries == 0, WebhookEvent.c.forward_due_at <= at)


def due_forwards(connection: Connection, *, at: datetime) -> list[tuple[int, str]]:
    """Onboardings whose stored events are due, as (id, name); those that wait longest come first."""
    statement = (
        select(WebhookEvent.c.onboarding_id, Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == WebhookEvent.c.onboarding_id)
        .where(
            WebhookEvent.c.forward_state.in_(ON_ITS_WAY),
            WebhookEvent.c.forward_due_at <= at,
            is_first_of_its_message(),
            ~circuits.is_open(WebhookEvent, at=at),
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
            WebhookEvent.c.forward_due_at.isnot(None), WebhookEvent.c.forward_state.in_(ON_ITS_WAY)
        )
    ).one()
    parked = connection.execute(
        select(func.count()).where(WebhookEvent.c.forward_state == ForwardState.PARKED)
    ).scalar_one()
    return Backlog(waiting, parked, max(0.0, (at - oldest).total_seconds()) if oldest else 0.0)


def client_references(connection: Connection, sids: Iterable[str]) -> dict[str, str]:
    """The reference AJO knows each message by; the SID itself where we did not send it for AJO."""
    references = {sid: sid for sid in sids}
    for table in (Message, BridgeMessage):
        found = select(table.c.sid, table.c.client_reference).where(table.c.sid.in_(list(references)))
        for row in connection.execute(found).all():
            if not row.client_reference.startswith(OWN_REFERENCE):
                references[row.sid] = row.client_reference
    return references


def settle_event(
    connection: Connection,
    row: Row[Any],
    *,
    error: str | None,
    is_final: bool,
    asked: float | None,
    base_seconds: float,
    park_after: timedelta,
    at: datetime,
    grace_seconds: float,
) -> bool:
    """Record how forwarding went. True when the webhook step waited for this event and is ready now.

    :param row: as :func:`take` gave it; if somebody has taken it since, their word counts and this changes nothing.
    :param is_final: AJO will not take it, however often it is asked.
    :param asked: seconds that AJO asked to be left alone.
    :param park_after: how old an event becomes before a person has to look at it.
    """
    lock_onboarding(connection, row.onboarding_id)
    if error is None:
        values: dict[str, Any] = {
            "forward_state": ForwardState.FORWARDED,
            "forwarded_at": at,
            "forward_due_at": None,
            "forward_error": None,
        }
    elif is_final or (at - row.received_at > park_after and row.forward_tries >= TRIES_BEFORE_PARKING):
        values = {"forward_state": ForwardState.PARKED, "forward_due_at": None, "forward_error": error}
    else:
        delay = next_delay(row.forward_tries, base_seconds=base_seconds, asked=asked)
        values = {"forward_due_at": at + delay, "forward_error": error}
    # Whoever parked it meanwhile did not know that AJO has it.
    origins = [ForwardState.PENDING] if error else [ForwardState.PENDING, ForwardState.PARKED]
    still_ours = (
        WebhookEvent.c.id == row.id,
        WebhookEvent.c.forward_state.in_(origins),
        WebhookEvent.c.forward_tries == row.forward_tries,
    )
    if connection.execute(update(WebhookEvent).where(*still_ours).values(**values)).rowcount != 1:
        return False
    if error is None:
        circuits.note_success(connection, row.onboarding_id, row.kind, at=at)
    elif not is_final:
        failures = circuits.note_failure(
            connection, row.onboarding_id, row.kind, error=error, base_seconds=base_seconds, asked=asked, at=at
        )
        if failures >= TRIES_BEFORE_PARKING:
            _park_overdue(connection, row, error, before=at - park_after, at=at)
    if values.get("forward_state") is ForwardState.PARKED:
        append_event(
            connection, row.onboarding_id, "event:parked", f"{row.kind} event of {row.message_sid}: {error}", at=at
        )
    return row.message_sid.startswith(PROBE_PREFIX) and signal_step(
        connection, row.onboarding_id, "webhook", at=at, grace_seconds=grace_seconds
    )


def _park_overdue(connection: Connection, row: Row[Any], error: str, *, before: datetime, at: datetime) -> None:
    """Those that waited behind ``row`` for a destination that takes nothing: a person has to know of each."""
    waiting = (
        WebhookEvent.c.onboarding_id == row.onboarding_id,
        WebhookEvent.c.kind == row.kind,
        WebhookEvent.c.forward_due_at.isnot(None),
        WebhookEvent.c.forward_state == ForwardState.PENDING,
        WebhookEvent.c.received_at < before,
        _is_free(at),
    )
    values = {"forward_state": ForwardState.PARKED, "forward_due_at": None, "forward_error": error}
    count = connection.execute(update(WebhookEvent).where(*waiting).values(**values)).rowcount
    if count:
        text = f"{count} {row.kind} events that waited too long: {error}"
        append_event(connection, row.onboarding_id, "event:parked", text, at=at)


def replay(connection: Connection, ids: Sequence[int], *, at: datetime) -> list[tuple[int, str]]:
    """Have these events forwarded again, whatever became of them; the onboardings to wake, as (id, name).

    Also one that AJO has taken already: a person knows why. One that is on its way right now is left alone.
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
            .where(
                WebhookEvent.c.id == row.id,
                WebhookEvent.c.forward_state != ForwardState.ARRIVED,
                or_(WebhookEvent.c.forward_state != ForwardState.PENDING, _is_free(at)),
            )
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
