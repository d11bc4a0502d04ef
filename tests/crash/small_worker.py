"""A Celery worker without its consumer: the product's own tasks, messages, chains and retries over a broker in memory.

The broker dies with the process, so that nothing is ever redelivered: what goes on after a death, the database alone knows.
Time is pushed on to whatever is due next, for the simulator too, so that production's minutes cost nothing.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from queue import Empty
from typing import TYPE_CHECKING, Any

from celery.app.trace import trace_task
from sqlalchemy import func, select

import engine.clock
from engine.inbox import ON_ITS_WAY
from models.db import reader
from models.states import DONE
from models.tables import Step, WebhookEvent
from tests.crash.runs import story
from tests.integration.services import fetch

if TYPE_CHECKING:
    from engine.context import Workshop

# As beat does when nothing is known to be due.
IDLE = timedelta(seconds=5)


class Clock:
    """One time for all processes that are forked from here: the real one and a common lead."""

    def __init__(self, simulator_url: str) -> None:
        self._lead = mmap.mmap(-1, 8)
        self._simulator_url = simulator_url
        # Its `now`, and whoever has imported that by name, asks this one.
        engine.clock.datetime = self  # type: ignore[assignment, attr-defined]

    @property
    def lead(self) -> timedelta:
        return timedelta(seconds=struct.unpack("d", self._lead[:])[0])

    def now(self, zone: timezone = UTC) -> datetime:
        return datetime.now(zone) + self.lead

    def reset(self) -> None:
        self._lead[:] = struct.pack("d", 0.0)

    def jump(self, duration: timedelta) -> None:
        """Returns once all callbacks that this causes are answered."""
        seconds = max(duration.total_seconds(), 0.01)
        self._lead[:] = struct.pack("d", self.lead.total_seconds() + seconds)
        if fetch(f"{self._simulator_url}/_sim/clock/advance", {"duration": f"{seconds:.3f}"}) is None:
            raise RuntimeError("the simulator does not answer")


class SmallWorker:
    def __init__(self, shop: Workshop, clock: Clock) -> None:
        from tasks import clock as beat
        from tasks.celery import app
        from tasks.names import QUEUES

        self.shop, self.clock, self.app, self.beat = shop, clock, app, beat
        connection = app.connection_for_read()
        self.queues = [connection.SimpleQueue(app.amqp.queues[name]) for name in QUEUES]
        self.delayed: list[tuple[datetime, Any]] = []

    def run(self, is_over: Callable[[], bool], *, turns: int = 200) -> None:
        """Until it is over.

        :raises RuntimeError: it is not after so many looks.
        """
        for _ in range(turns):
            while (message := self._next()) is not None:
                self._handle(message)
            if is_over():
                return
            self.clock.jump(self._until_due())
            self.beat.tick()
            if all(queue.qsize() == 0 for queue in self.queues):
                self.beat.sweep()
        raise RuntimeError("it comes to no end\n" + story(self.shop))

    def _next(self) -> Any:
        for queue in self.queues:
            try:
                return queue.get(block=False)
            except Empty:
                continue
        now = self.clock.now()
        due = next((pair for pair in self.delayed if pair[0] <= now), None)
        if due is not None:
            self.delayed.remove(due)
        return due[1] if due else None

    def _handle(self, message: Any) -> None:
        eta = message.headers.pop("eta", None)
        if eta is not None:
            # Celery's own time is the real one.
            self.delayed.append((datetime.fromisoformat(eta) + self.clock.lead, message))
            return
        args, kwargs, embedded = message.payload
        request = {
            **message.headers,
            **embedded,
            "args": args,
            "kwargs": kwargs,
            "called_directly": False,
            "delivery_info": message.delivery_info,
            "hostname": self.shop.worker,
        }
        task = self.app.tasks[message.headers["task"]]
        trace_task(task, message.headers["id"], args, kwargs, request, app=self.app)
        message.ack()

    def _until_due(self) -> timedelta:
        """Until something else becomes due: what is due by now and stays waits for that."""
        now = self.clock.now()
        step = select(func.min(Step.c.due_at)).where(Step.c.state.not_in(DONE), Step.c.due_at > now)
        event = select(func.min(WebhookEvent.c.forward_due_at)).where(
            WebhookEvent.c.forward_state.in_(ON_ITS_WAY), WebhookEvent.c.forward_due_at > now
        )
        with reader(self.shop.db).begin() as connection:
            found = [connection.execute(statement).scalar_one() for statement in (step, event)]
        found += [moment for moment, _ in self.delayed]
        return min((moment for moment in found if moment), default=now + IDLE) - now
