"""Signs of life: when each queue was last consumed from and when a beat last ticked; what is alarming about that.

A worker that is alive and consumes nothing answers pings all the same, so this is what health is read from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from engine.upsert import upsert
from models.tables import Pulse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

QUEUE, BEAT = "queue", "beat"
# Beats that ended long ago are of no interest.
KEEP = timedelta(days=1)
# Canaries that may be late before a queue counts as stalled, and the least time for that.
LATE_CANARIES = 4
SHORTEST_SILENCE = timedelta(seconds=5)


def note_consumed(connection: Connection, queue: str, *, worker: str, at: datetime) -> None:
    """A worker took a message from the queue."""
    upsert(connection, Pulse, key={"kind": QUEUE, "name": queue}, values={"at": at, "worker": worker})


def note_beat(connection: Connection, name: str, *, at: datetime) -> None:
    """:param name: host and process of the beat."""
    connection.execute(delete(Pulse).where(Pulse.c.kind == BEAT, Pulse.c.at < at - KEEP))
    upsert(connection, Pulse, key={"kind": BEAT, "name": name}, values={"at": at, "worker": None})


@dataclass(frozen=True, slots=True)
class Signs:
    """:param queues: how long ago each queue was consumed from; None for never.

    :param beat: how long ago the last beat ticked; None for never.
    :param beats: the beats that tick now.
    :param longest_silence: what lasts longer is a stall.
    """

    queues: dict[str, timedelta | None]
    beat: timedelta | None
    beats: list[str]
    longest_silence: timedelta
    stalled: list[str] = field(default_factory=list)

    @property
    def is_ticking(self) -> bool:
        return self.beat is not None and self.beat <= self.longest_silence


def read_signs(
    connection: Connection, *, queues: Iterable[str] | None = None, sweep_seconds: float, at: datetime
) -> Signs:
    """:param queues: those that should be consumed from; by default those that ever were.

    :param sweep_seconds: how often a canary is sent.
    """
    longest = max(timedelta(seconds=sweep_seconds * LATE_CANARIES), SHORTEST_SILENCE)
    ages: dict[str, dict[str, timedelta]] = {QUEUE: {}, BEAT: {}}
    for row in connection.execute(select(Pulse)).all():
        ages[row.kind][row.name] = max(at - row.at, timedelta(0))
    seen: dict[str, timedelta | None] = {name: ages[QUEUE].get(name) for name in queues or sorted(ages[QUEUE])}
    stalled = [name for name, age in seen.items() if age is None or age > longest]
    ticking = sorted(name for name, age in ages[BEAT].items() if age <= longest)
    return Signs(seen, min(ages[BEAT].values(), default=None), ticking, longest, stalled)


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
