"""``onboard adopt``: what it says and how it ends; what it finds: tests/integration/test_adopt.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import kinds
from engine.adopt import Found, Look
from engine.contract import Finding
from models.states import OnboardingState
from providers.errors import Retryable
from tasks.process import forget_workshop
from tests.unit.cli_world import make_world

SERVICE = Found("registration", kinds.MESSAGING_SERVICE, "Acme", "MG1")
CREDENTIAL = Found("credential", kinds.CREDENTIAL, "acme credential", "acme credential", declared_by="Jo Doe")
GONE = Finding("AJO channel configuration acme_config", "does not exist", "`onboard retry acme` sees to it")


@pytest.fixture
def world(tmp_path, monkeypatch):
    forget_workshop()
    world = make_world(tmp_path, monkeypatch).migrate()
    world.look = Look([SERVICE, CREDENTIAL], [], "Jo Doe")
    monkeypatch.setattr("tasks.adoption.find_objects", lambda *_, **__: world.look)
    # The steps' own looks need vendors.
    monkeypatch.setattr("engine.adopt._observed", lambda *_: [])
    yield world
    forget_workshop()


def test_what_agrees_is_active_and_says_whose_word_it_is(world):
    shown = world.onboard("adopt", world.write_spec(), "--by", "Jo Doe")
    assert "Twilio messaging service Acme (MG1)" in shown
    assert "declared by Jo Doe: nothing public shows it" in shown
    assert world.status() is OnboardingState.ACTIVE
    assert world.sent == []
    assert "is here already" in world.onboard("adopt", world.write_spec(), code=2)


def test_what_differs_is_degraded_and_exit_1(world):
    world.look.missing.append(GONE)
    answer = world.json("adopt", world.write_spec(), code=1)
    assert (answer["status"], answer["findings"]) == ("degraded", [GONE.as_json()])
    assert "taken over; AJO channel configuration acme_config" in world.onboarding().reason
    assert "It was active, and its checks have failed" in world.onboard("explain", "acme")


def test_a_dry_run_takes_nothing_over(world):
    shown = world.onboard("adopt", world.write_spec(), "--dry-run")
    assert "Nothing was taken over." in shown
    world.look.missing.append(GONE)
    shown = world.onboard("adopt", world.write_spec(), "--dry-run", code=1)
    assert "does not exist\n    -> `onboard retry acme` sees to it" in shown
    assert "Nothing was taken over." in shown
    assert world.json("list")["onboardings"] == []


def test_a_dry_run_says_what_the_steps_see_and_ends_as_the_real_one_would(world, monkeypatch):
    changed = Finding("AJO credential acme credential", "message_sid is MG2, wanted MG1", "bring both in line")
    monkeypatch.setattr("engine.adopt._observed", lambda _, step: [changed] if step.name == "credential" else [])
    rehearsed = world.json("adopt", world.write_spec(), "--dry-run", code=1)
    assert (rehearsed["findings"], rehearsed["status"]) == ([changed.as_json()], None)
    assert world.json("adopt", world.write_spec(), code=1)["findings"] == rehearsed["findings"]
    assert "acme is here already" in world.onboard("adopt", world.write_spec(), "--dry-run", code=2)


def test_a_dry_run_needs_no_database(tmp_path, monkeypatch):
    forget_workshop()
    world = make_world(tmp_path, monkeypatch)
    monkeypatch.setattr("tasks.adoption.find_objects", lambda *_, **__: Look([SERVICE], [], "Jo Doe"))
    monkeypatch.setattr("engine.adopt._observed", lambda *_: [])
    before = sorted(tmp_path.rglob("*"))
    file = world.write_spec()
    assert "Nothing was taken over." in world.onboard("adopt", file, "--dry-run")
    assert {path.name for path in set(tmp_path.rglob("*")) - set(before)} == {Path(file).name}


def test_a_dry_run_that_a_vendor_does_not_answer_says_that_there_may_be_more(world, monkeypatch):
    def unwell(*_):
        raise Retryable("Twilio answered 503")

    monkeypatch.setattr("engine.adopt._observed", unwell)
    shown = " ".join(world.onboard("adopt", world.write_spec(), "--dry-run", code=1).split())
    assert "a vendor did not answer, so there may be more differences." in shown


def test_without_an_answer_or_an_object_nothing_is_taken_over(world, monkeypatch):
    world.look.found.clear()
    assert "nothing of acme is there" in world.onboard("adopt", world.write_spec(), code=2)
    assert "nothing of acme is there" in world.onboard("adopt", world.write_spec(), "--dry-run", code=2)

    def unwell(*_, **__):
        raise Retryable("Twilio answered 503 to list messaging services")

    monkeypatch.setattr("tasks.adoption.find_objects", unwell)
    assert "nothing was taken over: Twilio answered 503" in world.onboard("adopt", world.write_spec(), code=1)
    assert world.json("list")["onboardings"] == []
