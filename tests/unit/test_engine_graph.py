"""A change of the steps under running onboardings: who does not know a graph leaves it alone, and all come over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from engine import drift
from engine.adopt import Found, adopt
from engine.adopt import Look as AdoptionLook
from engine.commands import NotPossible
from engine.contract import Catalogue, Failed, Wait
from engine.digest import digest
from engine.removal import Choice
from engine.runner import GoOn, Stop
from engine.start import mend, touched_steps
from engine.start import start as start_onboarding
from engine.take_over import take_over_all
from models.states import OnboardingState, StepState
from models.tables import Onboarding, VendorLimit
from tests.factories import make_spec
from tests.unit.engine_world import EngineWorld, ScriptedStep

WAIT = Wait("review", "the carriers review it", "the carriers", timedelta(minutes=5), timedelta(days=30))


@pytest.fixture
def world():
    return EngineWorld()


def change(world, *names, version=2, carries_on=()):
    """Deploy other steps."""
    world.steps = [ScriptedStep(name, world.script) for name in names]
    world.catalogue = Catalogue(tuple(world.steps), version=version, carries_on=frozenset(carries_on))
    world.shop = replace(world.shop, catalogue=world.catalogue)


ADDED = ("registration", "webhook", "consent", "credential", "channel", "verification")
REMOVED = ("registration", "webhook", "credential", "verification")
SAME = ("registration", "webhook", "credential", "channel", "verification")


def take_over(world):
    return take_over_all(world.db, world.catalogue, at=world.time, grace_seconds=60)


def test_a_worker_leaves_a_graph_alone_that_it_does_not_know_and_says_so_once(world):
    world.start()
    change(world, *ADDED)
    assert world.run("registration") == Stop()
    assert world.run("registration") == Stop()
    assert world.step("registration").attempt == 0
    assert world.events().count("graph:unknown") == 1


@pytest.mark.parametrize("version", [1, 3])
def test_neither_tick_nor_sweep_of_another_version_moves_it(world, version):
    world.script["registration"] = [WAIT]
    change(world, *SAME, version=2)
    world.start()
    world.run("registration")
    change(world, *SAME, version=version)
    world.forward(minutes=6)
    assert world.tick_of(world.catalogue.known) == []
    assert world.tick_of({2}) == [("acme", "registration")]


def test_no_check_of_another_version_is_begun(world):
    world.start()
    world.run_all()
    change(world, *SAME)
    with world.db.begin() as connection:
        connection.execute(update(Onboarding).values(next_verification_at=world.time))
    assert world.tick_of(world.catalogue.known) == []
    assert world.step("verification").state is StepState.SUCCEEDED
    assert world.tick_of({1}) == [("acme", "verification")]


def test_a_look_at_another_version_runs_none_of_its_steps(world):
    world.start()
    world.run_all()
    change(world, *SAME)
    assert not drift.settle(world.shop, world.onboarding(), [])
    assert world.step("verification").attempt == 1


@pytest.mark.parametrize("names", [ADDED, REMOVED])
def test_a_removal_and_a_mend_bring_it_to_the_present_steps(world, names):
    for name in ("acme", "bee"):
        world.start(name)
        world.run_all(name)
    change(world, *names)
    world.command("begin", Choice())
    for name in reversed(names):
        assert world.run(name) == GoOn()
    assert world.status() is OnboardingState.REMOVED
    with world.db.begin() as connection:
        woken = mend(connection, world.catalogue, "bee", ["registration"], at=world.time, grace_seconds=60)
    assert [one.step for one in woken] == ["registration"]
    assert world.onboarding("bee").graph_version == 2


def test_a_step_that_is_new_in_a_removal_goes_back_too(world):
    world.start()
    world.run_all()
    world.command("begin", Choice())
    world.run("verification")
    change(world, *ADDED)
    assert take_over(world).done == ["acme"]
    assert world.step("consent").is_removal


def test_a_step_without_a_row_is_touched_by_an_update(world):
    world.start()
    change(world, *ADDED)
    spec = make_spec("sms", "acme")
    known = {step.name: digest(step.inputs(spec)) for step in world.steps if step.name != "consent"}
    assert touched_steps(world.catalogue, spec, known, set()) == {"consent"}


def test_what_is_taken_over_by_hand_is_looked_at_on_its_own_graph(world):
    change(world, *SAME)
    found = Found("registration", "twilio_messaging_service", "acme", "MG1")
    secrets = {"twilio.auth_token": "t0ken", "ajo.client_secret": "s3cret"}
    adopted = adopt(world.shop, make_spec("sms", "acme"), secrets, AdoptionLook([found], [], "jo"))
    assert (adopted.status, adopted.findings) == (OnboardingState.ACTIVE, [])


def test_a_version_that_carries_on_an_older_one_runs_it_as_it_is(world):
    world.start()
    change(world, *SAME, carries_on={1})
    assert world.run("registration") == GoOn()
    assert world.onboarding().graph_version == 1


def test_a_step_that_is_new_runs_where_it_belongs_and_the_proof_is_given_anew(world):
    world.start()
    world.run_all()
    assert world.status() is OnboardingState.ACTIVE
    change(world, *ADDED)
    assert take_over(world).done == ["acme"]
    assert world.status() is OnboardingState.RUNNING
    for name in ("consent", "credential", "channel", "verification"):
        assert world.run(name) == GoOn()
    assert world.status() is OnboardingState.ACTIVE
    assert [step.runs for step in world.steps] == [0, 0, 1, 0, 0, 1]
    assert world.onboarding().graph_version == 2
    assert take_over(world).done == []


def test_what_waits_for_weeks_keeps_its_clock_when_a_later_step_is_new(world):
    world.start()
    world.script["registration"] = [WAIT]
    world.run("registration")
    before = world.step("registration")
    change(world, *ADDED)
    take_over(world)
    assert world.step("registration") == before
    assert world.step("consent").state is StepState.PENDING
    world.forward(minutes=6)
    assert world.tick() == [("acme", "registration")]


def test_a_step_that_was_removed_while_it_failed_is_closed_and_the_next_one_runs(world):
    world.start()
    world.script["channel"] = [Failed("no")]
    world.run_all()
    assert world.status() is OnboardingState.FAILED
    change(world, *REMOVED)
    take_over(world)
    closed = world.step("channel")
    assert (closed.state, closed.reason) == (
        StepState.SKIPPED,
        "skipped: no longer one of the steps (step graph 2)",
    )
    assert world.run("verification") == GoOn()
    assert world.status() is OnboardingState.ACTIVE


def test_a_cancelled_one_comes_over_and_waits_for_retry(world):
    world.start()
    world.run("registration")
    world.command("cancel")
    change(world, *REMOVED)
    take_over(world)
    assert world.status() is OnboardingState.CANCELLED
    world.command("retry")
    for name in ("webhook", "credential", "verification"):
        world.run(name)
    assert world.status() is OnboardingState.ACTIVE


def test_one_whose_worker_is_in_a_call_is_left_for_later(world):
    world.start()
    world.claim("registration")
    change(world, *ADDED)
    assert take_over(world).busy == ["acme"]
    with pytest.raises(NotPossible, match="a worker is at it just now"):
        world.command("retry", from_step="registration")
    world.forward(seconds=121)
    assert take_over(world).done == ["acme"]
    assert world.run("registration") == GoOn()


def test_retry_and_update_bring_it_over(world):
    world.start()
    world.script["registration"] = [Failed("no")]
    world.run("registration")
    change(world, *ADDED)
    world.command("retry")
    assert world.onboarding().graph_version == 2
    change(world, *SAME, version=3)
    world.start(is_update=True, brand="Another name", token="other")
    assert world.onboarding().graph_version == 3


def test_a_graph_that_a_newer_version_made_is_not_touched(world):
    change(world, *ADDED)
    world.start()
    world.script["registration"] = [Failed("no")]
    world.run("registration")
    change(world, *SAME, version=1)
    assert take_over(world).newer == ["acme"]
    with pytest.raises(NotPossible, match="use the newer one"):
        world.command("retry")


def test_new_onboardings_get_the_present_version(world):
    change(world, *ADDED)
    with world.db.begin() as connection:
        spec = make_spec("sms", "fresh")
        secrets = {"twilio.auth_token": "t", "ajo.client_secret": "s"}
        start_onboarding(
            connection, world.catalogue, world.vault, spec, secrets, is_update=False, at=world.time, grace_seconds=60
        )
    assert world.onboarding("fresh").graph_version == 2


@pytest.mark.parametrize("steps", [ADDED, (*SAME, "consent")], ids=["in the middle", "at the end"])
@pytest.mark.parametrize("come_over", [take_over, lambda world: world.command("retry")], ids=["migrate", "retry"])
def test_a_step_that_is_new_makes_nothing_for_an_onboarding_that_is_taken_down(world, steps, come_over):
    world.start()
    world.run_all()
    world.command("begin", Choice())
    world.run("verification")
    change(world, *steps)
    come_over(world)
    for name in ("channel", "credential", "consent", "webhook", "registration"):
        world.run(name)
    assert world.status() is OnboardingState.REMOVED
    assert sum(step.runs for step in world.steps) == 0
    assert world.step("consent").reason == "skipped: nothing was made"


def test_one_whose_removal_was_cancelled_is_built_up_with_the_step_that_is_new(world):
    world.start()
    world.run_all()
    world.command("begin", Choice())
    world.command("cancel")
    change(world, *ADDED)
    world.command("retry")
    for name in ADDED:
        world.run(name)
    assert world.status() is OnboardingState.ACTIVE
    assert [step.runs for step in world.steps] == [1, 0, 1, 1, 1, 1]


def test_an_onboarding_of_an_older_graph_can_be_taken_down(world):
    world.start()
    world.run_all()
    change(world, *ADDED)
    world.command("begin", Choice())
    for name in reversed(ADDED):
        world.run(name)
    assert world.status() is OnboardingState.REMOVED


def test_one_that_a_version_without_limits_started_gets_the_account_that_it_counts_for(world):
    world.start()
    account = world.onboarding().twilio_account
    with world.db.begin() as connection:
        connection.execute(update(Onboarding).values(twilio_account=""))
    world.run("registration")
    take_over(world)
    assert world.onboarding().twilio_account == account
    with world.db.begin() as connection:
        assert connection.execute(select(VendorLimit)).all() == []
