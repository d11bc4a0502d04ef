"""What bounds the scheduled checks: the budget of an account, quiet hours, and messages a month."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from engine import rechecks, wake
from models.tables import CheckBudget, Onboarding, Verification
from settings import Settings
from tests.factories import spec_data


def due(world, **limits):
    """Make all checks due and tick; the names that were begun."""
    with world.db.begin() as connection:
        connection.execute(update(Onboarding).values(next_verification_at=world.time))
    with world.db.begin() as connection:
        found = wake.tick(connection, at=world.time, grace_seconds=60, settings=Settings(**limits))
    return [one.name for one in found]


def start(world, *names, sends=False):
    for name in names:
        world.start(name, verification=spec_data("sms", name)["verification"] | {"send_on_schedule": sends})
        world.run_all(name)


def next_due(world, name):
    return world.onboarding(name).next_verification_at


def last_sends(world):
    with world.db.begin() as connection:
        newest = select(Verification.c.sends_message).order_by(Verification.c.id.desc()).limit(1)
        return connection.execute(newest).scalar_one()


def finish(world, name="acme"):
    world.run("verification", name)


def test_an_account_bears_so_many_checks_an_hour_and_the_rest_is_spread_over_the_next(world):
    names = [f"brand-{number}" for number in range(6)]
    start(world, *names)
    begun = due(world, checks_per_account_hour=4)
    assert len(begun) == 4
    hour = world.time.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    waiting = [next_due(world, name) for name in names if name not in begun]
    assert all(hour <= moment < hour + timedelta(hours=1) for moment in waiting)
    assert len(set(waiting)) == 2
    for name in begun:
        finish(world, name)
    assert due(world, checks_per_account_hour=4) == []
    late = next(name for name in names if name not in begun)
    assert world.events(late).count("verification:put_off") == 1
    world.forward(hours=1)
    assert len(due(world, checks_per_account_hour=4)) == 4


def test_what_is_put_off_comes_back_in_another_order_each_hour(world):
    hours = [world.time + timedelta(hours=number) for number in range(60)]
    first = {min(range(6), key=lambda one: rechecks._within_the_hour_after(hour, one)) for hour in hours}
    assert first == set(range(6))


def test_the_budgets_of_all_accounts_are_taken_at_once_and_in_one_order(world):
    """Else two ticks could wait for each other (PostgreSQL)."""
    accounts = ["AC" + digit * 32 for digit in "c1f0"]
    for number, account in enumerate(accounts):
        name = f"brand-{number}"
        world.start(name, twilio=spec_data("sms", name)["twilio"] | {"account_sid": account})
        world.run_all(name)
    locking = []

    def note(_connection, _cursor, statement, parameters, *_):
        if "check_budget" in statement and not statement.startswith("UPDATE"):
            locking.append(parameters)

    event.listen(world.db, "before_cursor_execute", note)
    assert len(due(world)) == 4
    inserted, locked = locking
    taken = [account for account, _, _ in json.loads(inserted[0])]
    assert taken == sorted(taken)
    assert set(accounts) < set(taken) == set(locked)
    with world.db.begin() as connection:
        checks = dict(connection.execute(select(CheckBudget.c.account, CheckBudget.c.checks)).all())
    assert [checks[account] for account in accounts] == [1] * 4
    assert sorted(checks.values()) == [1, 1, 1, 1, 4]


def test_a_check_with_a_message_waits_for_the_end_of_the_quiet_hours_and_one_without_does_not(world):
    start(world, "loud", sends=True)
    start(world, "still")
    quiet = {"quiet_hours": "11:00-14:30", "quiet_zone": "UTC"}
    assert due(world, **quiet) == ["still"]
    end = world.time.replace(hour=14, minute=30)
    assert end <= next_due(world, "loud") < end + timedelta(hours=1)


def test_quiet_hours_that_pass_midnight_end_in_the_morning(world):
    start(world, "acme", sends=True)
    world.time = world.time.replace(hour=23)
    assert due(world, quiet_hours="20:00-08:00") == []
    end = (world.time + timedelta(days=1)).replace(hour=8)
    assert end <= next_due(world, "acme") < end + timedelta(hours=1)


def test_after_the_months_messages_it_is_checked_without_one_and_says_so(world):
    start(world, "acme", sends=True)
    for expected in (True, True, False):
        assert due(world, probe_messages_per_month=2) == ["acme"]
        assert last_sends(world) is expected
        finish(world)
        world.forward(days=1)
    assert "verification:silent" in world.events()
    world.forward(days=30)
    assert due(world, probe_messages_per_month=2) == ["acme"]
    assert last_sends(world) is True


@pytest.mark.parametrize("limit", [0, -1])
def test_a_budget_of_nothing_is_refused(limit):
    with pytest.raises(ValueError, match="checks_per_account_hour"):
        Settings(checks_per_account_hour=limit)
