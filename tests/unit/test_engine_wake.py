from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from engine.contract import Failed, Wait
from engine.rechecks import next_check, schedule_verification
from models.states import OnboardingState, StepState
from models.tables import Verification

S = StepState
WAIT = Wait("review", "review", "the carriers", timedelta(minutes=15), timedelta(days=60))


def test_a_tick_wakes_a_wait_when_its_next_look_is_due_and_not_before(world):
    world.script["registration"] = [WAIT]
    world.start()
    world.run("registration")
    world.forward(minutes=14)
    assert world.tick() == []
    world.forward(minutes=1)
    assert world.tick() == [("acme", "registration")]
    assert world.states()[0] is S.READY


def test_two_ticks_at_once_wake_a_step_once(world):
    world.script["registration"] = [WAIT]
    world.start()
    world.run("registration")
    world.forward(minutes=15)
    assert len(world.tick() + world.tick()) == 1


def test_a_ready_step_whose_message_got_lost_is_woken_by_the_sweep_after_the_grace(world):
    world.start()
    assert world.sweep() == []
    world.forward(seconds=60)
    assert world.sweep() == [("acme", "registration")]
    assert world.sweep() == []


def test_the_next_step_is_found_too_when_the_chain_broke_after_a_commit(world):
    world.start()
    world.run("registration")
    world.forward(seconds=60)
    assert world.sweep() == [("acme", "webhook")]


def test_a_short_retry_whose_message_got_lost_is_found_by_the_tick(world):
    from providers.errors import Retryable

    world.script["registration"] = [Retryable("reset")]
    world.start()
    world.run("registration")
    world.forward(seconds=5)
    assert world.tick() == []
    world.forward(seconds=60)
    assert world.tick() == [("acme", "registration")]


def test_an_expired_lease_is_freed_and_the_step_woken(world):
    world.start()
    assert world.claim("registration")
    world.forward(seconds=world.settings.lease_seconds)
    assert world.sweep() == [("acme", "registration")]
    assert world.states()[0] is S.READY


def test_a_running_step_within_its_lease_is_left_alone(world):
    world.start()
    world.claim("registration")
    world.forward(seconds=world.settings.lease_seconds - 1)
    assert world.sweep() == []


def test_only_one_of_two_workers_claims_a_step(world):
    world.start()
    assert world.claim("registration") is not None
    assert world.claim("registration") is None


def test_a_paused_onboarding_is_neither_claimed_nor_woken(world):
    world.script["registration"] = [WAIT]
    world.start()
    world.run("registration")
    world.command("pause")
    world.forward(days=1)
    assert world.tick() == []
    assert world.claim("registration") is None


def test_a_signal_for_a_step_that_neither_waits_nor_runs_changes_nothing(world):
    world.start()
    assert world.signal("verification") is False
    assert world.states()[4] is S.PENDING


def active(world):
    world.start()
    world.run_all()
    with world.db.begin() as connection:
        schedule_verification(connection, world.onboarding_id(connection), timedelta(days=7), at=world.time)


def test_a_hundred_thousand_checks_are_spread_evenly_also_after_all_were_late_together():
    every, at = timedelta(days=7), datetime(2026, 11, 23, 12, tzinfo=UTC)
    for _ in range(2):
        due = [next_check(number, every, at=at) for number in range(1, 100_001)]
        assert all(every / 2 <= moment - at <= every * 1.5 for moment in due)
        hours = Counter(int((moment - at) % every / timedelta(hours=1)) for moment in due)
        assert len(hours) == 7 * 24
        # An even share is 595.
        assert 585 <= min(hours.values()) <= max(hours.values()) <= 605
        at += timedelta(days=30, hours=5)


def test_from_one_check_to_the_next_it_is_exactly_the_interval():
    every, at = timedelta(hours=6), datetime(2026, 11, 23, 12, tzinfo=UTC)
    first = next_check(7, every, at=at)
    assert next_check(7, every, at=first + timedelta(seconds=40)) == first + every


def test_a_due_check_makes_only_verification_ready_and_sets_the_next_date(world):
    active(world)
    world.forward(days=11)
    assert world.tick() == [("acme", "verification")]
    assert world.states()[4] is S.READY
    assert world.status() is OnboardingState.ACTIVE
    assert world.onboarding().next_verification_at > world.time + timedelta(days=3)
    with world.db.begin() as connection:
        run = connection.execute(select(Verification.c.trigger, Verification.c.sends_message)).one()
    assert tuple(run) == ("schedule", False)


def test_a_failed_check_degrades_and_a_passed_one_restores(world):
    active(world)
    world.script["verification"] = [Failed("the webhook points elsewhere")]
    world.forward(days=11)
    world.tick()
    world.run("verification")
    assert world.status() is OnboardingState.DEGRADED
    assert world.onboarding().reason == "the webhook points elsewhere"
    world.forward(days=11)
    world.tick()
    assert world.status() is OnboardingState.DEGRADED
    world.run("verification")
    assert world.status() is OnboardingState.ACTIVE
    assert world.onboarding().reason is None
