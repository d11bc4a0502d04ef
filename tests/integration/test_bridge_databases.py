"""The bridge's own SQL, on both databases: JSON documents as tables, and what callbacks said before a message was known."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from engine import bridge
from engine.arrivals import Arrival, store
from models.states import ForwardState
from models.tables import BridgeMessage, WebhookEvent
from tests.unit.engine_world import EngineWorld


@pytest.fixture
def world(database_url, tmp_path):
    world = EngineWorld(database_url or f"sqlite:///{tmp_path / 'bridge.sqlite3'}")
    world.start()
    yield world
    world.db.dispose()


def wanted(world, *references):
    return [bridge.Wanted(world.onboarding().id, one, "+12125550123", "f" * 64) for one in references]


def announce(world, *references):
    messages = wanted(world, *references)
    with world.db.begin() as connection:
        return bridge.announce(connection, messages, at=world.time)


def said(world, sid, forward_state, **params):
    values = {"onboarding_id": world.onboarding().id, "kind": "status", "message_sid": sid, "forward_tries": 0}
    values |= {"dedupe_key": f"{sid}{params}", "payload": params, "received_at": world.time}
    with world.db.begin() as connection:
        connection.execute(insert(WebhookEvent).values(forward_state=forward_state, **values))


def test_of_references_that_are_partly_known_the_new_ones_are_noted_once(world):
    # A text that looks like a number, or like JSON, stays what it is.
    assert [noted.client_reference for noted in announce(world, "007", "[1]")] == ["007", "[1]"]
    again = announce(world, "007", "7", "7", "it's {sid}")
    assert [noted.client_reference if noted else None for noted in again] == [None, "7", None, "it's {sid}"]
    messages = wanted(world, "7", "007")
    with world.db.begin() as connection:
        intents = bridge.judge(connection, messages, at=world.time, call_seconds=40)
    assert [(one.task, one.noted.client_reference) for one in intents] == [
        (bridge.Task.WAIT, "7"),
        (bridge.Task.WAIT, "007"),
    ]
    assert intents[0].noted == again[1]


def test_an_accepted_message_is_as_far_as_the_latest_callback_that_was_applied_before(world):
    one, two, three, four = announce(world, "1", "2", "3", "4")
    for status in ("sent", "delivered", "sending"):
        said(world, "SM2", ForwardState.FORWARDED, MessageStatus=status)
    said(world, "SM3", ForwardState.PENDING, SmsStatus="hovering_over_the_handset_for_a_while")
    said(world, "SM4", ForwardState.ARRIVED, MessageStatus="delivered")
    with world.db.begin() as connection:
        bridge.accepted(connection, [(four, "SM4"), (one, "SM1"), (three, "SM3"), (two, "SM2")])
        # Of two answers about one message the first counts.
        bridge.accepted(connection, [(one, "SM9")])
        rows = connection.execute(select(BridgeMessage.c.client_reference, BridgeMessage.c.sid, BridgeMessage.c.status))
        assert sorted(map(tuple, rows)) == [
            ("1", "SM1", "accepted"),
            ("2", "SM2", "delivered"),
            ("3", "SM3", "hovering_over_the_handset"[:24]),
            ("4", "SM4", "accepted"),
        ]


def test_of_events_that_are_partly_known_the_new_ones_are_stored_once(world):
    def arrivals(*statuses):
        params = [{"MessageSid": "SM1", "MessageStatus": status, "To": "ünï'code"} for status in statuses]
        return [Arrival(world.onboarding().id, "status", one, None, world.time) for one in params]

    first, second = arrivals("sent", "queued"), arrivals("read", "sent", "read")
    with world.db.begin() as connection:
        assert store(connection, first, grace_seconds=60) == [True, True]
        assert store(connection, second, grace_seconds=60) == [True, False, False]
        payloads = connection.execute(select(WebhookEvent.c.payload).order_by(WebhookEvent.c.id)).scalars().all()
    assert [one["MessageStatus"] for one in payloads] == ["queued", "sent", "read"]
    assert {one["To"] for one in payloads} == {"ünï'code"}
