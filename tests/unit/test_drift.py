from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from engine import drift, drift_memory
from engine.commands import NotPossible, UnknownOnboarding
from engine.contract import Finding
from engine.desired import Means, OwnedField, OwnedObject, Presence
from engine.plan import Plan, PlanContext, _planned, make_plan
from models.states import OnboardingState, VerificationState
from models.tables import DriftFinding, Verification
from tests.factories import spec_data

NUMBERS = Finding(
    "messaging service acme", "numbers is A, B, wanted A", "mend it", "warning", "messaging-service/numbers"
)
CALLBACK = Finding(
    "messaging service acme", "status_callback is X, wanted Y", "mend it", key="messaging-service/status"
)


def record(world, *found):
    with world.db.begin() as connection:
        drift_memory.record(connection, world.onboarding_id(connection), found, at=world.time)


def rows(world):
    with world.db.begin() as connection:
        return {row.key: row for row in connection.execute(select(DriftFinding)).all()}


def settle(world, *found):
    return drift.settle(world.shop, world.onboarding(), found)


def accept(world, key=NUMBERS.key, **changes):
    how = {"reason": "second line", "until": world.time + timedelta(days=30), "actor": "jo", "at": world.time}
    with world.db.begin() as connection:
        drift.accept(connection, "acme", key, **how | changes)


@pytest.fixture
def active(world):
    world.start()
    world.run_all()
    return world


def test_a_difference_keeps_the_time_it_was_first_seen_until_it_is_gone_and_begins_anew_when_it_returns(world):
    world.start()
    begun = world.time
    record(world, NUMBERS)
    world.forward(hours=2)
    record(world, NUMBERS, CALLBACK)
    seen = rows(world)
    assert (seen[NUMBERS.key].first_seen_at, seen[NUMBERS.key].last_seen_at) == (begun, world.time)
    assert seen[CALLBACK.key].first_seen_at == world.time
    world.forward(hours=1)
    record(world, CALLBACK)
    assert rows(world)[NUMBERS.key].gone_at == world.time
    world.forward(hours=1)
    record(world, NUMBERS)
    again = rows(world)[NUMBERS.key]
    assert (again.first_seen_at, again.gone_at) == (world.time, None)
    kinds = [kind for kind in world.events() if kind.startswith("drift:")]
    assert kinds == ["drift:found", "drift:found", "drift:gone", "drift:found", "drift:gone"]


def test_a_look_that_finds_an_error_degrades_and_one_that_finds_none_restores(active):
    due = active.onboarding().next_verification_at
    assert settle(active, CALLBACK)
    assert active.status() is OnboardingState.DEGRADED
    assert active.onboarding().reason == f"{CALLBACK.subject}: {CALLBACK.problem}: mend it"
    assert settle(active)
    assert active.status() is OnboardingState.ACTIVE
    assert active.onboarding().next_verification_at != due
    with active.db.begin() as connection:
        runs = connection.execute(select(Verification.c.trigger, Verification.c.state)).all()
    states = VerificationState.FAILED, VerificationState.PASSED
    assert [tuple(run) for run in runs] == [("drift", state) for state in states]


def test_a_warning_is_remembered_and_degrades_nothing(active):
    assert settle(active, NUMBERS)
    assert active.status() is OnboardingState.ACTIVE
    assert NUMBERS.key in rows(active)


def test_before_it_is_active_a_look_moves_nothing_and_is_remembered(world):
    world.start()
    before = world.states()
    assert not settle(world, CALLBACK)
    assert world.states() == before
    assert CALLBACK.key in rows(world)


def test_a_look_at_a_paused_one_moves_nothing(active):
    active.command("pause")
    before = active.states()
    assert not settle(active, CALLBACK)
    assert (active.states(), active.status()) == (before, OnboardingState.PAUSED)


def test_a_look_while_the_checks_run_leaves_the_verdict_to_them(active):
    active.command("verify", sends_message=False)
    assert not settle(active, CALLBACK)
    assert active.status() is OnboardingState.ACTIVE


def test_a_look_with_a_spec_that_changed_meanwhile_records_nothing(active):
    seen = active.onboarding()
    active.start(is_update=True, verification=spec_data("sms")["verification"] | {"message": "Other words"})
    active.run_all()
    with pytest.raises(NotPossible, match="changed during the look"):
        drift.settle(active.shop, seen, [CALLBACK])
    assert (active.status(), rows(active)) == (OnboardingState.ACTIVE, {})


def test_what_was_seen_can_be_accepted_until_a_day_and_counts_again_then_or_when_withdrawn(active):
    from engine.memory import Memory

    settle(active, NUMBERS)
    accept(active)

    def accepted():
        return set(Memory(active.shop, active.onboarding().id).accepted)

    assert accepted() == {NUMBERS.key}
    active.forward(days=31)
    assert accepted() == set()
    accept(active)
    assert accepted() == {NUMBERS.key}
    with active.db.begin() as connection:
        assert drift.withdraw(connection, "acme", NUMBERS.key, actor="jo", at=active.time)
        assert not drift.withdraw(connection, "acme", NUMBERS.key, actor="jo", at=active.time)
    assert accepted() == set()
    assert {"drift:accepted", "drift:withdrawn"} <= set(active.events())


def test_what_is_accepted_is_the_difference_as_it_was_last_seen(active):
    from dataclasses import replace

    from engine.memory import Memory

    for difference in ("one", "two"):
        settle(active, replace(NUMBERS, difference=difference))
        accept(active)
        accepted = Memory(active.shop, active.onboarding().id).accepted
        assert accepted == {NUMBERS.key, f"{NUMBERS.key} {difference}"}


def test_what_was_never_seen_and_what_is_gone_cannot_be_accepted(active):
    settle(active, NUMBERS)
    with pytest.raises(drift.NeverSeen) as refusal:
        accept(active, "messaging-service/numbrs")
    assert refusal.value.known == [NUMBERS.key]
    with pytest.raises(NotPossible, match="gone"):
        accept(active, "messaging-service/exists")
    with pytest.raises(UnknownOnboarding), active.db.begin() as connection:
        drift.accept(connection, "nobody", "x/y", reason="r", until=active.time, actor="jo", at=active.time)


def look(world, actual, *, done):
    """A look at one field, whose step is done or not, and what it changes."""
    ctx = PlanContext(world.shop, world.onboarding())
    owned = OwnedObject(
        kind="twilio_messaging_service",
        label="messaging service",
        subject="messaging-service",
        vendor="twilio",
        presence=Presence.THERE,
        fields=(OwnedField(name="status", wanted="a", actual=actual),),
        is_recorded=True,
    )
    plan = Plan(
        name="acme",
        channel="sms",
        is_started=True,
        planned=[_planned("registration", owned, ctx.accepted)],
        spec_differences=[],
        skipped={},
        steps=world.catalogue.names,
        done=frozenset(done),
        runs=[],
        mends=[],
    )
    found = drift.look(ctx, plan).found
    drift.settle(world.shop, world.onboarding(), found)
    return [finding.key for finding in found]


def test_what_drifted_stays_drift_while_its_step_runs_again_until_it_is_seen_to_be_gone(active):
    key = "messaging-service/status"
    assert look(active, "b", done={"registration"}) == [key]
    active.command("retry", from_step="registration")
    assert look(active, "b", done=()) == [key]
    assert rows(active)[key].gone_at is None
    assert look(active, "a", done=()) == []
    assert rows(active)[key].gone_at == active.time


def test_what_only_a_person_mends_makes_no_step_run(active, monkeypatch):
    changed = OwnedField(name="status", wanted="a", actual="b", means=Means.HAND, cure="set it in the Console")
    owned = OwnedObject(
        kind="twilio_account", label="account", subject="account", vendor="twilio", presence=Presence.THERE
    )
    fields = [changed]
    monkeypatch.setattr(
        active.steps[0], "desired", lambda _: [replace(owned, fields=tuple(fields), is_recorded=True)], raising=False
    )
    plan = make_plan(PlanContext(active.shop, active.onboarding()))
    assert (plan.runs, plan.mends, plan.acts, plan.is_nothing) == ([], [], False, False)
    fields.append(OwnedField(name="name", wanted="a", actual="b"))
    plan = make_plan(PlanContext(active.shop, active.onboarding()))
    assert (plan.runs, plan.mends, plan.acts) == (["registration", "verification"], ["registration"], True)


def test_what_is_still_to_be_made_is_no_drift(world):
    world.start()
    assert look(world, "b", done=()) == []
    assert rows(world) == {}
