from __future__ import annotations

import pytest

from models.states import OnboardingState, StepState
from tests.unit.cli_world import TOKEN, make_world

FIELDS = [
    {"label": "Name", "value": "acme inbound"},
    {"label": "Payload", "value": '{\n  "from": "{{From}}"\n}'},
    {"label": "API Token", "secret": "twilio.auth_token"},
]


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = make_world(tmp_path, monkeypatch).migrate()
    ask(world, "acme")
    return world


def ask(world, name):
    world.start(name)
    world.script["registration"] = [
        lambda ctx: ctx.ask_person(
            "inbound-webhook", title="Create the webhook", place="AJO > Channels", fields=FIELDS, bring_back=["url"]
        )
    ]
    world.run("registration", name)


def test_a_task_says_where_what_and_how_to_go_on(world):
    output = world.onboard("tasks")
    assert "Create the webhook" in output
    assert "AJO > Channels" in output
    assert "acme inbound" in output
    assert '\n  "from": "{{From}}"\n' in output
    assert "onboard done acme inbound-webhook --value url=" in output


def test_secrets_are_shown_only_on_demand_and_that_is_recorded(world):
    assert TOKEN not in world.onboard("tasks", "acme") + world.onboard("tasks", "--json")
    assert "secret:revealed" not in world.events()
    assert TOKEN in world.onboard("tasks", "acme", "--reveal")
    assert world.events()[-1] == "secret:revealed"
    assert TOKEN not in world.onboard("events", "acme", "--json")


def test_reveal_needs_a_name(world):
    assert "needs the NAME" in world.onboard("tasks", "--reveal", code=2)


def test_done_records_who_and_wakes_the_step(world):
    world.onboard("done", "acme", "inbound-webhook", "--value", "url=https://ajo.example/1?a=b", "--by", "Jo Doe")
    assert world.step("registration").state is StepState.READY
    assert world.sent == [("acme", "registration")]
    assert "Create the webhook, by Jo Doe" in world.onboard("events", "acme")
    assert "No operator task is open." in world.onboard("tasks")


def test_what_was_not_brought_back_is_named(world):
    assert "--value url=" in world.onboard("done", "acme", "inbound-webhook", code=2)
    assert world.step("registration").state is StepState.WAITING_PERSON


def test_what_is_not_asked_for_is_refused(world):
    output = world.onboard("done", "acme", "inbound-webhook", "--value", "ulr=https://ajo.example/1", code=2)
    assert "does not ask for ulr; it asks for url" in output


def test_an_unknown_key_names_those_that_are_open(world):
    assert "open are: inbound-webhook" in world.onboard("done", "acme", "inbound", code=2)


def test_a_value_without_a_name_is_refused(world):
    assert "is not NAME=VALUE" in world.onboard("done", "acme", "inbound-webhook", "--value", "https://a", code=2)


def test_unknown_onboardings_are_suggested(world):
    assert "did you mean 'acme'?" in world.onboard("tasks", "acmee", code=4)
    assert "did you mean 'acme'?" in world.onboard("done", "acmee", "inbound-webhook", code=4)


def test_tasks_of_one_leave_out_those_of_others(world):
    ask(world, "bistro")
    assert [task["onboarding"] for task in world.json("tasks", "bistro")] == ["bistro"]
    assert [task["onboarding"] for task in world.json("tasks")] == ["acme", "bistro"]
    assert world.status("bistro") is OnboardingState.WAITING
