"""What the gateway counts, for Prometheus: served on an address of its own, because the gateway's is public."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from engine import circuits
from engine.clock import now
from engine.inbox import backlog
from engine.pulse import read_signs
from models.db import reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric
    from sqlalchemy import Engine

# From a millisecond to the 15 s after which Twilio gives up.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, float("inf"))


class Metrics(Collector):
    """The counters of one gateway, and the backlog as the database has it at the moment of asking.

    Counted by the event loop alone, so without the library's locks, which cost a callback as much as its signature.
    """

    def __init__(self, db: Engine, *, sweep_seconds: float) -> None:
        self.registry = CollectorRegistry()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, _Seconds] = defaultdict(_Seconds)
        self._events: Counter[tuple[str, str]] = Counter()
        self._rejected: Counter[tuple[str]] = Counter()
        self.registry.register(self)
        self.registry.register(_Backlog(db, sweep_seconds))

    def event(self, kind: str, *, is_new: bool) -> None:
        """One of Twilio's events is stored."""
        self._events[kind, "stored" if is_new else "duplicate"] += 1

    def rejected(self, reason: str) -> None:
        """A request was not taken."""
        self._rejected[reason,] += 1

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests[route, status] += 1
        self._seconds[route].observe(seconds)

    def describe(self) -> Iterable[Metric]:
        """The names, for whoever asks for some of them only."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        # Copies, because this runs in the thread of whoever asks. The histogram may count a request before its time is added.
        yield _counted("onboard_gateway_requests", "Requests by route and answer.", ["route", "status"], self._requests)
        seconds = HistogramMetricFamily("onboard_gateway_seconds", "Time until the answer.", labels=["route"])
        for route, times in self._seconds.copy().items():
            buckets = zip(map(floatToGoString, BUCKETS), accumulate(times.counts), strict=True)
            seconds.add_metric([route], list(buckets), times.sum)
        yield seconds
        about = "Twilio's events: stored, or known already."
        yield _counted("onboard_events", about, ["kind", "outcome"], self._events)
        yield _counted("onboard_rejected", "Requests that were not taken, by reason.", ["reason"], self._rejected)

    def serve(self, host: str, port: int) -> None:
        """Answer ``GET /metrics`` from a thread of its own until the process ends.

        :raises OSError: the address cannot be listened on.
        """
        start_http_server(port, host, self.registry)


def _counted(name: str, about: str, labels: list[str], counts: Counter[Any]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, about, labels=labels)
    for values, count in counts.copy().items():
        family.add_metric([str(value) for value in values], count)
    return family


class _Seconds:
    """How many requests took how long: by bucket, not added up yet."""

    def __init__(self) -> None:
        self.counts = [0] * len(BUCKETS)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class _Backlog(Collector):
    def __init__(self, db: Engine, sweep_seconds: float) -> None:
        self._db = db
        self._sweep_seconds = sweep_seconds

    def collect(self) -> Iterable[Metric]:
        with reader(self._db).begin() as connection:
            seen = backlog(connection, at=now())
            forwarded = circuits.forwarded(connection)
            unwell = circuits.count_open(connection, at=now())
            signs = read_signs(connection, sweep_seconds=self._sweep_seconds, at=now())
        taken = CounterMetricFamily("onboard_events_forwarded", "Events that AJO has taken.", labels=["kind"])
        for kind, count in forwarded.items():
            taken.add_metric([kind], count)
        yield taken
        yield GaugeMetricFamily("onboard_circuits_open", "AJO's webhooks that are left alone for a while.", unwell)
        yield GaugeMetricFamily("onboard_events_waiting", "Events on their way to AJO.", seen.waiting)
        yield GaugeMetricFamily("onboard_events_parked", "Events that a person has to look at.", seen.parked)
        yield GaugeMetricFamily(
            "onboard_oldest_event_seconds", "How long the oldest event on its way waits.", seen.oldest_seconds
        )
        silent = GaugeMetricFamily(
            "onboard_queue_silent_seconds", "How long ago the queue was consumed from.", labels=["queue"]
        )
        for queue, age in signs.queues.items():
            silent.add_metric([queue], age.total_seconds() if age is not None else float("inf"))
        yield silent
        if signs.beat is not None:
            yield GaugeMetricFamily(
                "onboard_beat_silent_seconds", "How long ago a beat ticked.", signs.beat.total_seconds()
            )
