"""One thread that writes for all requests: what arrives together is written by one statement and committed together.

A request is answered only after the commit that holds its write. Without this, forty threads would queue for SQLite's one
write lock, and each would pay for a commit of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.exc import OperationalError, SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LARGEST_BATCH = 200
LONGEST_QUEUE = 5000

T = TypeVar("T")
R = TypeVar("R")
Write = Callable[["Connection", Sequence[T]], Sequence[R]]
"""Writes several of one kind in the caller's transaction; one result for each."""


@dataclass(frozen=True, slots=True)
class _Job:
    write: Write[Any, Any]
    item: Any
    done: asyncio.Future[Any]


class TooMuch(SQLAlchemyError):
    """The database has been away, or slow, for so long that nothing more can wait for it."""


class Writer:
    """Writes in transactions that are shared with whatever else is there to be written. The thread begins with the first.

    Two gateways that write the same rows would wait for each other for ever if they did so in different orders: each
    ``write`` has to go through its items in an order of its own.
    """

    def __init__(self, db: Engine) -> None:
        self._db = db
        self._together: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Job]] = WeakKeyDictionary()
        self._queue: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, write: Write[T, R], item: T) -> asyncio.Future[R]:
        """Have one item written; the result comes after the commit.

        :param write: must be safe to repeat: when a batch fails, each of its items is tried again by itself.
        :raises TooMuch: try again later; nothing was written.
        """
        if self.waiting >= LONGEST_QUEUE:
            raise TooMuch
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        together = self._together.setdefault(loop, [])
        if not together:
            # Handed over at once, the thread would ask for the interpreter while the loop still needs it, and get it
            # only when all else has been done. This way it is asked once, for all that the loop found ready.
            loop.call_soon(self._hand_over, loop)
        together.append(_Job(write, item, done))
        return done

    @property
    def waiting(self) -> int:
        """How many items nobody has begun to write."""
        return self._queue.qsize() + sum(map(len, self._together.values()))

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        for job in self._together.pop(loop):
            self._queue.put(job)
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < LARGEST_BATCH:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            _settle(self._write(batch))

    def _write(self, batch: list[_Job]) -> list[tuple[_Job, Any]]:
        """Each job with its result, or with the error that kept it from being done."""
        by_write: dict[Write[Any, Any], list[_Job]] = {}
        for job in batch:
            by_write.setdefault(job.write, []).append(job)
        ended: list[tuple[_Job, Any]] = []
        try:
            with self._db.begin() as connection:
                for write, jobs in by_write.items():
                    ended += zip(jobs, write(connection, [job.item for job in jobs]), strict=True)
        except Exception as error:
            if len(batch) == 1 or _is_away(error):
                return [(job, error) for job in batch]
            # One of them, or the database: each for itself, so that the others do not suffer.
            return [pair for job in batch for pair in self._write([job])]
        return ended


def _is_away(error: Exception) -> bool:
    """The database does not answer: so it would be for each item alone. What it says itself has an SQLSTATE."""
    return isinstance(error, OperationalError) and not getattr(error.orig, "sqlstate", None)


def _settle(ended: list[tuple[_Job, Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Any]]] = {}
    for job, result in ended:
        by_loop.setdefault(job.done.get_loop(), []).append((job, result))
    for loop, pairs in by_loop.items():
        # One call for the whole batch: waking the loop costs more than what it then does.
        with contextlib.suppress(RuntimeError):  # it was closed meanwhile, and nobody waits
            loop.call_soon_threadsafe(_set_all, pairs)


def _set_all(pairs: list[tuple[_Job, Any]]) -> None:
    for job, result in pairs:
        if job.done.done():
            # Whoever waited is gone: its client has hung up.
            continue
        if isinstance(result, Exception):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)
