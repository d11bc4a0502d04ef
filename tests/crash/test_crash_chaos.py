"""Chaos: many onboardings, and a monkey that breaks whatever it can reach. All end right, and nothing is made twice.

The suite runs a short one. The long one, of which the documents speak::

    ONBOARD_CHAOS_ONBOARDINGS=300 ONBOARD_CHAOS_SEED=1 pytest -m slow -n 0 -s --timeout=2000 tests/crash/test_crash_chaos.py
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from models.tables import Attempt, Event
from tests.crash.legal_path import follow_events
from tests.crash.monkey import Monkey
from tests.factories import ACCOUNT_SID, spec_data
from tests.integration.house import AUTH_TOKEN
from tests.integration.services import Simulator, eventually
from tests.integration.stack import Stack
from tests.integration.test_spine_failures import expected_objects

LONG = os.environ.get("ONBOARD_CHAOS_ONBOARDINGS")
ONBOARDINGS = int(LONG or "9")
SEED = int(os.environ.get("ONBOARD_CHAOS_SEED", "1"))
CHANNELS = ("rcs", "sms", "mms")


@pytest.fixture
def simulator(tmp_path):
    process = Simulator(tmp_path, "--seed", str(SEED), review=4)
    yield process
    process.stop()


@pytest.fixture
def stack(tmp_path, simulator, redis, database_url):
    # Fewer places at either vendor than there are threads: who finds none is held back.
    built = Stack(tmp_path, simulator, redis, database_url, TWILIO_CEILING="5", ADOBE_CEILING="4")
    yield built
    built.close()


def write_specs(stack):
    numbers = [f"+1415555{index:04d}" for index in range(1000, 1000 + ONBOARDINGS)]
    owned = [{"phone_number": number} for number in numbers]
    stack.simulator.post("accounts", {"sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "numbers": owned})
    return [
        stack.write_spec(
            CHANNELS[index % 3],
            f"brand-{index:03d}",
            twilio=spec_data()["twilio"]
            | {"numbers": [number], "messaging_service": {"friendly_name": f"Brand {index}"}},
        )
        for index, number in enumerate(numbers)
    ]


def expected_counts():
    counts = Counter()
    for index in range(ONBOARDINGS):
        counts.update(expected_objects(CHANNELS[index % 3]))
    return counts


def is_enough(stack, monkey):
    """Nine of ten are active, and bad things were done: in the long run each of them."""
    monkey.check()
    try:
        counts = Counter(stack.statuses().values())
    except DBAPIError:
        return False  # it is being restarted
    if LONG:
        print(f"\r{dict(counts)} after {monkey.done.total()} bad things ", end="", flush=True)  # noqa: T201  the report
    return counts["active"] >= 0.9 * ONBOARDINGS and len(monkey.done) >= (monkey.kinds if LONG else 3)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_chaos_loses_nothing_makes_nothing_twice_and_leaves_nothing_stuck(stack, redis, postgres):
    files = write_specs(stack)
    stack.up(workers=2)
    begun = time.monotonic()
    stack.onboard("start", *files)
    with Monkey(SEED, stack, redis, postgres) as monkey:
        eventually(
            lambda: is_enough(stack, monkey), within=60 + 5 * ONBOARDINGS, what="nine of ten are active", every=1
        )
    stack.wait_for("active", within=120)
    moves, illegal = follow_events(stack.db)
    ledger = stack.simulator.ledger
    print_report(stack, monkey, moves, time.monotonic() - begun)
    assert illegal == []
    assert ledger["duplicates"] == []
    assert {kind: count["live"] for kind, count in ledger["counts"].items()} == expected_counts()
    # A key whose secret a crash has lost is made again.
    made = {kind: count["created"] for kind, count in ledger["counts"].items() if kind != "api_key"}
    assert made == {kind: count for kind, count in expected_counts().items() if kind != "api_key"}


def print_report(stack, monkey, moves, seconds):
    lost = stack.read(
        select(func.count()).select_from(Event).where(Event.c.kind == "step:ready", Event.c.text.contains("worker"))
    )[0][0]
    attempts = stack.read(select(func.count()).select_from(Attempt))[0][0]
    woken = stack.read(select(func.count()).select_from(Event).where(Event.c.kind == "step:woken"))[0][0]
    print(  # noqa: T201  the report
        f"\nseed {SEED}: {ONBOARDINGS} onboardings active after {seconds:.0f} s; {attempts} attempts, {moves} moves, "
        f"{lost} leases lost, {woken} steps woken again\n"
        + "\n".join(f"  {count:>3} x {what}" for what, count in sorted(monkey.done.items()))
    )
