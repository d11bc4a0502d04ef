"""One thread that writes for all requests: what arrives together is written by one statement and committed together.

A request is answered only after the commit that holds its write. Without this, forty threads would queue for SQLite's one
write lock, and each would pay for a commit of its own. While there is something to write the thread keeps its connections: each
batch would otherwise pay for having one looked at first. What counts is how often a batch calls the database: each time the
thread gives the interpreter away, and while the loop is busy it has to queue for it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from models.db import connect_committing_each

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

log = logging.getLogger(__name__)

LARGEST_BATCH = 200
LONGEST_QUEUE = 5000
# A connection that nobody has used for this long may be dead; the pool looks at it before it is used again.
HELD_SECONDS = 1.0
CLOSE_SECONDS = 5.0

T = TypeVar("T")
R = TypeVar("R")
Write = Callable[["Connection", Sequence[T]], Sequence[R]]
"""Writes several of one kind, in the caller's transaction if there is one (:func:`each_commits`); one result for each."""
F = TypeVar("F", bound=Callable[..., Any])


def each_commits(write: F) -> F:
    """Mark a :data:`Write` whose statements may each commit by itself: two calls fewer. Best it is a single one."""
    write.each_commits = True  # type: ignore[attr-defined]
    return write


class _Job(NamedTuple):
    write: Write[Any, Any]
    item: Any
    done: asyncio.Future[Any]


class TooMuch(SQLAlchemyError):
    """The database has been away, or slow, for so long that nothing more can wait for it."""


class Writer:
    """Writes together what is there of one kind. The thread begins with the first.

    Two gateways that write the same rows in different orders would wait for each other until the database ends it: each
    ``write`` goes through its items in an order of its own where it can.
    """

    def __init__(self, db: Engine) -> None:
        self._db = db
        self._together: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Job]] = WeakKeyDictionary()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # By whether each statement commits by itself.
        self._held: dict[bool, Connection] = {}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, write: Write[T, R], item: T) -> asyncio.Future[R]:
        """Have one item written; the result comes after the commit.

        :param write: must be safe to repeat: when a batch fails, each of its items is tried again by itself, and when its
            connection has died, the whole batch.
        :raises TooMuch: try again later; nothing was written.
        """
        loop = asyncio.get_running_loop()
        together = self._together.setdefault(loop, [])
        if self._queue.qsize() + len(together) >= LONGEST_QUEUE:
            raise TooMuch
        done: asyncio.Future[R] = loop.create_future()
        if not together:
            # Handed over at once, the thread would ask for the interpreter while the loop still needs it, and get it
            # only when all else has been done. This way it is asked once, for all that the loop found ready.
            loop.call_soon(self._hand_over, loop)
        together.append(_Job(write, item, done))
        return done

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        for job in self._together.pop(loop):
            self._queue.put(job)
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """End the thread and give its connections back, after all that was handed over is written.

        To be called when nothing more comes. A database that does not answer is waited for only so long.
        """
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSE_SECONDS)
            self._thread = None

    def _run(self) -> None:
        while (job := self._next()) is not None:
            batch: dict[Write[Any, Any], list[_Job]] = {job.write: [job]}
            count = 1
            while count < LARGEST_BATCH and self._queue.qsize():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.setdefault(following.write, []).append(following)
                count += 1
            self._write_all(batch)
        self._let_go()

    def _next(self) -> _Job | None:
        try:
            return self._queue.get(timeout=HELD_SECONDS)
        except queue.Empty:
            self._let_go()
            return self._queue.get()

    def _let_go(self) -> None:
        held, self._held = self._held, {}
        for connection in held.values():
            try:
                connection.close()
            except Exception:  # the thread has to live on; without it nobody is answered
                log.exception("a connection could not be given back")

    def _write_all(self, batch: Mapping[Write[Any, Any], list[_Job]]) -> None:
        away: Exception | None = None
        for write, jobs in batch.items():
            # Each kind would wait for the database as long as the first one did.
            ended = self._write(write, jobs) if away is None else [(job, away) for job in jobs]
            _settle(ended)
            away = away or next((error for _, error in ended if isinstance(error, Exception) and _is_away(error)), None)

    def _write(self, write: Write[Any, Any], jobs: list[_Job]) -> list[tuple[_Job, Any]]:
        """Each job with its result, or with the error that kept it from being done."""
        is_fresh = not self._held
        try:
            connection = self._connection(write)
            with connection.begin():
                return list(zip(jobs, write(connection, [job.item for job in jobs]), strict=True))
        except Exception as error:
            self._let_go()
            if not is_fresh and isinstance(error, DBAPIError) and error.connection_invalidated:
                # The pool looks at a connection before it is used; nobody did at this one.
                return self._write(write, jobs)
            if len(jobs) == 1 or _is_away(error):
                return [(job, error) for job in jobs]
            # One of them, or the database: each for itself, so that the others do not suffer.
            return [pair for job in jobs for pair in self._write(write, [job])]

    def _connection(self, write: Write[Any, Any]) -> Connection:
        each = getattr(write, "each_commits", False)
        if each not in self._held:
            self._held[each] = connect_committing_each(self._db) if each else self._db.connect()
        return self._held[each]


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
