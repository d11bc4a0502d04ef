"""Why checks have failed, in full and in short, and how findings look."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from engine.contract import Finding
from engine.reasons import in_short, reason_of
from models.states import OnboardingState
from models.tables import Onboarding, Verification
from tests.unit.cli_world import make_world

IN_LINE = "onboard did not make it and does not change it"
FIELDS = [
    Finding("credential Acme", f"{name} is A, wanted B", IN_LINE, key=f"credential/{name}")
    for name in ("name", "sender", "url")
]
GONE = Finding("the key", "does not exist any more", "mint one", key="key/exists")
LOST = Finding("test message", "was not delivered", "switch the handset on")


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def test_problems_come_first_and_their_cure_once():
    fields = "name is A, wanted B; sender is A, wanted B; url is A, wanted B"
    assert reason_of(FIELDS) == f"3 differences: credential Acme: {fields}: {IN_LINE}"
    assert reason_of([GONE]) == "the key does not exist any more: mint one"
    assert reason_of([FIELDS[0], LOST]).startswith("2 findings: credential Acme: name is A, wanted B: onboard")


def test_a_list_has_their_number_and_where_they_are():
    assert in_short(reason_of(FIELDS), "acme") == "3 differences: `onboard drift acme`"
    assert in_short("taken over; " + reason_of([GONE, LOST]), "acme") == "taken over; 2 findings: `onboard show acme`"
    assert in_short(reason_of([LOST]), "acme") == reason_of([LOST])


def test_list_and_show_say_a_cure_once(world):
    world.start()
    reason = reason_of(FIELDS)
    findings = [finding.as_json() for finding in FIELDS]
    run = {"trigger": "schedule", "sends_message": False, "state": "failed", "requested_at": world.time}
    for _ in range(2):
        world.add(Verification, **run, findings=findings)
    with world.db.begin() as connection:
        connection.execute(update(Onboarding).values(status=OnboardingState.DEGRADED, reason=reason))
    assert "3 differences: `onboard drift acme`" in world.onboard("list")
    assert IN_LINE not in world.onboard("list")
    shown = world.onboard("show", "acme")
    assert shown.count(IN_LINE) == 1
    assert "✘ credential Acme: sender is A, wanted B" in shown
    assert "the same as before" in shown
    assert world.onboard("explain", "acme").count(IN_LINE) == 1
