from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from cli.exits import Exit
from cli.params import caller
from cli.verify import await_verification
from engine import commands, kinds
from engine.contract import Failed, Wait
from models.states import OnboardingState, StepState
from models.tables import Verification, WebhookEvent
from tests.unit.cli_world import make_world

SUBMIT = Wait("submit", "submit it", "a person", timedelta(hours=6), timedelta(days=60), needs_person=True)
FINDING = {"severity": "error", "subject": "the key", "problem": "was deleted", "cure": "mint one"}


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def fail(world, name="acme"):
    world.start(name)
    world.script["registration"] = [Failed("refused")]
    world.run("registration", name)


def test_retry_makes_it_ready_and_wakes_it(world):
    fail(world)
    assert "onboard watch acme" in world.onboard("retry", "acme")
    assert world.status() is OnboardingState.RUNNING
    assert world.sent == [("acme", "registration")]


def test_several_are_done_and_the_impossible_named(world):
    fail(world, "ace")
    world.start("bee")
    fail(world, "cee")
    output = world.onboard("retry", "ace", "bee", "cee", code=2)
    assert "bee is at work already" in output
    assert world.sent == [("ace", "registration"), ("cee", "registration")]


def test_an_unknown_name_does_not_keep_the_others_from_it(world):
    fail(world, "ace")
    assert "did you mean 'ace'?" in world.onboard("retry", "acc", "ace", code=4)
    assert world.status("ace") is OnboardingState.RUNNING


def test_pause_and_resume(world):
    world.start()
    world.onboard("pause", "acme")
    assert world.status() is OnboardingState.PAUSED
    world.onboard("resume", "acme")
    assert world.status() is OnboardingState.RUNNING
    assert world.sent == [("acme", "registration")]
    assert "not paused" in world.onboard("resume", "acme", code=2)


def test_cancel_ends_it_once(world):
    world.start()
    world.onboard("cancel", "acme", "--yes")
    assert world.status() is OnboardingState.CANCELLED
    assert "cancelled already" in world.onboard("cancel", "acme", "--yes", code=2)


def test_verify_needs_an_active_onboarding(world):
    world.start()
    assert "only an active or degraded" in world.onboard("verify", "acme", code=2)
    world.run_all()
    world.onboard("verify", "acme")
    assert world.sent == [("acme", "verification")]


def test_verify_waits_and_prints_what_was_found(world, capsys):
    world.start()
    world.run_all()
    world.onboard("verify", "acme")

    def finish(_seconds):
        with world.db.begin() as connection:
            connection.execute(update(Verification).values(state="failed", findings=[FINDING]))

    with world.source() as source:
        assert await_verification(source, "acme", deadline_seconds=None, pause=finish) == 1
    assert "the key was deleted\n    -> mint one" in capsys.readouterr().out


def test_verify_ends_when_a_person_is_needed_or_the_time_is_over(world):
    world.start()
    world.run_all()
    world.onboard("verify", "acme")
    with world.source() as source, pytest.raises(Exit, match="no result after 0 s"):
        await_verification(source, "acme", deadline_seconds=0)
    world.script["verification"] = [SUBMIT]
    world.run("verification")
    with world.source() as source:
        assert await_verification(source, "acme", deadline_seconds=None) == 3


def test_a_broker_that_is_away_is_said_once_and_is_no_failure(world):
    fail(world, "ace")
    fail(world, "bee")
    world.is_broker_away = True
    assert world.onboard("retry", "ace", "bee").count("The broker does not answer") == 1


def lines(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def three(world):
    """One failed, one at work, one paused."""
    fail(world, "ace")
    world.start("bee", channel="rcs")
    world.start("cee")
    world.command("pause", name="cee")


def test_all_shows_whom_it_touches_and_whom_it_leaves_out_and_sums_up(world):
    three(world)
    world.start("dee")
    output = world.onboard("pause", "--all", "--yes")
    assert "To pause: 2 onboardings (bee, dee). Left out: 1 failed, 1 paused." in output
    assert "2 done" in output
    assert [world.status(name) for name in ("ace", "bee", "cee", "dee")] == [
        OnboardingState.FAILED,
        *[OnboardingState.PAUSED] * 3,
    ]


def test_conditions_choose_by_any_of_their_fields(world):
    three(world)
    world.onboard("cancel", "--where", "channel=sms", "--where", "name=?ee", "--yes")
    assert [world.status(name) is OnboardingState.CANCELLED for name in ("ace", "bee", "cee")] == [False, False, True]
    world.onboard("cancel", "--where", "step=registration", "--where", "status=failed", "--yes")
    assert world.status("ace") is OnboardingState.CANCELLED


def test_nobody_is_touched_where_nobody_can_be_asked(world):
    three(world)
    assert "add --yes" in world.onboard("resume", "--all", code=2)
    assert world.status("cee") is OnboardingState.PAUSED


def test_a_person_is_asked_and_may_say_no(world, monkeypatch):
    three(world)
    monkeypatch.setattr("settings.is_interactive", lambda: True)
    asked = []
    monkeypatch.setattr("click.confirm", lambda question, **_: asked.append(question))
    world.onboard("retry", "--where", "status=failed")
    assert asked == ["Retry it?"]
    assert world.status("ace") is OnboardingState.RUNNING


def test_retry_of_all_leaves_what_was_cancelled_unless_it_is_asked_for(world):
    three(world)
    world.command("cancel", name="ace")
    assert "Nothing to retry; left out: 1 cancelled, 1 paused, 1 running." in world.onboard("retry", "--all", "--yes")
    world.onboard("retry", "--where", "status=cancelled", "--yes")
    assert world.status("ace") is OnboardingState.RUNNING


def test_one_that_fails_keeps_no_other_from_it_and_json_has_an_object_for_each(world, monkeypatch):
    for name in ("ace", "bee", "cee"):
        world.start(name)
        world.run_all(name)
    world.command("verify", name="bee", sends_message=False)
    output = world.onboard("verify", "--where", "status=active", "--yes", "--json", code=2)
    assert [(row["name"], row["result"]) for row in lines(output)] == [
        ("ace", "done"),
        ("bee", "not possible"),
        ("cee", "done"),
    ]
    assert "under way" in lines(output)[1]["message"]
    assert world.sent == [("ace", "verification"), ("cee", "verification")]


def test_what_was_done_before_the_database_went_away_is_woken(world, monkeypatch):
    fail(world, "ace")
    fail(world, "bee")
    fail(world, "cee")
    retry = commands.retry

    def away_for_bee(connection, catalogue, name, **options):
        if name == "bee":
            raise OperationalError("UPDATE step", {}, Exception("database is locked"))
        return retry(connection, catalogue, name, **options)

    monkeypatch.setattr(commands, "retry", away_for_bee)
    output = world.onboard("retry", "--all", "--yes", code=1)
    assert "bee: the database did not answer" in output
    assert "2 done, 1 failed" in output
    assert world.sent == [("ace", "registration"), ("cee", "registration")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pause"], "name the onboardings"),
        (["pause", "ace", "--all"], "not both"),
        (["pause", "--where", "colour=red"], "no field 'colour'; there are: status"),
        (["pause", "--where", "status=broken"], "status is never 'broken'"),
        (["pause", "--where", "status"], "not FIELD=VALUE"),
        (["verify", "--all", "--wait"], "--wait is for one NAME"),
        (["pause", "ace", "--by", " "], "it is empty"),
        (["skip", "ace", "channel", "--by", "", "--reason", "x"], "it is empty"),
    ],
)
def test_a_choice_that_cannot_be_is_explained(world, arguments, sentence):
    assert sentence in " ".join(world.onboard(*arguments, code=2).split())


def test_who_asked_is_in_the_events(world):
    world.start()
    world.onboard("pause", "acme", "--by", "Jo Doe")
    assert "Jo Doe paused it" in world.onboard("events", "acme")
    world.onboard("resume", "acme")
    asked = lines(world.onboard("events", "acme", "--json"))
    (resumed,) = [event for event in asked if event["kind"] == "onboarding:resumed"]
    assert resumed["details"]["actor"] == caller()
    assert "@" in caller()


def test_retry_from_a_step_runs_what_is_done_again(world):
    world.start()
    world.run_all()
    assert "--from STEP" in world.onboard("retry", "acme", code=2)
    world.onboard("retry", "acme", "--from", "channel")
    assert world.states()[2:] == [StepState.SUCCEEDED, StepState.READY, StepState.PENDING]
    assert world.sent == [("acme", "channel")]


def test_a_step_skipped_by_hand_is_seen_in_show_explain_and_events(world):
    world.start()
    for step in ("registration", "webhook", "credential"):
        world.run(step)
    arguments = ("--by", "Jo Doe", "--reason", "the agency keeps it", "--evidence", "TICKET-7")
    assert "channel is skipped, by Jo Doe" in world.onboard("skip", "acme", "channel", *arguments)
    assert world.sent == [("acme", "verification")]
    world.run("verification")
    for command in ("show", "explain", "events"):
        assert "skipped by Jo Doe: the agency keeps it; evidence: TICKET-7" in world.onboard(command, "acme")
    things = world.json("explain", "acme")["things"]
    assert [(thing["kind"], thing["who"]) for thing in things] == [("active", "onboard"), ("by_hand", "Jo Doe")]


def test_a_step_marked_done_needs_evidence_and_what_later_steps_need(world):
    fail(world)
    assert "Missing option '--evidence'" in world.onboard("mark-done", "acme", "registration", "--by", "Jo", code=2)
    arguments = ("acme", "registration", "--by", "Jo", "--evidence", "a letter")
    assert "onboard explain acme" in world.onboard("mark-done", *arguments, code=2)
    world.record_resources(kinds.MESSAGING_SERVICE)
    world.onboard("mark-done", *arguments)
    assert world.step("registration").state is StepState.SUCCEEDED
    assert world.sent == [("acme", "webhook")]
    assert "proof itself" in world.onboard("mark-done", "acme", "verification", *arguments[2:], code=2)


def test_explain_says_each_thing_and_suggests_the_nearest_name(world):
    world.start()
    world.script["registration"] = [SUBMIT]
    world.run("registration")
    world.add(
        WebhookEvent,
        kind="status",
        message_sid="SM1",
        dedupe_key="1",
        payload={},
        received_at=world.time,
        forward_state="parked",
    )
    output = world.onboard("explain", "acme")
    assert "It has waited for a person for" in output
    assert "onboard inbox replay --parked acme" in output
    assert [thing["kind"] for thing in world.json("explain", "acme")["things"]] == ["wait", "events_parked"]
    assert "did you mean 'acme'?" in world.onboard("explain", "acne", code=4)


def test_the_list_takes_the_same_filters(world):
    three(world)
    assert [one["name"] for one in world.json("list", "--name", "?ee", "--channel", "sms")["onboardings"]] == ["cee"]
    assert world.json("list", "--overdue")["onboardings"] == []
    assert len(world.json("list", "--step", "registration", "--brand", "Acme Coffee")["onboardings"]) == 3
