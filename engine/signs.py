"""What signs of life say, from plain rows: :mod:`engine.pulse` writes them, commands read them without SQLAlchemy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from engine.reading import Fetch, Record

QUEUE, BEAT = "queue", "beat"
# Canaries that may be late before a queue counts as stalled, and the least time for that.
LATE_CANARIES = 4
SHORTEST_SILENCE = timedelta(seconds=5)


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


def signs_of(
    rows: Iterable[Record], *, queues: Iterable[str] | None = None, sweep_seconds: float, at: datetime
) -> Signs:
    """:param queues: those that should be consumed from; by default those that ever were.

    :param sweep_seconds: how often a canary is sent.
    """
    longest = max(timedelta(seconds=sweep_seconds * LATE_CANARIES), SHORTEST_SILENCE)
    ages: dict[str, dict[str, timedelta]] = {QUEUE: {}, BEAT: {}}
    for row in rows:
        ages[row["kind"]][row["name"]] = max(at - row["at"], timedelta(0))
    seen: dict[str, timedelta | None] = {name: ages[QUEUE].get(name) for name in queues or sorted(ages[QUEUE])}
    stalled = [name for name, age in seen.items() if age is None or age > longest]
    ticking = sorted(name for name, age in ages[BEAT].items() if age <= longest)
    return Signs(seen, min(ages[BEAT].values(), default=None), ticking, longest, stalled)


def fetch_signs(fetch: Fetch, *, sweep_seconds: float, at: datetime) -> Signs:
    return signs_of(fetch("SELECT kind, name, at FROM pulse", {}), sweep_seconds=sweep_seconds, at=at)
