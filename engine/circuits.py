"""A circuit per destination: while one of AJO's webhooks is unwell, its events wait together instead of each knocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, select, update

from engine.retry import next_delay
from engine.upsert import upsert
from models.tables import Destination

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Table

FAILURES_BEFORE_OPENING = 5
# A webhook that was away for an hour is asked again this often at the least.
LONGEST_PAUSE_SECONDS = 30.0


def allowances(connection: Connection, onboarding_id: int, *, at: datetime, most: int) -> dict[str, int]:
    """How many events of each kind may be on their way: all of ``most``, none, or one that tries whether it is well again."""
    allowed = {"status": most, "inbound": most}
    found = select(Destination.c.kind, Destination.c.failures, Destination.c.open_until)
    for row in connection.execute(found.where(Destination.c.onboarding_id == onboarding_id)).all():
        if row.open_until is not None and row.open_until > at:
            allowed[row.kind] = 0
        elif row.failures >= FAILURES_BEFORE_OPENING:
            allowed[row.kind] = 1
    return allowed


def note_success(connection: Connection, onboarding_id: int, kind: str, *, at: datetime) -> None:
    """It took an event: the circuit is closed."""
    mine = update(Destination).where(Destination.c.onboarding_id == onboarding_id, Destination.c.kind == kind)
    well = {"failures": 0, "open_until": None, "last_error": None, "updated_at": at}
    if connection.execute(mine.values(forwarded=Destination.c.forwarded + 1, **well)).rowcount == 0:
        key = {"onboarding_id": onboarding_id, "kind": kind}
        upsert(connection, Destination, key=key, values={"forwarded": 1, **well})


def note_failure(
    connection: Connection,
    onboarding_id: int,
    kind: str,
    *,
    error: str,
    base_seconds: float,
    asked: float | None,
    at: datetime,
) -> int:
    """It could not take an event now; how often that was so in a row. After a few it is left alone, longer each time."""
    mine = update(Destination).where(Destination.c.onboarding_id == onboarding_id, Destination.c.kind == kind)
    unwell = {"last_error": error, "updated_at": at}
    counted = mine.values(failures=Destination.c.failures + 1, **unwell).returning(Destination.c.failures)
    failures = connection.execute(counted).scalar_one_or_none()
    if failures is None:
        key = {"onboarding_id": onboarding_id, "kind": kind}
        upsert(connection, Destination, key=key, values={"forwarded": 0, "failures": 1, **unwell})
        failures = 1
    beyond = failures - FAILURES_BEFORE_OPENING
    if beyond >= 0:
        # One event's Retry-After must not silence all others for a day.
        asked = None if asked is None else min(asked, LONGEST_PAUSE_SECONDS)
        pause = next_delay(beyond + 1, base_seconds=base_seconds, asked=asked, at_most=LONGEST_PAUSE_SECONDS)
        connection.execute(mine.values(open_until=at + pause))
    return int(failures)


def is_open(events: Table, *, at: datetime) -> Any:
    """The condition that the destination of an event is left alone just now."""
    return exists().where(
        Destination.c.onboarding_id == events.c.onboarding_id,
        Destination.c.kind == events.c.kind,
        Destination.c.open_until > at,
    )


def forwarded(connection: Connection) -> dict[str, int]:
    """How many events AJO has taken, by kind."""
    found = select(Destination.c.kind, func.sum(Destination.c.forwarded)).group_by(Destination.c.kind)
    return {kind: int(count) for kind, count in connection.execute(found).all()}


def count_open(connection: Connection, *, at: datetime) -> int:
    """How many destinations are left alone just now."""
    return int(connection.execute(select(func.count()).where(Destination.c.open_until > at)).scalar_one())
