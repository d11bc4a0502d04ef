"""A thousand onboardings that wait for weeks: nothing of it is in the broker, and the clock's work does not grow."""

from __future__ import annotations

import os
import re
import sys
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from benchmarks.waiting_thousands import NOW, fill, tick
from engine.queries import select_names
from engine.reading import EngineSource
from engine.selection import Selection
from engine.start import start
from models.db import make_engine
from models.states import OnboardingState, StepState
from models.tables import Onboarding, Step
from tests.factories import make_spec
from tests.integration.services import ROOT, Process, eventually
from tests.unit.engine_world import EngineWorld

THOUSAND = 1_000
# What stays in Redis for ever: which queue belongs to which exchange.
BINDINGS = "_kombu.binding"


@pytest.fixture
def worker(tmp_path, redis):
    """Started by the test, ended with it."""
    settings = {
        "HOME": str(tmp_path / "home"),
        "BROKER_URL": redis.url,
        "SECRET_KEYS": "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdC0=",
        "WORKER_CONCURRENCY": "1",
    }
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ONBOARD_", "PYTEST"))}
    env |= {f"ONBOARD_{key}": value for key, value in settings.items()} | {"PYTHONPATH": str(ROOT)}
    started: list[Process] = []

    def begin() -> Process:
        argv = [sys.executable, "-m", "tests.integration.waiting_worker"]
        started.append(Process(argv, log=tmp_path / "worker.log", env=env, cwd=ROOT))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


def lengths(redis) -> dict[str, bytes]:
    """Of the queues, and of what workers hold: delivered or delayed, and not yet acknowledged."""
    asked = {"steps": "LLEN", "inbox": "LLEN", "clock": "LLEN", "unacked": "HLEN", "unacked_index": "ZCARD"}
    return {key: redis.command(f"{verb} {key}") for key, verb in asked.items()}


NOTHING = dict.fromkeys(("steps", "inbox", "clock", "unacked", "unacked_index"), b":0\r\n")


def keys(redis) -> set[str]:
    return set(re.findall(r"^[^$*\r\n]+", redis.command("KEYS *").decode(), re.MULTILINE))


@pytest.mark.slow
def test_a_thousand_waits_leave_no_message_in_the_broker(tmp_path, redis, worker):
    world = EngineWorld(f"sqlite:///{tmp_path / 'home' / 'onboard.sqlite3'}")
    with world.db.begin() as connection:
        for number in range(THOUSAND):
            spec = make_spec("sms", f"brand-{number:04d}")
            start(
                connection,
                world.catalogue,
                world.vault,
                spec,
                {},
                is_update=False,
                at=world.time,
                grace_seconds=60,
            )
    worker()

    def waiting() -> bool:
        count = select(func.count()).select_from(Step).where(Step.c.state == StepState.WAITING_VENDOR)
        with world.db.begin() as connection:
            return connection.execute(count).scalar_one() == THOUSAND

    eventually(waiting, within=90, what="all wait for the review", every=0.5)
    eventually(lambda: lengths(redis) == NOTHING, within=10, what="Redis holds no message")
    assert all(key.startswith(BINDINGS) or key in NOTHING for key in keys(redis)), keys(redis)
    with world.db.begin() as connection:
        assert set(connection.execute(select(Onboarding.c.status)).scalars()) == {OnboardingState.WAITING}
        looks = connection.execute(select(func.min(Step.c.due_at)).where(Step.c.due_at.isnot(None))).scalar_one()
        begun = connection.execute(select(func.max(Step.c.waiting_since))).scalar_one()
    assert looks - begun > timedelta(minutes=10)
    world.db.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def make_database(request, tmp_path):
    made: list[Any] = []

    def make(count: int) -> Any:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / f'{count}.sqlite3'}"
        else:
            url = request.getfixturevalue("postgres").new_database(f"waiting_{uuid.uuid4().hex[:8]}")
        made.append(make_engine(url))
        fill(made[-1], count, due=5)
        if request.param == "postgresql":
            with made[-1].connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
        return made[-1]

    yield make
    for db in made:
        db.dispose()


def asked(db: Any) -> list[tuple[str, Any]]:
    """Every statement of one tick and sweep, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    event.listen(db, "before_cursor_execute", note)
    with db.connect() as connection, connection.begin() as transaction:
        assert tick(connection) == 5
        transaction.rollback()
    event.remove(db, "before_cursor_execute", note)
    return statements


def plan(db: Any, statement: str, parameters: Any) -> str:
    prefix = "EXPLAIN QUERY PLAN " if db.dialect.name == "sqlite" else "EXPLAIN "
    with db.connect() as connection:
        rows = connection.exec_driver_sql(prefix + statement, parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_both_databases_understand_every_filter(make_database):
    db = make_database(10)

    def names(**filters: Any) -> list[str]:
        with EngineSource(db).snapshot() as fetch:
            return [name for name, _ in select_names(fetch, Selection(**filters), at=NOW)]

    every = {"statuses": ("waiting",), "channels": ("rcs",), "sandboxes": ("prod",), "brands": ("Acme",)}
    assert names(**every, waiting=("vendor",), steps=("registration",), names=("brand-*",)) == names()
    assert names(names=("brand-0000?",))[-1] == "brand-00009"
    assert names(is_overdue=True) == []
    with db.begin() as connection:
        connection.execute(update(Step).where(Step.c.onboarding_id == 7).values(waiting_until=NOW))
    assert names(is_overdue=True) == ["brand-00007"]


def test_the_clock_asks_the_same_of_a_thousand_as_of_ten_and_reads_no_more_rows(make_database):
    few, many = make_database(10), make_database(THOUSAND)
    statements = asked(many)
    assert [statement for statement, _ in asked(few)] == [statement for statement, _ in statements]
    looks = [each for each in statements if re.match("SELECT.*(due_at|next_verification_at) <=", each[0], re.DOTALL)]
    plans = [plan(many, *each) for each in looks if "webhook_event" not in each[0]]
    # Two for steps, by the partial index that holds only what has a due time, and one for the scheduled checks.
    assert len(plans) == 3
    assert sum("ix_step_due_at" in found for found in plans) == 2, plans
    assert not any(re.search(r"Seq Scan|SCAN (?!\w+ USING INDEX)", found) for found in plans), plans
