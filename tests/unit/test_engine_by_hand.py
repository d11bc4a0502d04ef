"""A person's word on a step, retry from a step, and who is said to have asked for what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from engine import kinds
from engine.commands import NotPossible
from engine.contract import Done, Failed, Finding, Wait
from engine.operator_items import read_items
from engine.operator_tasks import UnknownTask
from engine.queries import open_tasks
from engine.reading import EngineSource
from models.states import OnboardingState, StepState
from models.tables import Event

O = OnboardingState  # noqa: E741
S = StepState
REVIEW = Wait("review", "review", "the carriers", timedelta(minutes=15), timedelta(days=60))
SKIP = {"by": "Jo Doe", "reason": "the agency keeps it", "evidence": "TICKET-7"}
DONE = {"by": "Jo Doe", "evidence": "TICKET-8"}


def last_events(world, number=1):
    with world.db.begin() as connection:
        rows = connection.execute(select(Event).order_by(Event.c.id.desc()).limit(number)).all()
    return [(row.kind, row.text, row.details) for row in rows][::-1]


def run_to(world, step, *, script=()):
    world.script[step] = list(script)
    world.start()
    for name in [each.name for each in world.steps]:
        world.run(name)
        if name == step:
            return


def test_a_step_skipped_while_it_waits_lets_the_next_begin(world):
    run_to(world, "channel", script=[REVIEW])
    (wakeup,) = world.command("skip", "channel", **SKIP)
    assert wakeup.step == "verification"
    step = world.step("channel")
    assert (step.state, step.settled_by, step.waiting_since) == (S.SKIPPED, "Jo Doe", None)
    assert step.reason == "skipped by Jo Doe: the agency keeps it; evidence: TICKET-7"
    assert last_events(world, 3)[0] == ("step:skipped", step.reason, {"actor": "jo@desk", **SKIP})
    world.run("verification")
    assert world.status() is O.ACTIVE
    assert world.step("channel").settled_by == "Jo Doe"


def test_a_step_that_has_not_begun_can_be_skipped_and_what_is_on_goes_on(world):
    run_to(world, "registration", script=[REVIEW])
    before = world.step("registration")
    assert world.command("skip", "channel", **SKIP) == []
    assert world.step("registration") == before
    assert world.status() is O.WAITING
    world.make_ready("registration")
    runs = world.steps[3].runs
    world.run_all()
    assert (world.status(), world.steps[3].runs) == (O.ACTIVE, runs)


def test_the_checks_leave_out_what_was_skipped_by_hand_and_look_at_what_was_marked_done(world):
    seen = []
    for step in world.steps:
        step.observe = lambda _ctx, name=step.name: seen.append(name) or [Finding(name, "differs", "mend it")]
    world.script["verification"] = [lambda ctx: ctx.observe_all() and Done()]
    run_to(world, "registration", script=[REVIEW])
    world.record_resources(kinds.MESSAGING_SERVICE)
    world.command("mark_done", "registration", **DONE)
    world.command("skip", "channel", **SKIP)
    world.run_all()
    # The ScriptedStep of webhook does not apply to SMS.
    assert seen == ["registration", "credential"]


def test_a_failed_step_marked_done_sets_the_onboarding_going_again(world):
    run_to(world, "registration", script=[Failed("refused")])
    world.record_resources(kinds.MESSAGING_SERVICE)
    world.command("mark_done", "registration", **DONE)
    assert world.states()[:2] == [S.SUCCEEDED, S.READY]
    assert world.status() is O.RUNNING
    assert world.step("registration").reason == "marked done by Jo Doe; evidence: TICKET-8"


def test_while_paused_the_word_counts_and_nothing_is_woken(world):
    run_to(world, "channel", script=[REVIEW])
    world.command("pause")
    assert world.command("skip", "channel", **SKIP) == []
    assert world.status() is O.PAUSED
    (wakeup,) = world.command("resume")
    assert wakeup.step == "verification"


@pytest.mark.parametrize("verb", ["skip", "mark_done"])
def test_the_proof_cannot_be_settled_by_hand(world, verb):
    world.start()
    with pytest.raises(NotPossible, match="the proof itself"):
        world.command(verb, "verification", **(SKIP if verb == "skip" else DONE))


def test_an_id_that_later_steps_need_is_not_replaced_by_a_word(world):
    run_to(world, "registration", script=[REVIEW])
    with pytest.raises(NotPossible, match="need the twilio messaging service"):
        world.command("mark_done", "registration", **DONE)
    world.record_resources(kinds.MESSAGING_SERVICE)
    world.command("mark_done", "registration", **DONE)


def test_what_is_done_cancelled_or_in_a_workers_hands_is_not_settled(world):
    def skip_meanwhile(_ctx):
        with pytest.raises(NotPossible, match="a worker is at channel"):
            world.command("skip", "channel", **SKIP)
        return REVIEW

    run_to(world, "channel", script=[skip_meanwhile])
    with pytest.raises(NotPossible, match="--from credential"):
        world.command("skip", "credential", **SKIP)
    world.command("cancel")
    with pytest.raises(NotPossible, match="take it up first"):
        world.command("skip", "channel", **SKIP)


def test_the_word_holds_through_the_retry_of_a_degraded_one_and_ends_with_retry_from(world):
    run_to(world, "channel", script=[REVIEW])
    world.command("skip", "channel", **SKIP)
    world.run("verification")
    world.command("verify", sends_message=False)
    world.script["verification"] = [Failed("differs")]
    world.run("verification")
    assert world.status() is O.DEGRADED
    world.command("retry")
    assert world.states() == [S.READY, S.PENDING, S.PENDING, S.SKIPPED, S.PENDING]
    world.run_all()
    world.command("retry", from_step="channel")
    assert world.states()[3:] == [S.READY, S.PENDING]
    assert world.step("channel").settled_by is None
    assert "Jo Doe" not in world.step("channel").reason


def test_an_operator_task_of_a_step_that_was_skipped_is_no_longer_asked(world):
    def ask(ctx):
        return ctx.ask_person("configuration", title="Make it", place="AJO", fields=[], bring_back=[])

    run_to(world, "channel", script=[ask])
    with EngineSource(world.db).snapshot() as fetch:
        assert [task["key"] for task in open_tasks(fetch, "acme")] == ["configuration"]
    world.command("skip", "channel", **SKIP)
    with EngineSource(world.db).snapshot() as fetch:
        assert open_tasks(fetch, "acme") == []
        assert read_items(fetch, "acme") == []
        assert [item["key"] for item in read_items(fetch, "acme", is_all=True)] == ["configuration"]
    for verb, more in (("report_done", {"values": {}}), ("reject", {"reason": "late"})):
        with pytest.raises(UnknownTask):
            world.command(verb, "configuration", by="Jo Doe", **more)


def test_retry_from_runs_the_step_and_all_behind_it_again_also_when_active(world):
    world.start()
    world.run_all()
    runs = [step.runs for step in world.steps]
    (wakeup,) = world.command("retry", from_step="credential")
    assert (wakeup.step, world.status()) == ("credential", O.RUNNING)
    assert last_events(world, 9)[0][0] != "onboarding:retried"
    assert ("onboarding:retried", "jo@desk asked to try again from credential") in [
        (kind, text) for kind, text, _ in last_events(world, 9)
    ]
    world.run_all()
    assert [step.runs for step in world.steps] == [*runs[:2], *(number + 1 for number in runs[2:])]
    assert world.status() is O.ACTIVE


def test_retry_from_takes_a_running_step_from_its_worker_and_waits_for_its_call(world):
    def retry_meanwhile(_ctx):
        world.command("retry", from_step="registration")
        assert world.step("credential").state is S.PENDING
        assert world.claim("registration") is None
        return Done()

    run_to(world, "credential", script=[retry_meanwhile])
    assert world.states() == [S.READY, S.PENDING, S.PENDING, S.PENDING, S.PENDING]
    assert world.sweep() == [("acme", "registration")]
    assert world.claim("registration") is not None


def test_cancelled_and_taken_up_again_and_again_it_does_not_begin_under_a_call_that_goes_on(world):
    world.start()
    assert world.claim("registration") is not None
    for _ in range(3):
        world.command("cancel")
        world.command("retry")
        assert world.claim("registration") is None
    with pytest.raises(NotPossible, match="a worker is at registration"):
        world.command("skip", "registration", **SKIP)
    world.forward(seconds=world.settings.lease_seconds)
    assert world.claim("registration") is not None


def test_retry_from_a_step_that_was_not_reached_is_refused(world):
    run_to(world, "registration", script=[REVIEW])
    with pytest.raises(NotPossible, match="has not come to channel yet: registration is not done"):
        world.command("retry", from_step="channel")
    world.command("pause")
    with pytest.raises(NotPossible, match="onboard resume"):
        world.command("retry", from_step="registration")


def test_every_act_carries_its_actor_in_the_event_log(world):
    world.start()
    world.command("pause", actor="ann@desk")
    assert last_events(world) == [("onboarding:paused", "running -> paused: ann@desk paused it", {"actor": "ann@desk"})]
    world.command("resume", actor="bo@desk")
    assert ("onboarding:resumed", "bo@desk let it go on", {"actor": "bo@desk"}) in last_events(world, 3)
    world.run_all()
    world.command("verify", sends_message=True, actor="cy@desk")
    assert last_events(world)[0][1:] == ("cy@desk asked for a check with a test message", {"actor": "cy@desk"})
    world.command("cancel", actor="di@desk")
    kind, text, details = last_events(world, 2)[0]
    assert (kind, text, details) == (
        "onboarding:cancelled",
        "active -> cancelled: di@desk cancelled it",
        {"actor": "di@desk"},
    )
    world.command("retry", actor="ed@desk", from_step="verification")
    found = [details for kind, _, details in last_events(world, 5) if kind == "onboarding:retried"]
    assert found == [{"actor": "ed@desk", "from": "verification"}]
