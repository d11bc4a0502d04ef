"""What the gateway counts, for Prometheus: served on an address of its own, because the gateway's is public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

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
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)


M = TypeVar("M", Counter, Histogram)


class Metrics:
    """The counters of one gateway, and the backlog as the database has it at the moment of asking."""

    def __init__(self, db: Engine, *, sweep_seconds: float) -> None:
        self.registry = CollectorRegistry()
        self._children: dict[tuple[Any, ...], Any] = {}
        self._requests = Counter(
            "onboard_gateway_requests", "Requests by route and answer.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "onboard_gateway_seconds", "Time until the answer.", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self._events = Counter(
            "onboard_events", "Twilio's events: stored, or known already.", ["kind", "outcome"], registry=self.registry
        )
        self._rejected = Counter(
            "onboard_rejected", "Requests that were not taken, by reason.", ["reason"], registry=self.registry
        )
        self.registry.register(_Backlog(db, sweep_seconds))

    def event(self, kind: str, *, is_new: bool) -> None:
        """One of Twilio's events is stored."""
        self._labelled(self._events, kind, "stored" if is_new else "duplicate").inc()

    def rejected(self, reason: str) -> None:
        """A request was not taken."""
        self._labelled(self._rejected, reason).inc()

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._labelled(self._seconds, route).observe(seconds)
        self._labelled(self._requests, route, str(status)).inc()

    def _labelled(self, metric: M, *labels: str) -> M:
        """As ``metric.labels``, which takes a lock and costs a request's share each time."""
        key = (metric, *labels)
        known: M | None = self._children.get(key)
        if known is None:
            known = self._children[key] = metric.labels(*labels)
        return known

    def serve(self, host: str, port: int) -> None:
        """Answer ``GET /metrics`` from a thread of its own until the process ends.

        :raises OSError: the address cannot be listened on.
        """
        start_http_server(port, host, self.registry)


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
