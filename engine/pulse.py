"""Signs of life: when each queue was last consumed from and when a beat last ticked; what is alarming about that.

A worker that is alive and consumes nothing answers pings all the same, so this is what health is read from.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from engine.signs import BEAT, QUEUE, signs_of
from engine.upsert import upsert
from models.tables import Pulse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.signs import Signs

# Beats that ended long ago are of no interest.
KEEP = timedelta(days=1)


def note_consumed(connection: Connection, queue: str, *, worker: str, at: datetime) -> None:
    """A worker took a message from the queue."""
    upsert(connection, Pulse, key={"kind": QUEUE, "name": queue}, values={"at": at, "worker": worker})


def note_beat(connection: Connection, name: str, *, at: datetime) -> None:
    """:param name: host and process of the beat."""
    connection.execute(delete(Pulse).where(Pulse.c.kind == BEAT, Pulse.c.at < at - KEEP))
    upsert(connection, Pulse, key={"kind": BEAT, "name": name}, values={"at": at, "worker": None})


def read_signs(
    connection: Connection, *, queues: Iterable[str] | None = None, sweep_seconds: float, at: datetime
) -> Signs:
    """As :func:`engine.signs.signs_of`."""
    rows = [dict(row) for row in connection.execute(select(Pulse)).mappings()]
    return signs_of(rows, queues=queues, sweep_seconds=sweep_seconds, at=at)


def as_json(signs: Signs) -> dict[str, Any]:
    """For the gateway's ``/readyz``: ``work`` is ok or stalled; times in seconds, null for never."""
    is_well = signs.is_ticking and not signs.stalled
    return {
        "work": "ok" if is_well else "stalled",
        "beat_seconds": round(signs.beat.total_seconds(), 1) if signs.beat is not None else None,
        "consumed_seconds": {
            queue: round(age.total_seconds(), 1) for queue, age in signs.queues.items() if age is not None
        },
    }
