"""The way back through the engine: order, states, commands, leases. What is taken away at vendors: tests/integration."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from cli.words import sentence
from engine import kinds
from engine.commands import NotPossible
from engine.contract import Done, Failed, Wait
from engine.desired import subject_of
from engine.explain import explain
from engine.plan import PlanContext, make_plan
from engine.queries import find_onboardings
from engine.reading import EngineSource
from engine.removal import Choice
from engine.runner import GoOn, Stop, TryAgain
from models.states import ForwardState, OnboardingState, OperatorTaskState, StepState
from models.tables import OperatorTask, Secret, WebhookEvent
from providers.errors import Retryable
from tests.unit.engine_world import STEPS

O = OnboardingState  # noqa: E741
S = StepState
BACK = STEPS[::-1]
RESOURCES = (kinds.MESSAGING_SERVICE, kinds.RCS_SENDER, kinds.CREDENTIAL, kinds.CHANNEL_CONFIGURATION)
RESOURCES += (kinds.INBOUND_WEBHOOK, kinds.FEEDBACK_WEBHOOK)
ASKED = Wait("remove-credential", "delete it", "a person", timedelta(hours=6), timedelta(days=2), needs_person=True)


@pytest.fixture
def active(world):
    world.start()
    world.run_all()
    assert world.status() is O.ACTIVE
    return world


def take_down(world, **choice):
    return world.command("begin", Choice(**choice))


def run_back(world):
    return [world.run(step) for step in BACK]


def said(world):
    with EngineSource(world.db).snapshot() as fetch:
        (one,) = find_onboardings(fetch, ["acme"])
    return [sentence(each, world.time) for each in explain(one, now=world.time)]


def test_the_steps_run_from_the_last_to_the_first_and_then_it_is_removed(active):
    (wakeup,) = take_down(active)
    assert (wakeup.step, wakeup.is_removal) == ("verification", True)
    assert active.status() is O.TEARING_DOWN
    assert active.states() == [S.PENDING] * 4 + [S.READY]
    assert active.run("registration") == Stop()
    assert active.run("channel") == Stop()
    assert run_back(active) == [GoOn()] * 5
    assert active.status() is O.REMOVED
    assert active.states() == [S.SUCCEEDED] * 5
    with active.db.begin() as connection:
        assert connection.execute(select(Secret)).all() == []
    assert said(active)[0].startswith("It was taken down 0 s ago; history and evidence stay")
    # A message of the way there that was still under way does nothing.
    assert active.run("registration") == GoOn()
    assert active.tick() == active.sweep() == []


def test_it_can_be_taken_down_wherever_it_is_and_a_worker_ends_its_call_first(world):
    world.start()
    lease = world.claim("registration")
    take_down(world)
    assert world.states() == [S.PENDING] * 4 + [S.READY]
    assert world.claim("verification") is None, "its worker may be about to create something"
    world.forward(seconds=world.settings.lease_seconds + 1)
    assert run_back(world) == [GoOn()] * 5
    assert world.status() is O.REMOVED
    assert lease is not None


def test_a_vanished_worker_is_followed_by_another_that_goes_on_the_same_way(active):
    take_down(active)
    active.run("verification")
    active.claim("channel")
    active.forward(seconds=active.settings.lease_seconds + 1)
    with active.db.begin() as connection:
        from engine import wake

        (wakeup,) = wake.sweep(connection, at=active.time, grace_seconds=60)
    assert (wakeup.step, wakeup.is_removal) == ("channel", True)
    for step in BACK[1:]:
        active.run(step)
    assert active.status() is O.REMOVED


def test_failures_and_waits_keep_it_tearing_down_and_say_why(active):
    active.script["undo verification"] = [Retryable("Twilio is slow"), Failed("Twilio said no: ask them")]
    active.script["undo channel"] = [ASKED]
    take_down(active)
    assert isinstance(active.run("verification"), TryAgain)
    active.forward(seconds=60)
    assert active.run("verification") == Stop()
    assert active.status() is O.TEARING_DOWN
    assert active.onboarding().reason == "Twilio said no: ask them"
    assert said(active)[0].startswith("It is being taken down and is at verification: 0 of 5 steps are done")
    assert "It failed at verification" in said(active)[1]
    with pytest.raises(NotPossible, match="from the last step to the first"):
        active.command("retry", from_step="channel")
    (wakeup,) = active.command("retry")
    assert (wakeup.step, wakeup.is_removal) == ("verification", True)
    assert [active.run(step) for step in BACK[:2]] == [GoOn(), Stop()]
    assert active.states()[3] is S.WAITING_PERSON
    assert active.signal("channel")
    assert [active.run(step) for step in BACK[1:]] == [GoOn()] * 4
    assert active.status() is O.REMOVED


def test_paused_it_rests_and_resumed_it_goes_on_the_same_way(active):
    take_down(active)
    active.run("verification")
    active.command("pause")
    # The gateway goes by this: it refuses what AJO sends, paused or not.
    assert active.onboarding().teardown is not None
    assert active.claim("channel") is None
    (wakeup,) = active.command("resume")
    assert (active.status(), wakeup.step, wakeup.is_removal) == (O.TEARING_DOWN, "channel", True)


def test_cancelled_it_is_built_up_again_by_retry_or_taken_down_further_by_teardown(active):
    take_down(active)
    active.run("verification")
    active.command("cancel")
    assert active.status() is O.CANCELLED
    assert said(active)[0].startswith(
        "jo@desk cancelled its teardown 0 s ago; `onboard teardown acme` goes on with it, and `onboard retry` builds it up"
    )
    (wakeup,) = take_down(active)
    assert (wakeup.step, wakeup.is_removal) == ("channel", True)
    active.run("channel")
    active.command("cancel")
    (wakeup,) = active.command("retry")
    assert (wakeup.step, wakeup.is_removal) == ("registration", False)
    assert active.states() == [S.READY] + [S.PENDING] * 4
    assert active.onboarding().teardown is None
    active.run_all()
    assert active.status() is O.ACTIVE


def test_what_makes_no_sense_is_refused_with_a_sentence(active):
    active.record_resources(kinds.CREDENTIAL)
    with pytest.raises(NotPossible, match="has no rcs-sender to keep"):
        take_down(active, keep=("rcs-sender",))
    assert active.status() is O.ACTIVE, "a refusal changes nothing"
    take_down(active)
    with pytest.raises(NotPossible, match="is being taken down already"):
        take_down(active)
    for verb, options in (
        ("verify", {"sends_message": False}),
        ("skip", {"by": "Jo", "reason": "x", "evidence": None}),
    ):
        arguments = ("channel",) if verb == "skip" else ()
        with pytest.raises(NotPossible):
            active.command(verb, *arguments, **options)
    with pytest.raises(NotPossible, match="being taken down; once it is removed, this begins anew"):
        active.start()
    with pytest.raises(NotPossible, match="only its secrets can still change"):
        active.start(is_update=True, brand="Other")
    take_down(active, keep=("credential",))
    assert active.onboarding().teardown == {"adopted": False, "keep": ["credential"]}
    active.run("verification")
    take_down(active, adopted=True)
    assert active.onboarding().teardown == {"adopted": True, "keep": ["credential"]}
    assert active.states()[4] is S.READY, "each step looks again what it has to leave or give back"
    run_back(active)
    with pytest.raises(NotPossible, match="removed already"):
        take_down(active)
    for verb in ("retry", "cancel", "pause", "resume"):
        with pytest.raises(NotPossible):
            active.command(verb)


def test_what_is_being_removed_or_is_removed_is_not_read_as_built(active):
    def plan():
        return make_plan(PlanContext(active.shop, active.onboarding()))

    assert plan().is_started
    take_down(active)
    active.run("verification")
    with pytest.raises(NotPossible, match=r"being taken down; .* `onboard cancel acme`, then"):
        plan()
    active.command("pause")
    with pytest.raises(NotPossible, match="being taken down"):
        plan()
    with pytest.raises(NotPossible, match="being taken down"):
        active.start(is_update=True)
    active.command("cancel")
    with pytest.raises(
        NotPossible, match="teardown of acme was cancelled with 1 of 5 steps done; `onboard retry acme`"
    ):
        plan()
    take_down(active)
    run_back(active)
    with pytest.raises(NotPossible, match="is removed"):
        plan()


def test_a_changed_secret_wakes_a_removal_that_could_not_sign_in(active):
    active.script["undo verification"] = [ASKED]
    take_down(active)
    active.run("verification")
    started = active.start(is_update=True, token="another")
    assert (started.what, [(each.step, each.is_removal) for each in started.wakeups]) == (
        "updated",
        [("verification", True)],
    )
    assert active.run("verification") == GoOn()


def test_work_for_people_that_nobody_did_is_dropped_and_said(active):
    with active.db.begin() as connection:
        task = {"onboarding_id": active.onboarding_id(connection), "step": "credential", "title": "t", "params": {}}
        task |= {"place": "p", "instructions": [], "fields": [], "bring_back": [], "digest": "d", "values": {}}
        task |= {"opened_at": active.time}
        states = {"open": OperatorTaskState.OPEN, "done": OperatorTaskState.DONE}
        connection.execute(insert(OperatorTask), [task | {"key": key, "state": state} for key, state in states.items()])
    take_down(active)
    with active.db.begin() as connection:
        assert connection.execute(select(OperatorTask.c.key)).scalars().all() == ["done"]
    assert "operator_task:dropped" in active.events()


def test_every_kind_but_the_key_can_be_kept():
    assert {subject_of(kind) for kind in RESOURCES} == set(kinds.KEEPABLE)


def test_what_was_still_on_its_way_to_ajo_is_kept_and_tried_no_more(active):
    with active.db.begin() as connection:
        event = {
            "onboarding_id": active.onboarding_id(connection),
            "kind": "status",
            "message_sid": "SM1",
            "payload": {},
        }
        event |= {"dedupe_key": "k", "received_at": active.time, "forward_due_at": active.time, "forward_tries": 3}
        connection.execute(insert(WebhookEvent).values(forward_state=ForwardState.PENDING, **event))
    take_down(active)
    run_back(active)
    with active.db.begin() as connection:
        (kept,) = connection.execute(select(WebhookEvent)).all()
    assert (kept.forward_state, kept.forward_due_at) == (ForwardState.PARKED, None)


def test_a_removed_name_is_started_anew_and_its_history_keeps_another(active):
    token, first = active.onboarding().endpoint_token, active.onboarding().id
    take_down(active)
    run_back(active)
    assert active.start().what == "created"
    assert active.status() is O.RUNNING
    assert active.onboarding().endpoint_token != token
    old = f"acme~{first}"
    assert active.status(old) is O.REMOVED
    assert active.events(old)[-1] == "onboarding:archived"
    assert active.events() == ["onboarding:started"]
    longest = "a" * 50
    active.start(longest)
    active.script["undo registration"] = [Done()]
    active.command("begin", Choice(), name=longest)
    for step in BACK:
        active.run(step, longest)
    assert active.start(longest).what == "created"
