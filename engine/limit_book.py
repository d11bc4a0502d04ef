"""What this process knows of all accounts' limits, and where it learns: implements ``providers.limits.Limit``.

Looks into the database once a second at the most, however many calls are made, and writes only when an account begins or ends
to be unwell. With the database away it lets calls pass: the vendor says itself when it has had enough.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from engine.limits import account_shown, clock, lock_limit, pause_sentence, room_of, use_of
from engine.retry import next_delay
from models.db import reader
from models.tables import VendorLimit
from providers.errors import HeldBack, RateLimited, Retryable, WorkerStops

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from providers.errors import CallContext

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# Calls in a row that got no answer, before the whole account is left alone.
SILENT_CALLS = 5
# Without Retry-After the first pause is as short as Twilio advises for its 429; each one in a row is twice as long.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 60.0

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pause:
    """An account that rests, or that has and did not answer since."""

    until: datetime
    reason: str | None


class LimitBook:
    """One per process.

    :param later: runs what needs the database; by default at once. Where nothing may block, hand in an executor's ``submit``.
    """

    def __init__(
        self,
        db: Engine,
        now: Callable[[], datetime],
        *,
        later: Callable[[Callable[[], None]], Any] = lambda work: work(),
    ) -> None:
        self._db = db
        self.now = now
        self._later = later
        self._pauses: dict[Key, Pause] = {}
        self._silent: dict[Key, int] = {}
        self._looked_at = float("-inf")
        self._looking = threading.Lock()
        self.stops = threading.Event()
        """Set when no further call shall be begun."""

    def limit(self, vendor: str, account: str, ceiling: int) -> AccountLimit:
        """What one account's clients ask."""
        return AccountLimit(self, (vendor, account), ceiling)

    def pause_of(self, key: Key) -> Pause | None:
        """As the last look found it, a second ago at the most while calls are made."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS and self._looking.acquire(blocking=False):
            self._looked_at = time.monotonic()
            self._looking.release()
            self._later(self._look)
        return self._pauses.get(key)

    def _look(self) -> None:
        found = select(VendorLimit).where(VendorLimit.c.cooldown_until.isnot(None))
        try:
            with reader(self._db).begin() as connection:
                rows = connection.execute(found).all()
        except SQLAlchemyError as error:
            log.warning("limits of vendors could not be read (%s); calls go on", type(error).__name__)
            return
        self._pauses = {(row.vendor, row.account): Pause(row.cooldown_until, row.reason) for row in rows}

    def is_silent(self, key: Key) -> bool:
        """One more call without an answer: whether it is time to leave the account alone, after a pause at once."""
        self._silent[key] = self._silent.get(key, 0) + 1
        return key in self._pauses or self._silent[key] >= SILENT_CALLS

    def answered(self, key: Key) -> None:
        """An answer came: what the account was left alone for is over."""
        if self._silent:
            self._silent.pop(key, None)
        pause = self._pauses.get(key)
        # A call that began before the pause proves nothing.
        if pause is not None and pause.until <= self.now():
            self._pauses.pop(key, None)
            self._write(lambda connection: _forget(connection, key, at=self.now()))

    def rest(self, key: Key, ceiling: int, *, reason: str, asked: float | None, is_unwell: bool) -> Pause:
        """The account shall be left alone. Where the database is written later, until when is a guess as yet."""
        at = self.now()
        known = [Pause(at + next_delay(1, base_seconds=FIRST_PAUSE_SECONDS, asked=asked), reason)]
        self._silent.pop(key, None)

        def learn(connection: Connection) -> None:
            known[0] = _rest(connection, key, ceiling, reason=reason, asked=asked, is_unwell=is_unwell, at=at)
            self._pauses[key] = known[0]

        self._pauses[key] = known[0]
        self._write(learn)
        return known[0]

    def _write(self, work: Callable[[Connection], None]) -> None:
        def write() -> None:
            try:
                with self._db.begin() as connection:
                    work(connection)
            except SQLAlchemyError as error:
                log.warning("limits of vendors could not be written (%s)", type(error).__name__)

        self._later(write)


class AccountLimit:
    """Implements ``providers.limits.Limit`` for one account."""

    def __init__(self, book: LimitBook, key: Key, ceiling: int) -> None:
        self._book = book
        self._key = key
        self._ceiling = ceiling

    def check(self, context: CallContext) -> None:
        if self._book.stops.is_set():
            raise WorkerStops("this worker was asked to stop; another one goes on", context=context)
        pause = self._book.pause_of(self._key)
        if pause is not None and pause.until > self._book.now():
            raise self._held_back(pause, context)

    def answered(self) -> None:
        self._book.answered(self._key)

    def failed(self, error: Retryable) -> Retryable:
        """Fewer calls were asked for, or none is answered any more: the account rests."""
        context = error.context
        if context is None:
            return error
        if isinstance(error, RateLimited):
            pause = self._book.rest(self._key, self._ceiling, reason="answers 429", asked=error.after, is_unwell=False)
            return self._held_back(pause, context)
        if context.status is not None and context.status < 500:
            self._book.answered(self._key)
        elif self._book.is_silent(self._key):
            # This call has failed all the same, and counts as such; those behind it are held back.
            reason = f"is left alone ({error.message})"
            self._book.rest(self._key, self._ceiling, reason=reason, asked=None, is_unwell=True)
        return error

    def _held_back(self, pause: Pause, context: CallContext) -> HeldBack:
        vendor, account = self._key
        after = max((pause.until - self._book.now()).total_seconds(), 0.0)
        message = pause_sentence(vendor, account, pause.reason, pause.until)
        return HeldBack(message, vendor=vendor, until=pause.until, after=after, context=context)


def _rest(
    connection: Connection,
    key: Key,
    ceiling: int,
    *,
    reason: str,
    asked: float | None,
    is_unwell: bool,
    at: datetime,
) -> Pause:
    """Lengthen the pause that is on, or begin one that is longer than the last."""
    row = lock_limit(connection, *key, ceiling)
    is_resting = row.cooldown_until is not None and row.cooldown_until > at
    strikes = row.strikes if is_resting else row.strikes + 1
    pause = next_delay(strikes, base_seconds=FIRST_PAUSE_SECONDS, asked=asked, at_most=LONGEST_PAUSE_SECONDS)
    until = max(row.cooldown_until, at + pause) if is_resting else at + pause
    values: dict[str, Any] = {
        "strikes": strikes,
        "is_unwell": is_unwell,
        "cooldown_since": row.cooldown_since if is_resting else at,
        "cooldown_until": until,
        "reason": reason,
    }
    if not is_unwell and not is_resting:
        # As many as were at it were too many.
        at_it = min(room_of(row, at), use_of(connection, *key, at=at).in_flight)
        values |= {"room": max(1, at_it // 2), "room_since": until}
    mine = (VendorLimit.c.vendor == key[0]) & (VendorLimit.c.account == key[1])
    connection.execute(update(VendorLimit).where(mine).values(**values))
    if not is_resting:
        log.warning("%s %s; nothing is asked before %s", account_shown(*key), reason, clock(until))
    return Pause(until, reason)


def _forget(connection: Connection, key: Key, *, at: datetime) -> None:
    mine = (VendorLimit.c.vendor == key[0]) & (VendorLimit.c.account == key[1])
    over = mine & (VendorLimit.c.cooldown_until <= at)
    connection.execute(update(VendorLimit).where(over).values(**WELL))


def reset(connection: Connection, key: Key) -> bool:
    """Forget what was learned: calls may go out at once. False when the account is not known."""
    mine = (VendorLimit.c.vendor == key[0]) & (VendorLimit.c.account == key[1])
    fresh = {**WELL, "room": None, "room_since": None}
    return connection.execute(update(VendorLimit).where(mine).values(**fresh)).rowcount == 1


WELL: dict[str, Any] = {
    "strikes": 0,
    "is_unwell": False,
    "cooldown_since": None,
    "cooldown_until": None,
    "reason": None,
}
