from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from engine import inbox
from models.states import ForwardState, ResourceState
from models.tables import Message, Resource, WebhookEvent


@pytest.fixture
def endpoint(world):
    world.start()
    token = world.onboarding().endpoint_token
    with world.db.begin() as connection:
        return inbox.find_endpoint(connection, token)


def add_message(world, sid="SM1"):
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        connection.execute(
            insert(Message).values(
                onboarding_id=onboarding_id,
                client_reference="ref-1",
                sid=sid,
                recipient="+12125550123",
                body="hi",
                status="accepted",
                created_at=world.time,
                updated_at=world.time,
            )
        )


def add_feedback_webhook(world):
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        connection.execute(
            insert(Resource).values(
                onboarding_id=onboarding_id,
                step="webhook",
                vendor="ajo",
                kind="ajo_feedback_webhook",
                name="feedback",
                external_id="wh1",
                state=ResourceState.PRESENT,
                details={"url": "https://ajo.example.com/wh1"},
                intended_at=world.time,
            )
        )


def receive(world, endpoint, status, sid="SM1", **params):
    with world.db.begin() as connection:
        return inbox.receive(
            connection,
            endpoint,
            "status",
            {"MessageSid": sid, "MessageStatus": status, "From": "rcs:acme_agent", **params},
            at=world.time,
            grace_seconds=60,
        )


def message(world):
    with world.db.begin() as connection:
        return connection.execute(select(Message)).one()


def take(world):
    """Everything that may be taken now."""
    onboarding_id = world.onboarding().id
    rows = []
    while True:
        with world.db.begin() as connection:
            row = inbox.take_next(connection, onboarding_id, at=world.time, lease_seconds=60)
        if row is None:
            return rows
        rows.append(row)


def settle(world, row, **changes):
    values = {"error": None, "is_final": False, "asked": None, "base_seconds": 2, "grace_seconds": 60}
    values["at"] = world.time
    with world.db.begin() as connection:
        return inbox.settle_event(connection, row, **(values | changes))


def stored(world):
    with world.db.begin() as connection:
        return connection.execute(select(WebhookEvent).order_by(WebhookEvent.c.id)).all()


def test_an_unknown_token_has_no_endpoint(world, endpoint):
    with world.db.begin() as connection:
        assert inbox.find_endpoint(connection, "guess") is None


def test_the_same_event_twice_is_stored_once(world, endpoint):
    assert receive(world, endpoint, "sent").is_new
    assert not receive(world, endpoint, "sent").is_new
    assert len(stored(world)) == 1


def test_a_late_sent_after_delivered_is_stored_but_does_not_move_the_message_back(world, endpoint):
    add_message(world)
    receive(world, endpoint, "delivered")
    receive(world, endpoint, "sent")
    assert message(world).status == "delivered"
    assert len(stored(world)) == 2


def test_the_transport_is_proved_by_the_prefix_of_from(world, endpoint):
    add_message(world)
    receive(world, endpoint, "delivered")
    assert message(world).transport == "rcs"
    receive(world, endpoint, "read", From="+14155550101")
    assert message(world).transport == "sms"


def test_an_unknown_status_word_neither_breaks_nor_ends_a_message(world, endpoint):
    add_message(world)
    receive(world, endpoint, "hovering")
    receive(world, endpoint, "delivered")
    assert message(world).status == "delivered"


def test_an_error_code_is_kept(world, endpoint):
    add_message(world)
    receive(world, endpoint, "undelivered", ErrorCode="30003")
    assert message(world).error_code == 30003


def test_a_callback_of_a_foreign_message_wakes_nothing(world, endpoint):
    assert receive(world, endpoint, "sent", sid="SMforeign").wakes_verification is False


def test_without_an_ajo_webhook_nothing_is_queued_for_ajo(world, endpoint):
    assert receive(world, endpoint, "sent").needs_forwarding is False
    assert stored(world)[0].forward_state is ForwardState.NOT_NEEDED
    assert take(world) == []


def test_events_of_one_message_are_forwarded_one_after_the_other(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    receive(world, endpoint, "delivered")
    receive(world, endpoint, "sent", sid="SM2")
    first = take(world)
    assert [(row.message_sid, row.payload["MessageStatus"]) for row in first] == [("SM1", "sent"), ("SM2", "sent")]
    for row in first:
        settle(world, row)
    assert [row.payload["MessageStatus"] for row in take(world)] == ["delivered"]


def test_an_event_that_failed_holds_back_the_later_ones_of_its_message(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    receive(world, endpoint, "delivered")
    settle(world, take(world)[0], error="AJO answered 503")
    assert take(world) == []
    world.forward(seconds=10)
    assert [row.payload["MessageStatus"] for row in take(world)] == ["sent"]


def test_an_event_taken_by_a_worker_that_vanished_is_taken_again_after_a_while(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    assert len(take(world)) == 1
    assert take(world) == []
    world.forward(seconds=61)
    assert len(take(world)) == 1


def test_a_final_refusal_parks_the_event_with_its_reason(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    settle(world, take(world)[0], error="AJO answered 400", is_final=True)
    row = stored(world)[0]
    assert (row.forward_state, row.forward_error) == (ForwardState.PARKED, "AJO answered 400")
    assert "event:parked" in world.events()


def test_after_a_day_of_trying_the_event_is_parked(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    for _ in range(40):
        settle(world, take(world)[0], error="AJO answered 503")
        if stored(world)[0].forward_state is ForwardState.PARKED:
            break
        world.forward(hours=1)
    assert timedelta(hours=24) < world.time - stored(world)[0].received_at < timedelta(hours=27)


def test_an_old_event_that_is_replayed_is_tried_more_than_once(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    settle(world, take(world)[0], error="AJO answered 400", is_final=True)
    world.forward(days=3)
    event_id = stored(world)[0].id
    with world.db.begin() as connection:
        assert inbox.replay(connection, [event_id], at=world.time) == [(endpoint.onboarding_id, "acme")]
    settle(world, take(world)[0], error="AJO answered 503")
    assert stored(world)[0].forward_state is ForwardState.PENDING
    world.forward(minutes=1)
    settle(world, take(world)[0])
    assert stored(world)[0].forward_state is ForwardState.FORWARDED


def test_a_parked_event_lets_those_behind_it_go_on(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    receive(world, endpoint, "delivered")
    settle(world, take(world)[0], error="AJO answered 503")
    event_id = stored(world)[0].id
    with world.db.begin() as connection:
        assert inbox.park(connection, event_id, reason="never mind", at=world.time)
        assert not inbox.park(connection, event_id, reason="never mind", at=world.time)
    assert [row.payload["MessageStatus"] for row in take(world)] == ["delivered"]


def test_ajo_is_told_its_own_reference(world, endpoint):
    add_message(world)
    with world.db.begin() as connection:
        assert inbox.client_reference(connection, "SM1") == "ref-1"
        assert inbox.client_reference(connection, "SMforeign") == "SMforeign"


def test_due_forwards_are_found_when_their_message_got_lost(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    assert due(world) == []
    world.forward(seconds=61)
    assert due(world) == [(endpoint.onboarding_id, "acme")]


def due(world):
    with world.db.begin() as connection:
        return inbox.due_forwards(connection, at=world.time)


def test_an_event_behind_one_that_is_in_backoff_makes_nobody_look(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    receive(world, endpoint, "delivered")
    world.forward(seconds=61)
    settle(world, take(world)[0], error="AJO answered 503", asked=300.0)
    world.forward(seconds=299)
    assert due(world) == []
    world.forward(seconds=2)
    assert due(world) == [(endpoint.onboarding_id, "acme")]


def test_a_slow_worker_does_not_undo_what_another_one_has_done_since(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    slow = take(world)[0]
    world.forward(seconds=61)
    quick = take(world)[0]
    settle(world, quick)
    before = stored(world)
    settle(world, slow, error="AJO answered 400", is_final=True)
    settle(world, slow, error="timed out")
    assert stored(world) == before
    assert "event:parked" not in world.events()
    world.forward(hours=1)
    assert due(world) == []


def test_a_slow_worker_whose_event_was_taken_over_leaves_it_to_the_new_one(world, endpoint):
    add_feedback_webhook(world)
    receive(world, endpoint, "sent")
    slow = take(world)[0]
    world.forward(seconds=61)
    quick = take(world)[0]
    settle(world, slow, error="timed out")
    assert take(world) == []
    settle(world, quick)
    assert stored(world)[0].forward_state is ForwardState.FORWARDED


def test_what_arrives_while_ajos_webhook_is_made_anew_waits_for_it(world, endpoint):
    add_feedback_webhook(world)
    with world.db.begin() as connection:
        connection.execute(update(Resource).values(external_id=None, details={}, state=ResourceState.INTENDED))
    assert receive(world, endpoint, "sent").needs_forwarding
