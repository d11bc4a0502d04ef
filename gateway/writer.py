"""One thread that writes for all requests: what arrives together is committed together, and nobody waits for a lock.

A request is answered only after the commit that holds its write. Without this, forty threads would queue for SQLite's one
write lock, and each would pay for a commit of its own.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

# A batch is over in milliseconds; whoever comes meanwhile is in the next one.
LARGEST_BATCH = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    onboarding_id: int
    work: Callable[[Connection], Any]
    done: Future[Any]


class Writer:
    """Runs work in transactions that it may share with other work. The thread begins with the first job."""

    def __init__(self, db: Engine) -> None:
        self._db = db
        self._queue: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, onboarding_id: int, work: Callable[[Connection], T]) -> Future[T]:
        """Have ``work`` done. Its future is set after the commit, or with the error that kept it from being done.

        :param work: must be safe to repeat: when a batch fails, each of its jobs is tried again by itself.
        """
        done: Future[T] = Future()
        self._queue.put(_Job(onboarding_id, work, done))
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
        return done

    def run(self, onboarding_id: int, work: Callable[[Connection], T]) -> T:
        """As :meth:`submit`, from a thread that may wait."""
        return self.submit(onboarding_id, work).result()

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < LARGEST_BATCH:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            # Every transaction that locks several onboardings does so in this order, so that none wait for each other.
            batch.sort(key=lambda job: job.onboarding_id)
            self._write(batch)

    def _write(self, batch: list[_Job]) -> None:
        try:
            with self._db.begin() as connection:
                results = [job.work(connection) for job in batch]
        except Exception as error:
            if len(batch) == 1:
                batch[0].done.set_exception(error)
                return
            # One of them, or the database: each for itself, so that the others do not suffer.
            for job in batch:
                self._write([job])
            return
        for job, result in zip(batch, results, strict=True):
            job.done.set_result(result)
