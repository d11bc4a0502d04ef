"""What a tick costs while nothing is due, and while ten are, with 10, 1,000 and 10,000 onboardings that wait for weeks.

    python -m benchmarks.waiting_thousands

Prints medians in SQLite and their ratio to the smallest, since machines differ; that the ratio stays near one is the
point. ``tests/integration/test_waiting_thousands.py`` asserts what causes it: the same statements, on the same few rows.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from engine import inbox, wake
from models.db import make_engine
from models.states import OnboardingState, StepState
from models.tables import Onboarding, Step, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

COUNTS = (10, 1_000, 10_000)
DUE = 10
RUNS = 61
# What is run first compiles statements and fills caches.
WARM_UP = 10
STEPS = ("registration", "webhook", "credential", "channel", "verification")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def fill(db: Engine, count: int, *, due: int = 0) -> None:
    """``count`` onboardings in the weeks of a review, looked at every 15 minutes; ``due`` of them now."""
    metadata.create_all(db)
    onboardings: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        begun = NOW - timedelta(days=number % 40 + 1)
        onboardings.append(
            {
                "id": number,
                "name": f"brand-{number:05d}",
                "channel": "rcs",
                "brand": "Acme",
                "organization_id": "5105A7E0@AdobeOrg",
                "sandbox": "prod",
                "status": OnboardingState.WAITING,
                "mark": f"onb-{number}",
                "endpoint_token": f"token-{number}",
                "spec": {},
                "spec_digest": "0",
                "reason": "review is IN_REVIEW",
                "created_at": begun,
                "updated_at": begun,
            }
        )
        looks_at = NOW - timedelta(seconds=1) if number <= due else NOW + timedelta(seconds=1 + number % 900)
        for position, name in enumerate(STEPS):
            waits = position == 0
            steps.append(
                {
                    "onboarding_id": number,
                    "name": name,
                    "position": position,
                    "state": StepState.WAITING_VENDOR if waits else StepState.PENDING,
                    "inputs_digest": "0",
                    "due_at": looks_at if waits else None,
                    "waiting_since": begun if waits else None,
                    "waiting_until": begun + timedelta(days=60) if waits else None,
                    "waiting_for": "Twilio and the carriers" if waits else None,
                    "waiting_topic": "review" if waits else None,
                }
            )
    with db.begin() as connection:
        connection.execute(insert(Onboarding), onboardings)
        connection.execute(insert(Step), steps)


def tick(connection: Connection) -> int:
    """All that the periodic tasks ask the database; the number of onboardings woken."""
    wakeups = wake.tick(connection, at=NOW, grace_seconds=60)
    inbox.due_forwards(connection, at=NOW)
    return len(wakeups) + len(wake.sweep(connection, at=NOW, grace_seconds=60))


def median_ms(db: Engine, expected: int) -> float:
    times = []
    for _ in range(RUNS):
        with db.connect() as connection, connection.begin() as transaction:
            begun = time.perf_counter()
            found = tick(connection)
            times.append((time.perf_counter() - begun) * 1000)
            # The same ones are due next time.
            transaction.rollback()
        assert found == expected, found
    return statistics.median(times[WARM_UP:])


def main() -> int:
    for due in (0, DUE):
        smallest = 0.0
        for count in COUNTS:
            with tempfile.TemporaryDirectory() as folder:
                db = make_engine(f"sqlite:///{Path(folder) / 'waiting.sqlite3'}")
                fill(db, count, due=due)
                took = median_ms(db, due)
                db.dispose()
            smallest = smallest or took
            print(f"{count:>6} waiting, {due:>2} due: a tick and a sweep take {took:6.2f} ms, {took / smallest:.2f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
