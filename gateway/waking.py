"""One thread that wakes: a broker that hangs holds up nothing but wake-ups, which the tick makes good."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.app import Wake

log = logging.getLogger(__name__)

# In a burst, one message to the workers in this time says it all.
PAUSE_SECONDS = 0.1


class Waker:
    """Has a worker look at what is stored: one message per onboarding, however many events came. Begins with the first."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._names: dict[int, str] = {}
        self._changed = threading.Condition()
        self._is_busy = False
        self._never = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, onboarding_id: int, name: str) -> None:
        """Never waits for the broker, never fails: the event is committed."""
        if onboarding_id in self._names:
            # It is about to be woken. Should that begin right now, the worker still looks after this commit.
            return
        with self._changed:
            self._names[onboarding_id] = name
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until everything that was added so far has been tried."""
        with self._changed:
            self._changed.wait_for(lambda: not self._names and not self._is_busy)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._names))
                due, self._names, self._is_busy = list(self._names.items()), {}, True
            try:
                self._wake.forwards(due)
            except Exception:
                log.exception("%d onboardings could not be woken now; the tick will", len(due))
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
            self._never.wait(PAUSE_SECONDS)
