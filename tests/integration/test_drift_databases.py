"""What only a real database shows: a look's two transactions, the budget's upsert, and that a plan cannot write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from engine import drift, drift_memory, wake
from engine.contract import Finding
from engine.last_change import LastChange
from engine.memory import Memory
from engine.plan import PlanContext
from models.db import make_engine
from models.states import OnboardingState
from models.tables import CheckBudget, Onboarding
from settings import Settings
from tests.unit.engine_world import EngineWorld

CHANGE = LastChange(
    at=datetime(2026, 11, 23, 11, tzinfo=UTC),
    action="updated",
    actor_type="user",
    actor="US1",
    source="web",
    address="203.0.113.7",
    names_it=True,
    may_be_ours=False,
)
FINDING = Finding(
    "messaging service", "status_callback is X, wanted Y", "mend it", key="messaging-service/status", last_change=CHANGE
)


def test_drift_and_its_limits_on_both_databases(database_url, tmp_path):
    url = database_url or f"sqlite:///{tmp_path / 'drift.sqlite3'}"
    world = EngineWorld(url)
    try:
        world.start()
        world.run_all()
        assert drift.settle(world.shop, world.onboarding(), [FINDING])
        assert world.status() is OnboardingState.DEGRADED
        remembered = drift_memory.remembered(PlanContext(world.shop, world.onboarding()))
        assert remembered[FINDING.key].last_change == CHANGE.as_json()
        how = {"reason": "r", "until": world.time + timedelta(days=1), "actor": "jo", "at": world.time}
        with world.db.begin() as connection:
            drift.accept(connection, "acme", FINDING.key, **how)
        assert Memory(world.shop, world.onboarding().id).accepted == {FINDING.key}
        assert drift.settle(world.shop, world.onboarding(), [])
        assert world.status() is OnboardingState.ACTIVE
        with world.db.begin() as connection:
            connection.execute(update(Onboarding).values(next_verification_at=world.time))
            found = wake.tick(connection, at=world.time, grace_seconds=60, settings=Settings())
            checks = connection.execute(select(CheckBudget.c.account, CheckBudget.c.checks)).all()
        assert [one.step for one in found] == ["verification"]
        assert sorted(count for _, count in checks) == [1, 1]
        reading = make_engine(url, is_read_only=True)
        with reading.begin() as connection:
            assert connection.execute(select(func.count()).select_from(Onboarding)).scalar_one() == 1
        with pytest.raises(DBAPIError, match=r"read.?only"), reading.begin() as connection:
            connection.execute(update(Onboarding).values(brand="other"))
        reading.dispose()
    finally:
        world.db.dispose()
