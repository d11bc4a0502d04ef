from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from engine.context import StepContext
from engine.queries import began_at, last_verification, open_tasks, read_events, read_onboarding, to_json
from models.states import Provenance
from models.tables import Message, Verification
from tests.unit.cli_world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def ask(ctx: StepContext):
    ctx.check("account.active", is_met=True)
    ctx.record("ajo_credential", vendor="ajo", name="acme", external_id="C1", provenance=Provenance.ADOPTED)
    fields = [{"label": "Name", "value": "acme"}, {"label": "Token", "secret": "twilio.auth_token"}]
    return ctx.ask_person("inbound-webhook", title="Create it", place="AJO", fields=fields, bring_back=["url"])


def detail(world, name="acme"):
    with world.fetching() as fetch:
        return read_onboarding(fetch, name)


def test_an_unknown_name_is_none(world):
    assert detail(world) is None


def test_one_onboarding_is_shown_whole(world):
    world.start()
    world.script["registration"] = [ask]
    world.run("registration")
    found = detail(world)
    assert [step.name for step in found.summary.steps] == [step.name for step in world.steps]
    assert [(row["kind"], row["provenance"]) for row in found.resources] == [("ajo_credential", "adopted")]
    assert [(row["key"], row["state"]) for row in found.checklist] == [("account.active", "met")]
    assert [(row["key"], row["bring_back"]) for row in found.tasks] == [("inbound-webhook", ["url"])]
    assert [(row["step"], row["number"], row["outcome"]) for row in found.attempts] == [
        ("registration", 1, "waiting_person")
    ]
    assert found.summary.needs_person


def test_a_step_began_with_its_first_try_since_it_was_last_done(world):
    world.start()
    start = world.time
    world.script["registration"] = [ask, ask]
    world.run("registration")
    world.time += timedelta(days=28)
    for _ in range(2):
        world.make_ready("registration")
        world.run("registration")
    found = detail(world)
    step = found.summary.steps[0]
    assert (step.state, step.attempts, step.started_at) == ("succeeded", 3, start + timedelta(days=28))
    assert began_at(step, found.attempts) == start
    world.command("retry", from_step="registration")
    found = detail(world)
    assert began_at(found.summary.steps[0], found.attempts) is None
    world.run("registration")
    found = detail(world)
    assert began_at(found.summary.steps[0], found.attempts) == world.time


def test_messages_and_findings_belong_to_it(world):
    world.start()
    world.start("other")
    finding = {"severity": "error", "subject": "sender", "problem": "is gone", "cure": "make it"}
    world.add(
        Verification, trigger="first", sends_message=True, state="failed", requested_at=world.time, findings=[finding]
    )
    world.add(
        Message,
        client_reference="onb-1",
        recipient="+12125550123",
        body="Hello",
        status="sent",
        created_at=world.time,
        updated_at=world.time,
    )
    found = detail(world)
    assert [(run["sends_message"], run["findings"]) for run in found.verifications] == [(True, [finding])]
    assert [row["recipient"] for row in found.messages] == ["+12125550123"]
    assert detail(world, "other").messages == []
    with world.fetching() as fetch:
        assert last_verification(fetch, found.summary.id)["state"] == "failed"


def test_it_serialises_with_iso_times_and_without_secrets(world):
    world.start()
    world.script["registration"] = [ask]
    world.run("registration")
    text = json.dumps(to_json(detail(world)))
    plain = json.loads(text)
    assert datetime.fromisoformat(plain["created_at"]) == world.time
    assert (plain["step"], plain["needs_person"]) == ("registration", True)
    assert "t0ken" not in text
    assert "s3cret" not in text
    assert world.onboarding().endpoint_token not in text


def test_values_that_people_brought_back_keep_their_names():
    assert to_json({"id": 7, "details": {"id": "CF1"}}) == {"details": {"id": "CF1"}}


def test_events_are_the_newest_in_the_order_they_happened(world):
    world.start()
    world.run("registration")
    with world.fetching() as fetch:
        everything = read_events(fetch, world.onboarding().id)
        newest = read_events(fetch, world.onboarding().id, limit=2)
        later = read_events(fetch, world.onboarding().id, behind=everything[-2]["id"])
    assert [event["kind"] for event in everything] == world.events()
    assert newest == everything[-2:]
    assert later == everything[-1:]


def test_events_are_chosen_by_step_and_time(world):
    world.start()
    world.run("registration")
    world.forward(hours=1)
    begun = world.time
    world.run("webhook")
    with world.fetching() as fetch:
        onboarding_id = world.onboarding().id
        recent = read_events(fetch, onboarding_id, since=begun)
        earlier = read_events(fetch, onboarding_id, since=begun - timedelta(hours=2), limit=1)
        of_webhook = read_events(fetch, onboarding_id, step="webhook")
    assert {event["at"] for event in recent} == {begun}
    assert len(earlier) == 1
    assert {event["step"] for event in of_webhook} == {"webhook"}


def test_tasks_of_all_leave_out_what_is_paused_but_its_own_list_shows_them(world):
    for name in ("ace", "bee"):
        world.start(name)
        world.script["registration"] = [ask]
        world.run("registration", name)
    world.command("pause", name="bee")
    with world.fetching() as fetch:
        assert [task["onboarding"] for task in open_tasks(fetch)] == ["ace"]
        assert [task["onboarding"] for task in open_tasks(fetch, "bee")] == ["bee"]
