"""One thread that wakes: a broker that hangs holds up nothing but wake-ups, which the tick makes good."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

from engine.wake import WakeUp

if TYPE_CHECKING:
    from gateway.app import Wake
    from gateway.receiver import Taken

log = logging.getLogger(__name__)

# More than these are not worth keeping: the tick finds what is due in seconds.
LONGEST_QUEUE = 1000


class Waker:
    """Hands wake-ups of stored events to a thread of its own, which begins with the first of them."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._queue: queue.Queue[Taken] = queue.Queue(LONGEST_QUEUE)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, taken: Taken) -> None:
        """Never waits, never fails: the event is committed."""
        try:
            self._queue.put_nowait(taken)
        except queue.Full:
            log.warning(
                "%s is not woken now: %d others wait for the broker; the tick will", taken.endpoint.name, LONGEST_QUEUE
            )
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()

    def settle(self) -> None:
        """Wait until everything that was added so far has been tried."""
        self._queue.join()

    def _run(self) -> None:
        while True:
            taken = self._queue.get()
            self._wake_one(taken)
            self._queue.task_done()

    def _wake_one(self, taken: Taken) -> None:
        endpoint = taken.endpoint
        try:
            if taken.received.wakes_verification:
                self._wake.steps([WakeUp(endpoint.onboarding_id, endpoint.name, "verification")])
            if taken.received.needs_forwarding:
                self._wake.forwards([(endpoint.onboarding_id, endpoint.name)])
        except Exception:
            log.exception("%s could not be woken now; the tick will", endpoint.name)
