"""Simulated time and what is due in it.

Everything that takes time in the pretended world is an appointment: data, not a sleeping coroutine. So time can be
scaled, stopped and stepped, and a snapshot holds what is still to come.
"""

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(order=True)
class Appointment:
    """`due` is on the clock's own axis (see `Clock.elapsed`); `number` keeps the order of equal ones."""

    due: float
    number: int
    action: str = field(compare=False)
    subject: dict[str, Any] = field(compare=False)


Perform = Callable[[Appointment], None]


class Clock:
    """The time of one world.

    :param speed: simulated seconds per real second; 0 stands still.
    :param elapsed: where the axis begins, in seconds since 1970.
    """

    def __init__(self, speed: float, elapsed: float | None = None) -> None:
        self.speed = speed
        self.skew_seconds = 0.0
        self.appointments: list[Appointment] = []
        self._begun = time.monotonic()
        self._start = time.time() if elapsed is None else elapsed
        self._last_number = 0
        self._changed = asyncio.Event()

    def elapsed(self) -> float:
        """Seconds on the axis of appointments: simulated, and untouched by a wrong wall clock."""
        return self._start + (time.monotonic() - self._begun) * self.speed

    def now(self) -> datetime:
        """What the vendor's wall clock shows, wrong by the skew."""
        return datetime.fromtimestamp(self.elapsed(), UTC) + timedelta(seconds=self.skew_seconds)

    def moment(self, due: float) -> datetime:
        """What the wall clock will show when `elapsed` is `due`."""
        return datetime.fromtimestamp(due, UTC) + timedelta(seconds=self.skew_seconds)

    def set_speed(self, speed: float) -> None:
        """From this moment on."""
        self._start, self._begun, self.speed = self.elapsed(), time.monotonic(), speed
        self._changed.set()

    def make_appointment(self, seconds: float, action: str, **subject: Any) -> None:
        """Let `action` happen to `subject` in so many simulated seconds."""
        self._last_number += 1
        heapq.heappush(self.appointments, Appointment(self.elapsed() + seconds, self._last_number, action, subject))
        self._changed.set()

    def restore(self, appointments: list[Appointment]) -> None:
        """Take over what was still to come in another run."""
        self.appointments = sorted(appointments)
        self._last_number = max((one.number for one in appointments), default=0)
        self._changed.set()

    def advance(self, seconds: float, perform: Perform) -> int:
        """Let time pass at once; each appointment happens at its own moment. How many happened."""
        goal = self.elapsed() + seconds
        count = 0
        while self.appointments and self.appointments[0].due <= goal:
            self._move_to(self.appointments[0].due)
            perform(heapq.heappop(self.appointments))
            count += 1
        self._move_to(goal)
        self._changed.set()
        return count

    def _move_to(self, moment: float) -> None:
        self._start += max(0.0, moment - self.elapsed())

    async def run(self, perform: Perform) -> None:
        """Let appointments happen as their time comes, for ever."""
        while True:
            self._changed.clear()
            self.advance(0, perform)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._real_seconds_to_next())

    def _real_seconds_to_next(self) -> float | None:
        if not self.appointments or not self.speed:
            return None
        return max(0.0, self.appointments[0].due - self.elapsed()) / self.speed
