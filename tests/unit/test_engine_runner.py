from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pydantic import ValidationError

from engine import kinds
from engine.contract import Done, Failed, Suspend, Wait
from engine.retry import FAILURES_BEFORE_GIVING_UP, LONGEST_BROKER_DELAY_SECONDS, next_delay
from engine.runner import GoOn, Stop, TryAgain
from models.states import OnboardingState, StepState
from providers.errors import CallContext, Misconfigured, NeedsPerson, RateLimited, Refused, Retryable
from providers.http import Http
from settings import LONGEST_CALL, VISIBILITY_SECONDS, Settings
from tasks.celery import app

S = StepState


def wait(**changes):
    values = {
        "topic": "review",
        "reason": "review is under way",
        "who": "the carriers",
        "look_again": timedelta(minutes=15),
        "at_most": timedelta(days=60),
    }
    return Wait(**(values | changes))


def test_five_done_steps_make_an_active_onboarding(world):
    world.start()
    world.run_all()
    assert world.states() == [S.SUCCEEDED, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.SUCCEEDED]
    assert world.status() is OnboardingState.ACTIVE
    assert world.step("webhook").reason == "skipped: not for sms"


def test_a_done_step_makes_the_next_one_ready_in_the_same_transaction(world):
    world.start()
    assert world.run("registration") == GoOn()
    assert world.states()[:3] == [S.SUCCEEDED, S.READY, S.PENDING]


def test_a_step_whose_turn_has_not_come_is_left_alone(world):
    world.start()
    assert world.run("credential") == Stop()
    assert world.steps[2].runs == 0


def test_a_redelivered_message_of_a_done_step_lets_the_chain_go_on_without_running_it_again(world):
    world.start()
    world.run("registration")
    assert world.run("registration") == GoOn()
    assert world.steps[0].runs == 1


def test_a_wait_is_a_row_with_reason_since_deadline_and_next_look(world):
    world.script["registration"] = [wait()]
    world.start()
    assert world.run("registration") == Stop()
    row = world.step("registration")
    assert row.state == S.WAITING_VENDOR
    assert row.reason == "review is under way"
    assert row.waiting_for == "the carriers"
    assert row.waiting_since == world.time
    assert row.waiting_until == world.time + timedelta(days=60)
    assert row.due_at == world.time + timedelta(minutes=15)
    assert world.status() is OnboardingState.WAITING
    assert world.onboarding().reason == "review is under way"


def test_the_clock_of_a_wait_runs_on_over_many_looks_until_a_person_is_asked(world):
    world.script["registration"] = [wait(at_most=timedelta(days=2)) for _ in range(3)]
    world.start()
    began = world.time
    world.run("registration")
    for _ in range(2):
        world.forward(days=1)
        world.make_ready("registration")
        world.run("registration")
    row = world.step("registration")
    assert row.waiting_since == began
    assert row.state == S.WAITING_PERSON
    assert row.reason.startswith("overdue: ")


def test_another_topic_starts_another_clock(world):
    world.script["registration"] = [wait(), wait(topic="submission")]
    world.start()
    world.run("registration")
    world.forward(days=1)
    world.make_ready("registration")
    world.run("registration")
    assert world.step("registration").waiting_since == world.time


def test_a_look_at_what_is_waited_for_does_not_flicker_the_onboarding(world):
    world.script["registration"] = [wait(), wait()]
    world.start()
    world.run("registration")
    before = [kind for kind in world.events() if kind.startswith("onboarding:")]
    world.make_ready("registration")
    world.run("registration")
    assert [kind for kind in world.events() if kind.startswith("onboarding:")] == before


def test_something_that_arrives_while_the_step_runs_keeps_it_from_sleeping(world):
    def arrive(_ctx):
        assert world.signal("registration") is False
        return wait()

    world.script["registration"] = [arrive]
    world.start()
    assert world.run("registration") == TryAgain(0)
    assert world.states()[0] is S.READY


def test_a_short_passing_failure_is_retried_by_the_broker(world):
    world.script["registration"] = [Retryable("Twilio answered 503")]
    world.start()
    answer = world.run("registration")
    assert isinstance(answer, TryAgain)
    assert 1 <= answer.seconds <= 2
    row = world.step("registration")
    assert row.state == S.RETRYING
    assert row.failures == 1
    assert "Twilio answered 503; try 2" in row.reason


def test_a_long_retry_after_goes_to_the_database_and_no_early_message_overrides_it(world):
    world.script["registration"] = [RateLimited("too many requests", after=300)]
    world.start()
    assert world.run("registration") == Stop()
    assert world.step("registration").due_at >= world.time + timedelta(seconds=300)
    world.forward(seconds=200)
    assert world.run("registration") == Stop()
    assert world.steps[0].runs == 1
    world.forward(seconds=101)
    assert world.run("registration") == GoOn()


def test_success_forgets_earlier_failures(world):
    world.script["registration"] = [Retryable("reset"), Done()]
    world.start()
    world.run("registration")
    world.forward(minutes=1)
    world.run("registration")
    assert world.step("registration").failures == 0


def test_after_too_many_failures_a_person_is_asked_instead_of_trying_for_ever(world):
    world.script["registration"] = [Retryable("reset")] * (FAILURES_BEFORE_GIVING_UP + 1)
    world.start()
    for _ in range(FAILURES_BEFORE_GIVING_UP + 1):
        world.run("registration")
        world.forward(hours=2)
    row = world.step("registration")
    assert row.state == S.WAITING_PERSON
    assert "gave up" in row.reason
    assert "onboard retry" in row.reason


@pytest.mark.parametrize(
    ("raised", "state", "words"),
    [
        (NeedsPerson("wrong token", cure="correct twilio.auth_token"), S.WAITING_PERSON, "correct twilio.auth_token"),
        (Refused("number not owned", cure="buy it"), S.FAILED, "buy it"),
        (Misconfigured("ONBOARD_X is not set."), S.FAILED, "ONBOARD_X"),
        (Suspend(Failed("broken, do this")), S.FAILED, "do this"),
        (ZeroDivisionError("secret text"), S.FAILED, "internal error (ZeroDivisionError)"),
    ],
)
def test_each_kind_of_trouble_ends_in_its_state_with_a_sentence(world, raised, state, words):
    world.script["registration"] = [raised]
    world.start()
    assert world.run("registration") == Stop()
    row = world.step("registration")
    assert row.state == state
    assert words in row.reason
    assert "secret text" not in row.reason


@pytest.mark.parametrize(
    "ended",
    [
        NeedsPerson("no such sandbox", cure="correct ajo.sandbox"),
        lambda ctx: ctx.person_wait("submit the sender"),
        lambda ctx: ctx.secret("one.that_nobody_gave"),
    ],
)
@pytest.mark.parametrize(("scale", "seconds"), [(1.0, 6 * 3600), (0.01, 216)])
def test_each_wait_for_a_person_is_looked_at_again_after_6_hours_scaled(world, ended, scale, seconds):
    world.shop = replace(world.shop, settings=world.settings.model_copy(update={"wait_scale": scale}))
    world.script["registration"] = [ended]
    world.start()
    world.run("registration")
    row = world.step("registration")
    assert (row.state, row.due_at - world.time) == (S.WAITING_PERSON, timedelta(seconds=seconds))


def test_the_attempt_keeps_the_vendors_request_id(world):
    context = CallContext("twilio", "create service", status=503, request_id="RQ123")
    world.script["registration"] = [Retryable("Twilio answered 503", context=context)]
    world.start()
    world.run("registration")
    (attempt,) = world.attempts("registration")
    assert attempt.request_id == "RQ123"
    assert attempt.outcome == "retrying"
    assert attempt.finished_at is not None


def test_a_worker_that_lost_its_lease_records_nothing(world):
    def vanish(_ctx):
        world.forward(seconds=world.settings.lease_seconds + 1)
        world.sweep()
        return Done()

    world.script["registration"] = [vanish]
    world.start()
    assert world.run("registration") == Stop()
    assert world.states()[0] is S.READY
    assert world.attempts("registration")[0].outcome == "lost"


def test_a_worker_that_lost_its_lease_cannot_even_write_on_the_way(world):
    from engine.claim import LeaseLost

    def vanish(ctx):
        world.forward(seconds=world.settings.lease_seconds + 1)
        world.sweep()
        with pytest.raises(LeaseLost):
            ctx.log("test:written", "must not be stored")
        return Done()

    world.script["registration"] = [vanish]
    world.start()
    world.run("registration")
    assert "test:written" not in world.events()


@pytest.mark.parametrize("theirs", ["registration", "webhook"])
def test_who_overslept_its_lease_frees_nothing_that_waits_for_the_call_of_another(world, theirs):
    """One sleeps past its lease, another is in its call, and a person takes the step off that one too: the first wakes."""

    def sleep(_ctx):
        world.forward(seconds=world.settings.lease_seconds + 1)
        world.sweep()
        if theirs == "webhook":
            world.command("skip", "registration", by="Jo", reason="not wanted", evidence=None)
        assert world.claim(theirs) is not None
        world.command("retry", from_step="registration")
        return Done()

    world.script["registration"] = [sleep]
    world.start()
    world.record_resources(kinds.MESSAGING_SERVICE)
    assert world.run("registration") == Stop()
    assert world.step("registration").not_before is not None
    assert world.claim("registration") is None
    world.forward(seconds=world.settings.lease_seconds + 1)
    assert world.claim("registration") is not None


def calling_vendor(world, sleeps):
    """A step that sleeps, then makes something at a vendor; and what the vendor heard of it."""
    heard = []

    def answer(request):
        heard.append(world.step("registration").due_at - world.time)
        return httpx.Response(201, json={})

    http = Http(
        "Vendor",
        "http://127.0.0.1:1",
        timeout_seconds=world.settings.http_timeout_seconds,
        classify=lambda *_: AssertionError("no 4xx here"),
        client=httpx.Client(transport=httpx.MockTransport(answer)),
    )

    def act(_ctx):
        world.forward(seconds=sleeps)
        world.sweep()
        http.request("POST", "/things", operation="make a thing")
        return Done()

    world.script["registration"] = [act]
    return heard


def test_a_worker_that_overslept_its_lease_makes_nothing(world):
    heard = calling_vendor(world, world.settings.lease_seconds + 1)
    world.start()
    assert world.run("registration") == Stop()
    assert heard == []
    assert world.attempts("registration")[0].outcome == "lost"


def test_a_lease_that_would_end_during_a_call_is_extended_before_it(world):
    heard = calling_vendor(world, world.settings.lease_seconds - 1)
    world.start()
    assert world.run("registration") == GoOn()
    assert heard == [timedelta(seconds=world.settings.lease_seconds)]


@pytest.mark.parametrize(("lease", "timeout"), [(59.9, 20), (120, 40.1), (900, 20), (5000, 20)])
def test_a_lease_that_a_call_outlasts_or_that_outlasts_the_broker_is_refused(lease, timeout):
    with pytest.raises(ValidationError, match=r"ONBOARD_LEASE_SECONDS \(.*\) must be (three times|less than 900)"):
        Settings(lease_seconds=lease, http_timeout_seconds=timeout)


def test_broker_and_runner_go_by_the_times_that_the_settings_are_checked_against():
    assert app.conf.broker_transport_options["visibility_timeout"] == VISIBILITY_SECONDS > Settings().lease_seconds
    assert VISIBILITY_SECONDS > LONGEST_BROKER_DELAY_SECONDS
    assert Settings(lease_seconds=60, http_timeout_seconds=20).lease_seconds == LONGEST_CALL * 20


def test_every_write_of_a_step_extends_its_lease(world):
    def write(ctx):
        world.forward(seconds=100)
        ctx.log("test:written", "still here")
        assert world.step("registration").due_at == world.time + timedelta(seconds=world.settings.lease_seconds)
        return Done()

    world.script["registration"] = [write]
    world.start()
    assert world.run("registration") == GoOn()


def test_a_step_that_kills_its_workers_is_parked_for_a_person(world):
    world.start()
    for _ in range(5):
        world.claim("registration")
        world.forward(seconds=world.settings.lease_seconds + 1)
        world.sweep()
    row = world.step("registration")
    assert row.state == S.WAITING_PERSON
    assert "workers vanished" in row.reason


@pytest.mark.parametrize("failures", range(1, 15))
def test_backoff_doubles_with_jitter_up_to_an_hour(failures):
    delay = next_delay(failures, base_seconds=2, asked=None).total_seconds()
    ceiling = min(2 * 2 ** (failures - 1), 3600)
    assert ceiling / 2 <= delay <= ceiling


def test_retry_after_is_never_undercut():
    assert next_delay(1, base_seconds=2, asked=90).total_seconds() >= 90
