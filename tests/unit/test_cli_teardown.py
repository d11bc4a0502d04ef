"""``onboard teardown``: the plan first, then the name, then it begins."""

from __future__ import annotations

import json

import pytest

import settings as settings_module
from engine import kinds
from models.states import OnboardingState
from models.tables import Resource
from providers.errors import Retryable
from tasks.process import forget_workshop
from tests.unit.cli_world import make_world

SERVICE = {
    "step": "registration",
    "vendor": "twilio",
    "kind": kinds.MESSAGING_SERVICE,
    "name": "Acme",
    "external_id": "MG1",
    "state": "present",
    "provenance": "adopted",
    "details": {},
}


@pytest.fixture
def world(tmp_path, monkeypatch):
    forget_workshop()
    world = make_world(tmp_path, monkeypatch).migrate()
    world.start()
    world.add(Resource, **SERVICE, intended_at=world.time)
    yield world
    forget_workshop()


def test_the_plan_is_shown_and_nothing_is_done(world):
    shown = " ".join(world.onboard("teardown", "acme", "--dry-run").split())
    assert "= keep Twilio messaging service Acme (MG1): adopted: it was there before onboard came" in shown
    assert "Numbers stay in the account" in shown
    plan = world.json("teardown", "acme", "--dry-run")
    assert [each["fate"] for each in plan["removals"]] == ["keep"]
    assert world.status() is OnboardingState.RUNNING


def test_without_a_terminal_it_wants_yes(world):
    assert "add --yes" in world.onboard("teardown", "acme", code=2)
    assert world.status() is OnboardingState.RUNNING
    answer = json.loads(world.onboard("teardown", "acme", "--yes", "--json"))
    assert answer["result"] == "begun"
    assert world.status() is OnboardingState.TEARING_DOWN
    assert world.sent == [("acme", "verification")]
    assert "is being taken down already" in world.onboard("teardown", "acme", "--yes", code=2)


@pytest.mark.parametrize(("typed", "code"), [("acne", 2), ("", 2), ("acme", 0)])
def test_only_its_name_begins_it(world, monkeypatch, typed, code):
    monkeypatch.setattr(settings_module, "is_interactive", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: typed)
    shown = world.onboard("teardown", "acme", code=code)
    assert ("nothing was changed" in shown) == bool(code)
    assert (world.status() is OnboardingState.TEARING_DOWN) == (not code)


def test_many_are_taken_down_each_with_its_result(world):
    world.start("bistro")
    world.start("cinema")
    assert "add --yes" in world.onboard("teardown", "acme", "bistro", code=2)
    assert "add --yes" in world.onboard("teardown", "--where", "name=b*", code=2)
    lines = world.onboard("teardown", "acme", "bistro", "nobody", "--yes", "--json", code=4).splitlines()
    assert [(json.loads(line)["name"], json.loads(line)["result"]) for line in lines] == [
        ("acme", "done"),
        ("bistro", "done"),
        ("nobody", "unknown"),
    ]
    assert world.sent == [("acme", "verification"), ("bistro", "verification")]
    shown = world.onboard("teardown", "--all", "--yes")
    assert "To take down: 1 onboarding (cinema). Left out: 2 tearing down." in shown
    assert "name one" in world.onboard("teardown", "--all", "--dry-run", code=2)


def test_what_cannot_be_is_refused_with_a_sentence(world):
    assert "there is no onboarding 'acne'; did you mean 'acme'?" in world.onboard("teardown", "acne", "--yes", code=4)
    assert "no rcs-sender to keep" in world.onboard("teardown", "acme", "--keep", "rcs-sender", "--yes", code=2)
    assert "Invalid value for '--keep'" in world.onboard("teardown", "acme", "--keep", "key", code=2)


def test_what_is_taken_down_and_what_was_are_told_by_every_view(world):
    world.onboard("teardown", "acme", "--yes")
    for step in ("verification", "channel"):
        world.run(step)
    assert "It is being taken down and is at credential: 2 of 5 steps are done" in world.onboard("explain", "acme")
    assert "✔ removed" in world.onboard("show", "acme")
    (one,) = world.json("list", "--step", "credential")["onboardings"]
    assert (one["status"], one["step"]) == ("tearing_down", "credential")
    for step in ("credential", "webhook", "registration"):
        world.run(step)
    assert "It was taken down" in world.onboard("show", "acme")
    assert "removed already" in world.onboard("teardown", "acme", "--yes", code=2)
    assert world.onboard("watch", "acme")
    pack = str(world.home.parent / "acme.zip")
    world.onboard("evidence", "acme", "-o", pack)
    world.onboard("evidence", "check", pack)


class Away:
    """Vendors none of which answers."""

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        raise Retryable("Twilio cannot be reached")


def test_a_plan_whose_vendor_could_not_be_read_is_no_clean_dry_run(world, monkeypatch):
    world.start("bistro")
    world.add(Resource, "bistro", **SERVICE | {"external_id": "MG2", "provenance": "created"}, intended_at=world.time)
    monkeypatch.setattr("tasks.vendors.OnboardingVendors", Away)
    said = world.onboard("teardown", "bistro", "--dry-run", code=1)
    assert "not looked at: Twilio cannot be reached" in said
    assert said.endswith("1 object was not looked at, as said above: the plan is only what is recorded of it.\n")
    assert "not looked at" not in world.onboard("teardown", "acme", "--dry-run"), "what is kept need not be looked at"


@pytest.mark.parametrize(("typed", "code"), [("y", 2), ("acme", 2), ("", 2), ("2", 0)])
def test_many_begin_only_by_their_number_after_what_is_by_hand_was_shown(world, monkeypatch, typed, code):
    world.start("bistro", channel="rcs")
    sender = {"kind": kinds.RCS_SENDER, "name": "rcs:bistro", "external_id": "XE1", "provenance": "created"}
    world.add(Resource, "bistro", **SERVICE | sender, intended_at=world.time)
    monkeypatch.setattr(settings_module, "is_interactive", lambda: True)
    monkeypatch.setattr("tasks.vendors.OnboardingVendors", Away)
    asked = []
    monkeypatch.setattr("click.prompt", lambda text, **_: asked.append(text) or typed)
    shown = world.onboard("teardown", "--where", "sandbox=prod", code=code)
    assert asked == ["To take these 2 down, type how many"]
    assert "1 to keep" in shown
    assert "Twilio RCS sender rcs:bistro (XE1)" in shown
    assert (world.status("bistro") is OnboardingState.TEARING_DOWN) == (not code)


def test_one_that_was_chosen_by_where_has_its_name_typed(world, monkeypatch):
    monkeypatch.setattr(settings_module, "is_interactive", lambda: True)
    monkeypatch.setattr("click.prompt", lambda text, **_: "acme" if "its name" in text else "1")
    assert "Numbers stay in the account" in world.onboard("teardown", "--all")
    assert world.status() is OnboardingState.TEARING_DOWN
