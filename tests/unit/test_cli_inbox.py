from __future__ import annotations

import pytest
from sqlalchemy import insert

from engine.clock import now
from models.states import ForwardState
from models.tables import WebhookEvent
from tests.unit.cli_world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = make_world(tmp_path, monkeypatch).migrate()
    world.start("acme")
    world.start("bistro")
    add(world, "acme", "SM1", "sent", state=ForwardState.FORWARDED)
    add(
        world,
        "acme",
        "SM1",
        "delivered",
        state=ForwardState.PARKED,
        error="AJO answered 400: clientReference is missing",
    )
    add(world, "acme", "SM2", "sent", state=ForwardState.PENDING)
    add(world, "bistro", "SM3", "read", state=ForwardState.NOT_NEEDED)
    world.woken = []
    monkeypatch.setattr("tasks.inbox.send_forwards", world.woken.extend)
    return world


def add(world, name, sid, status, *, state, error=None):
    onboarding_id = world.onboarding(name).id
    with world.db.begin() as connection:
        connection.execute(
            insert(WebhookEvent).values(
                onboarding_id=onboarding_id,
                kind="status",
                message_sid=sid,
                dedupe_key=f"{sid}:{status}",
                payload={"MessageSid": sid, "MessageStatus": status, "To": "+12125550123"},
                received_at=now(),
                forward_state=state,
                forward_due_at=now() if state is ForwardState.PENDING else None,
                forward_tries=2,
                forward_error=error,
            )
        )


def test_the_list_shows_where_each_event_is_and_what_ajo_said(world):
    output = world.onboard("inbox", "list")
    lines = output.splitlines()
    assert len(lines) == 5
    assert "bistro" in lines[1]
    assert "AJO answered 400: clientReference is missing" in output
    parked = world.onboard("inbox", "list", "acme", "--state", "parked")
    assert [line.split()[0] for line in parked.splitlines()[1:]] == ["2"]


def test_one_event_is_shown_as_it_came(world):
    output = world.onboard("inbox", "show", "2")
    for shown in ("parked", "MessageStatus          delivered", "clientReference is missing"):
        assert shown in output


def test_parked_events_are_sent_again_and_their_onboarding_is_woken(world):
    assert "1 event on the way to AJO again" in world.onboard("inbox", "replay", "--parked", "acme")
    assert [name for _, name in world.woken] == ["acme"]
    assert "No event is like that." in world.onboard("inbox", "list", "--state", "parked")
    assert "no event is parked" in world.onboard("inbox", "replay", "--parked", "acme")


def test_an_event_on_its_way_can_be_parked_and_one_that_arrived_cannot(world):
    assert "event 3 is parked" in world.onboard("inbox", "park", "3", "--reason", "test traffic")
    assert "test traffic" in world.onboard("inbox", "show", "3")
    assert "forwarded, not on its way" in world.onboard("inbox", "park", "1", code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "99"), 4, "there is no event 99"),
        (("replay", "99"), 4, "there is no event 99"),
        (("replay",), 2, "--parked NAME"),
        (("replay", "1", "--parked", "acme"), 2, "--parked NAME"),
        (("list", "acne"), 4, "did you mean 'acme'"),
    ],
)
def test_a_wrong_call_gets_a_sentence_and_its_code(world, arguments, code, words):
    assert words in world.onboard("inbox", *arguments, code=code)
