from __future__ import annotations

from datetime import timedelta

import pytest

from engine.commands import NotPossible, UnknownOnboarding
from engine.contract import Done, Failed, Wait
from engine.operator_tasks import MissingValues, UnknownTask
from models.states import OnboardingState, StepState
from tests.factories import spec_data

O = OnboardingState  # noqa: E741
S = StepState
WAIT = Wait("review", "review", "the carriers", timedelta(minutes=15), timedelta(days=60))


def changed_verification(**changes):
    return spec_data()["verification"] | changes


def test_start_creates_five_steps_and_wakes_the_first(world):
    started = world.start()
    assert started.what == "created"
    assert [(wakeup.name, wakeup.step) for wakeup in started.wakeups] == [("acme", "registration")]
    assert world.states() == [S.READY, S.PENDING, S.PENDING, S.PENDING, S.PENDING]


def test_starting_the_same_spec_again_does_nothing(world):
    world.start()
    before = world.events()
    assert world.start().what == "unchanged"
    assert world.events() == before


def test_a_changed_spec_is_shown_and_nothing_is_done_without_update(world):
    world.start()
    started = world.start(verification=changed_verification(message="Other words"))
    assert started.what == "differs"
    assert started.differences == ["verification.message: 'Hello from acme' -> 'Other words'"]
    assert world.onboarding().spec["verification"]["message"] == "Hello from acme"


def test_another_secret_is_a_difference_that_does_not_show_it(world):
    world.start()
    started = world.start(token="n3w-token-value")
    assert started.differences == ["twilio.auth_token: another secret"]


def test_an_update_runs_only_the_steps_it_touches_and_verifies_again(world):
    world.start()
    world.run_all()
    runs = [step.runs for step in world.steps]
    started = world.start(is_update=True, verification=changed_verification(message="Other words"))
    assert started.reruns == ["verification"]
    assert world.status() is O.RUNNING
    world.run_all()
    assert [step.runs for step in world.steps] == [*runs[:4], runs[4] + 1]
    assert world.status() is O.ACTIVE


def test_an_update_of_an_early_step_runs_it_and_verification_and_nothing_between(world):
    world.start()
    world.run_all()
    started = world.start(is_update=True, token="n3w-token-value")
    assert started.reruns == ["registration", "verification"]
    assert world.states() == [S.READY, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.PENDING]
    world.run("registration")
    assert world.states()[4] is S.READY
    world.run("verification")
    assert world.status() is O.ACTIVE


def test_an_update_cannot_change_the_channel(world):
    world.start()
    ajo = spec_data()["ajo"] | {"sandbox": "dev"}
    with pytest.raises(NotPossible, match="another name"):
        world.start(is_update=True, ajo=ajo)


def test_an_update_during_a_run_takes_the_step_from_its_worker(world):
    def update_meanwhile(_ctx):
        world.start(is_update=True, token="n3w-token-value")
        return Done()

    world.script["registration"] = [update_meanwhile]
    world.start()
    world.run("registration")
    assert world.states()[0] is S.READY
    assert world.steps[0].runs == 1
    world.run_all()
    assert world.steps[0].runs == 2
    assert world.status() is O.ACTIVE


def test_retry_takes_a_failed_step_up_again_and_keeps_what_was_done(world):
    world.script["credential"] = [Failed("refused")]
    world.start()
    for step in ("registration", "webhook", "credential"):
        world.run(step)
    assert world.status() is O.FAILED
    (wakeup,) = world.command("retry")
    assert wakeup.step == "credential"
    world.run_all()
    assert world.status() is O.ACTIVE
    assert world.steps[0].runs == 1


def test_retry_looks_at_a_wait_at_once(world):
    world.script["registration"] = [WAIT]
    world.start()
    world.run("registration")
    (wakeup,) = world.command("retry")
    assert wakeup.step == "registration"
    world.run_all()
    assert world.status() is O.ACTIVE


@pytest.mark.parametrize("command", ["retry", "resume"])
def test_a_command_that_makes_no_sense_says_what_would(world, command):
    world.start()
    world.run_all()
    with pytest.raises(NotPossible):
        world.command(command)


def test_cancel_stops_everything_that_is_not_done(world):
    world.start()
    world.run("registration")
    world.command("cancel")
    assert world.status() is O.CANCELLED
    assert world.states() == [S.SUCCEEDED, S.CANCELLED, S.CANCELLED, S.CANCELLED, S.CANCELLED]
    world.run("webhook")
    assert world.states()[1] is S.CANCELLED


def test_cancel_under_a_running_step_makes_its_record_void(world):
    def cancel_meanwhile(_ctx):
        world.command("cancel")
        return Done()

    world.script["registration"] = [cancel_meanwhile]
    world.start()
    world.run("registration")
    assert world.status() is O.CANCELLED
    assert world.states()[0] is S.CANCELLED


def test_retry_takes_up_a_cancelled_onboarding(world):
    world.start()
    world.run("registration")
    world.command("cancel")
    world.command("retry")
    world.run_all()
    assert world.status() is O.ACTIVE


def test_an_active_onboarding_that_was_cancelled_is_verified_anew_when_taken_up(world):
    world.start()
    world.run_all()
    world.command("cancel")
    (wakeup,) = world.command("retry")
    assert wakeup.step == "verification"
    runs = world.steps[4].runs
    world.run_all()
    assert world.steps[4].runs == runs + 1
    assert world.status() is O.ACTIVE


def test_what_cannot_change_is_said_before_an_update_is_offered(world):
    world.start()
    ajo = spec_data()["ajo"] | {"sandbox": "dev"}
    with pytest.raises(NotPossible, match="sandbox cannot change"):
        world.start(ajo=ajo)


def test_pause_lets_the_running_step_finish_and_holds_the_next(world):
    def pause_meanwhile(_ctx):
        world.command("pause")
        return Done()

    world.script["registration"] = [pause_meanwhile]
    world.start()
    world.run("registration")
    assert world.states()[:2] == [S.SUCCEEDED, S.READY]
    world.run("webhook")
    assert world.states()[1] is S.READY
    (wakeup,) = world.command("resume")
    assert wakeup.step == "webhook"
    world.run_all()
    assert world.status() is O.ACTIVE


def test_pausing_a_waiting_onboarding_and_resuming_it_keeps_the_wait(world):
    world.script["registration"] = [WAIT]
    world.start()
    world.run("registration")
    world.command("pause")
    world.command("resume")
    assert world.status() is O.WAITING
    world.forward(minutes=15)
    assert world.tick() == [("acme", "registration")]


def test_verify_asks_for_a_run_once(world):
    world.start()
    world.run_all()
    world.command("verify", sends_message=True)
    with pytest.raises(NotPossible, match="under way"):
        world.command("verify", sends_message=False)


def test_an_unknown_name_is_said(world):
    with pytest.raises(UnknownOnboarding):
        world.command("cancel", name="nobody")


def ask(ctx):
    answer = ctx.ask_person(
        "inbound-webhook",
        title="Create the webhook",
        place="AJO",
        fields=[{"label": "Name", "value": "x"}],
        bring_back=["url"],
    )
    assert answer.values == {"url": "https://hooks.example.com/1"}
    return Done()


def test_an_operator_task_waits_for_a_person_and_goes_on_with_what_they_brought(world):
    world.script["registration"] = [ask, ask]
    world.start()
    world.run("registration")
    assert world.states()[0] is S.WAITING_PERSON
    assert "onboard task done acme inbound-webhook" in world.step("registration").reason
    with pytest.raises(MissingValues, match="url"):
        world.command("report_done", "inbound-webhook", values={}, by="Jo")
    with pytest.raises(MissingValues, match="url"):
        world.command("report_done", "inbound-webhook", values={"url": "notaurl"}, by="Jo")
    said = world.command("report_done", "inbound-webhook", values={"url": "https://hooks.example.com/1"}, by="Jo")
    (wakeup,) = said.wakeups
    assert wakeup.step == "registration"
    world.run_all()
    assert world.status() is O.ACTIVE


def test_confirming_a_task_that_does_not_exist_is_refused(world):
    world.start()
    with pytest.raises(UnknownTask):
        world.command("report_done", "nothing", values={}, by="Jo")
