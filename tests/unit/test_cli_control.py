from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from cli.exits import Exit
from cli.verify import await_verification
from engine.contract import Failed, Wait
from models.states import OnboardingState
from models.tables import Verification
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
    assert "the key was deleted -> mint one" in capsys.readouterr().out


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
