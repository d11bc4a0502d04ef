"""The bridge's own SQL, on both databases: JSON documents as tables, and what callbacks said before a message was known."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, update

from engine import bridge
from engine.arrivals import Arrival, store
from engine.clock import now
from gateway.bridge import Bridge
from gateway.writer import Writer
from models.db import connect_committing_each
from models.states import ForwardState
from models.tables import BridgeMessage, WebhookEvent
from settings import Settings
from tests.unit.engine_world import EngineWorld


@pytest.fixture(params=["as the gateway writes", "in a transaction"])
def write(world, request):
    """A transaction, or a connection on which each statement commits by itself."""
    if request.param == "in a transaction":
        return world.db.begin

    @contextmanager
    def committing_each():
        with connect_committing_each(world.db) as connection, connection.begin():
            yield connection
            connection.rollback()

    return committing_each


@pytest.fixture
def world(database_url, tmp_path):
    world = EngineWorld(database_url or f"sqlite:///{tmp_path / 'bridge.sqlite3'}")
    world.start()
    yield world
    world.db.dispose()


def wanted(world, *references):
    return [bridge.Wanted(world.onboarding().id, one, "+12125550123", "f" * 64) for one in references]


def announce(world, *references, write):
    messages = wanted(world, *references)
    with write() as connection:
        return bridge.announce(connection, messages, at=world.time)


def said(world, sid, forward_state, **params):
    values = {"onboarding_id": world.onboarding().id, "kind": "status", "message_sid": sid, "forward_tries": 0}
    values |= {"dedupe_key": f"{sid}{params}", "payload": params, "received_at": world.time}
    with world.db.begin() as connection:
        connection.execute(insert(WebhookEvent).values(forward_state=forward_state, **values))


def test_of_references_that_are_partly_known_the_new_ones_are_noted_once(world, write):
    # A text that looks like a number, or like JSON, stays what it is.
    assert [noted.client_reference for noted in announce(world, "007", "[1]", write=write)] == ["007", "[1]"]
    again = announce(world, "007", "7", "7", "it's {sid}", write=write)
    assert [noted.client_reference if noted else None for noted in again] == [None, "7", None, "it's {sid}"]
    messages = wanted(world, "7", "007")
    with world.db.begin() as connection:
        intents = bridge.judge(connection, messages, at=world.time, call_seconds=40)
    assert [(one.task, one.noted.client_reference) for one in intents] == [
        (bridge.Task.WAIT, "7"),
        (bridge.Task.WAIT, "007"),
    ]
    assert intents[0].noted == again[1]


def test_an_accepted_message_is_as_far_as_the_latest_callback_that_was_applied_before(world, write):
    one, two, three, four = announce(world, "1", "2", "3", "4", write=write)
    for status in ("sent", "delivered", "sending"):
        said(world, "SM2", ForwardState.FORWARDED, MessageStatus=status)
    said(world, "SM3", ForwardState.PENDING, SmsStatus="hovering_over_the_handset_for_a_while")
    said(world, "SM4", ForwardState.ARRIVED, MessageStatus="delivered")
    with write() as connection:
        bridge.accepted(connection, [(four, "SM4"), (one, "SM1"), (three, "SM3"), (two, "SM2")])
        # Of two answers about one message the first counts.
        bridge.accepted(connection, [(one, "SM9")])
    with world.db.begin() as connection:
        rows = connection.execute(select(BridgeMessage.c.client_reference, BridgeMessage.c.sid, BridgeMessage.c.status))
        assert sorted(map(tuple, rows)) == [
            ("1", "SM1", "accepted"),
            ("2", "SM2", "delivered"),
            ("3", "SM3", "hovering_over_the_handset"[:24]),
            ("4", "SM4", "accepted"),
        ]


def test_of_events_that_are_partly_known_the_new_ones_are_stored_once(world, write):
    def arrivals(*statuses):
        params = [{"MessageSid": "SM1", "MessageStatus": status, "To": "ünï'code"} for status in statuses]
        return [Arrival(world.onboarding().id, "status", one, None, world.time) for one in params]

    first, second = arrivals("sent", "queued"), arrivals("read", "sent", "read")
    with write() as connection:
        assert store(connection, first, grace_seconds=60) == [True, True]
        assert store(connection, second, grace_seconds=60) == [True, False, False]
    with world.db.begin() as connection:
        payloads = connection.execute(select(WebhookEvent.c.payload).order_by(WebhookEvent.c.id)).scalars().all()
    assert [one["MessageStatus"] for one in payloads] == ["queued", "sent", "read"]
    assert {one["To"] for one in payloads} == {"ünï'code"}


def test_sqlite_finds_message_and_callbacks_by_their_indexes(tmp_path):
    world = EngineWorld(f"sqlite:///{tmp_path / 'bridge.sqlite3'}")
    world.start()
    (noted,) = announce(world, "1", write=world.db.begin)
    done = []
    event.listen(world.db, "before_cursor_execute", lambda *details: done.append(details[2:4]))
    with connect_committing_each(world.db) as connection, connection.begin():
        bridge.accepted(connection, [(noted, "SM1")])
        ((statement, values),) = done
        details = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    world.db.dispose()
    looked_up = [detail.partition(" USING ")[2] for detail in details if detail.startswith("SEARCH")]
    assert looked_up == [
        "INDEX sqlite_autoindex_bridge_message_1 (onboarding_id=? AND client_reference=?)",
        "INDEX ix_webhook_event_message_sid (message_sid=?)",
    ]


def test_a_call_that_began_as_late_as_it_may_is_over_before_another_one_looks(world):
    settings = Settings(http_timeout_seconds=10)
    gateway = Bridge(world.db, world.vault, settings, Writer(world.db))
    announce(world, "1", write=world.db.begin)
    (message,) = wanted(world, "1")
    for seconds, task in ((29, bridge.Task.WAIT), (31, bridge.Task.LOOK)):
        with world.db.begin() as connection:
            connection.execute(update(BridgeMessage).values(posted_at=now() - timedelta(seconds=seconds)))
            (intent,) = gateway._judge(connection, [message])
        assert intent.task is task
