"""An event's whole way from Twilio's delivery to AJO or a parking place; one file, because each part begins where another ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DataError

from engine import arrivals, bridge, circuits, inbox
from models.states import ForwardState, ResourceState
from models.tables import BridgeMessage, Destination, Message, Resource, WebhookEvent


@pytest.fixture
def endpoint(world):
    world.start()
    token = world.onboarding().endpoint_token
    with world.db.begin() as connection:
        return arrivals.find_endpoint(connection, token)


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


def arrival(world, status, sid="SM1", token=None, **params):
    form = {"MessageSid": sid, "MessageStatus": status, "From": "rcs:acme_agent", "To": "+12125550123", **params}
    return arrivals.Arrival(world.onboarding().id, "status", form, token, world.time)


def store(world, *arrived):
    with world.db.begin() as connection:
        return arrivals.store(connection, arrived, grace_seconds=60)


def apply(world):
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        return arrivals.apply_arrived(connection, onboarding_id, at=world.time, grace_seconds=60)


def receive(world, status, sid="SM1", **params):
    store(world, arrival(world, status, sid, **params))
    return apply(world)


def message(world):
    with world.db.begin() as connection:
        return connection.execute(select(Message)).one()


def take(world):
    """Everything that may be taken now."""
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        return inbox.take(connection, onboarding_id, at=world.time, lease_seconds=60, most=10)


def settle(world, row, **changes):
    values = {"error": None, "is_final": False, "asked": None, "base_seconds": 2, "grace_seconds": 60}
    values |= {"at": world.time, "park_after": timedelta(hours=24)}
    with world.db.begin() as connection:
        return inbox.settle_event(connection, row, **(values | changes))


def stored(world):
    with world.db.begin() as connection:
        return connection.execute(select(WebhookEvent).order_by(WebhookEvent.c.id)).all()


def test_an_unknown_token_has_no_endpoint(world, endpoint):
    with world.db.begin() as connection:
        assert arrivals.find_endpoint(connection, "guess") is None


def test_the_same_event_twice_is_stored_once(world, endpoint):
    assert store(world, arrival(world, "sent")) == [True]
    assert store(world, arrival(world, "sent"), arrival(world, "sent", sid="SM2")) == [False, True]
    assert store(world, arrival(world, "read"), arrival(world, "read")) == [True, False]
    assert [(row.message_sid, row.payload["MessageStatus"]) for row in stored(world)] == [
        ("SM1", "sent"),
        ("SM2", "sent"),
        ("SM1", "read"),
    ]


def test_a_delivery_that_twilio_repeats_under_its_own_token_is_stored_once(world, endpoint):
    assert store(world, arrival(world, "sent", token="t1")) == [True]
    assert store(world, arrival(world, "sent", token="t1", ErrorCode="30003")) == [False]
    assert store(world, arrival(world, "delivered", token="t2")) == [True]


@pytest.mark.parametrize("word", ["x" * 200, "line\nbreak", "nul\0"])
def test_what_makes_no_good_key_is_told_apart_all_the_same(world, endpoint, word):
    assert store(world, arrival(world, word), arrival(world, word + "!"), arrival(world, word)) == [True, True, False]
    apply(world)
    assert {row.forward_state for row in stored(world)} == {ForwardState.NOT_NEEDED}


def test_until_it_is_applied_an_event_has_only_arrived(world, endpoint):
    add_feedback_webhook(world)
    add_message(world)
    store(world, arrival(world, "delivered"))
    assert (stored(world)[0].forward_state, message(world).status) == (ForwardState.ARRIVED, "accepted")
    assert take(world) == []
    apply(world)
    assert (stored(world)[0].forward_state, message(world).status) == (ForwardState.PENDING, "delivered")


def test_what_nobody_applied_is_found_by_the_tick(world, endpoint):
    store(world, arrival(world, "sent"))
    assert due(world) == []
    world.forward(seconds=61)
    assert due(world) == [(endpoint.onboarding_id, "acme")]


def test_more_than_a_batch_is_applied_in_several(world, endpoint):
    store(world, *(arrival(world, "sent", sid=f"SM{number}") for number in range(arrivals.BATCH + 1)))
    assert not apply(world).is_all
    assert apply(world).is_all
    assert {row.forward_state for row in stored(world)} == {ForwardState.NOT_NEEDED}


def add_bridge_message(world):
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        connection.execute(
            insert(BridgeMessage).values(
                onboarding_id=onboarding_id,
                client_reference="ajo-1",
                recipient="rcs:+12125550123",
                fingerprint="f",
                status="intended",
                created_at=world.time,
                posted_at=world.time,
            )
        )


def accept(world, sid):
    """Twilio's answer to the call of the one message that AJO sent."""
    with world.db.begin() as connection:
        (row,) = connection.execute(select(BridgeMessage)).all()
        noted = bridge.Noted(row.onboarding_id, row.client_reference, row.recipient, row.created_at, row.posted_at)
        bridge.accepted(connection, [(noted, sid)])


def test_a_callback_that_is_faster_than_the_answer_to_its_call_waits_for_its_reference(world, endpoint):
    add_feedback_webhook(world)
    add_bridge_message(world)
    receive(world, "sent")
    receive(world, "sent", sid="SMother", To="+12125550199")
    assert [row.message_sid for row in take(world)] == ["SMother"]
    accept(world, "SM1")
    world.forward(seconds=3)
    apply(world)
    (row,) = take(world)
    with world.db.begin() as connection:
        assert inbox.client_references(connection, [row.message_sid]) == {"SM1": "ajo-1"}


def test_a_callback_whose_call_never_becomes_clear_goes_on_under_its_own_name(world, endpoint):
    add_feedback_webhook(world)
    add_bridge_message(world)
    receive(world, "sent")
    assert due(world) == []
    world.forward(seconds=3)
    assert due(world) == [(endpoint.onboarding_id, "acme")]
    apply(world)
    assert take(world) == []
    world.forward(minutes=10)
    apply(world)
    assert [row.message_sid for row in take(world)] == ["SM1"]


def test_what_went_on_before_the_answer_came_is_not_followed_by_older_news(world, endpoint):
    add_feedback_webhook(world)
    add_bridge_message(world)
    receive(world, "delivered")
    world.forward(minutes=11)
    apply(world)
    assert len(take(world)) == 1
    accept(world, "SM1")
    receive(world, "sending")
    apply(world)
    assert stored(world)[-1].forward_state is ForwardState.NOT_NEEDED
    with world.db.begin() as connection:
        assert connection.execute(select(BridgeMessage.c.sid, BridgeMessage.c.status)).all() == [("SM1", "delivered")]


def test_a_late_sent_after_delivered_is_stored_but_does_not_move_the_message_back(world, endpoint):
    add_message(world)
    receive(world, "delivered")
    receive(world, "sent")
    assert message(world).status == "delivered"
    assert len(stored(world)) == 2


def test_the_transport_is_proved_by_the_prefix_of_from(world, endpoint):
    add_message(world)
    receive(world, "delivered")
    assert message(world).transport == "rcs"
    receive(world, "read", From="+14155550101")
    assert message(world).transport == "sms"


def test_an_unknown_status_word_neither_breaks_nor_ends_a_message(world, endpoint):
    add_message(world)
    receive(world, "hovering")
    receive(world, "delivered")
    assert message(world).status == "delivered"


def test_an_error_code_is_kept(world, endpoint):
    add_message(world)
    receive(world, "undelivered", ErrorCode="30003")
    assert message(world).error_code == 30003


def test_a_callback_of_a_foreign_message_wakes_nothing(world, endpoint):
    assert receive(world, "sent", sid="SMforeign").wakes_verification is False


def test_without_an_ajo_webhook_nothing_is_queued_for_ajo(world, endpoint):
    receive(world, "sent")
    assert stored(world)[0].forward_state is ForwardState.NOT_NEEDED
    assert take(world) == []


def test_events_of_one_message_are_forwarded_one_after_the_other(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    receive(world, "delivered")
    receive(world, "sent", sid="SM2")
    first = take(world)
    assert [(row.message_sid, row.payload["MessageStatus"]) for row in first] == [("SM1", "sent"), ("SM2", "sent")]
    for row in first:
        settle(world, row)
    assert [row.payload["MessageStatus"] for row in take(world)] == ["delivered"]


def test_an_event_that_failed_holds_back_the_later_ones_of_its_message(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    receive(world, "delivered")
    settle(world, take(world)[0], error="AJO answered 503")
    assert take(world) == []
    world.forward(seconds=10)
    assert [row.payload["MessageStatus"] for row in take(world)] == ["sent"]


def test_an_event_taken_by_a_worker_that_vanished_is_taken_again_after_a_while(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    assert len(take(world)) == 1
    assert take(world) == []
    world.forward(seconds=61)
    assert len(take(world)) == 1


def test_a_final_refusal_parks_the_event_with_its_reason(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    settle(world, take(world)[0], error="AJO answered 400", is_final=True)
    row = stored(world)[0]
    assert (row.forward_state, row.forward_error) == (ForwardState.PARKED, "AJO answered 400")
    assert "event:parked" in world.events()


def test_after_a_day_of_trying_the_event_is_parked(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    for _ in range(40):
        settle(world, take(world)[0], error="AJO answered 503")
        if stored(world)[0].forward_state is ForwardState.PARKED:
            break
        world.forward(hours=1)
    assert timedelta(hours=24) < world.time - stored(world)[0].received_at < timedelta(hours=27)


def test_an_old_event_that_is_replayed_is_tried_more_than_once(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
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
    receive(world, "sent")
    receive(world, "delivered")
    settle(world, take(world)[0], error="AJO answered 503")
    event_id = stored(world)[0].id
    with world.db.begin() as connection:
        assert inbox.park(connection, event_id, reason="never mind", at=world.time)
        assert not inbox.park(connection, event_id, reason="never mind", at=world.time)
    assert [row.payload["MessageStatus"] for row in take(world)] == ["delivered"]


def test_ajo_is_told_its_own_reference(world, endpoint):
    add_message(world)
    with world.db.begin() as connection:
        known = inbox.client_references(connection, ["SM1", "SMforeign"])
    assert known == {"SM1": "ref-1", "SMforeign": "SMforeign"}


def test_a_message_that_ajo_gave_no_reference_goes_by_its_sid(world, endpoint):
    add_bridge_message(world)
    with world.db.begin() as connection:
        connection.execute(update(BridgeMessage).values(sid="SM1", client_reference=bridge.OWN_REFERENCE + "1"))
        assert inbox.client_references(connection, ["SM1"]) == {"SM1": "SM1"}


def test_due_forwards_are_found_when_their_message_got_lost(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    assert due(world) == []
    world.forward(seconds=61)
    assert due(world) == [(endpoint.onboarding_id, "acme")]


def due(world):
    with world.db.begin() as connection:
        return inbox.due_forwards(connection, at=world.time)


def test_an_event_behind_one_that_is_in_backoff_makes_nobody_look(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    receive(world, "delivered")
    world.forward(seconds=61)
    settle(world, take(world)[0], error="AJO answered 503", asked=300.0)
    world.forward(seconds=299)
    assert due(world) == []
    world.forward(seconds=2)
    assert due(world) == [(endpoint.onboarding_id, "acme")]


def test_a_slow_worker_does_not_undo_what_another_one_has_done_since(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
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
    receive(world, "sent")
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
    receive(world, "sent")
    assert stored(world)[0].forward_state is ForwardState.PENDING


def fail(world, times):
    for _ in range(times):
        (row, *rest) = take(world)
        settle(world, row, error="AJO answered 503")
        with world.db.begin() as connection:
            inbox.give_back(connection, rest, at=world.time)
        world.forward(hours=1)


def test_events_wait_together_while_ajo_is_unwell_and_one_tries_whether_it_is_well_again(world, endpoint):
    add_feedback_webhook(world)
    for number in range(10):
        receive(world, "sent", sid=f"SM{number}")
    fail(world, circuits.FAILURES_BEFORE_OPENING - 1)
    (row, *rest) = take(world)
    assert len(rest) == 9
    settle(world, row, error="AJO answered 503")
    with world.db.begin() as connection:
        inbox.give_back(connection, rest, at=world.time)
    assert take(world) == []
    # Longer than both the circuit's pause and the event's own backoff.
    world.forward(minutes=2)
    (trial,) = take(world)
    settle(world, trial)
    assert len(take(world)) == 9


def test_a_circuit_that_stays_open_goes_on_asking(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    fail(world, 14)
    with world.db.begin() as connection:
        (row,) = connection.execute(select(Destination)).all()
    assert row.failures == 14
    assert row.open_until - row.updated_at <= timedelta(seconds=circuits.LONGEST_PAUSE_SECONDS)


def test_an_unwell_inbound_webhook_does_not_hold_back_feedback(world, endpoint):
    add_feedback_webhook(world)
    for _ in range(circuits.FAILURES_BEFORE_OPENING):
        with world.db.begin() as connection:
            circuits.note_failure(
                connection, endpoint.onboarding_id, "inbound", error="503", base_seconds=2, asked=None, at=world.time
            )
    receive(world, "sent")
    assert len(take(world)) == 1
    with world.db.begin() as connection:
        assert circuits.count_open(connection, at=world.time) == 1


def test_what_waited_too_long_behind_an_unwell_webhook_is_parked_and_said(world, endpoint):
    add_feedback_webhook(world)
    for number in range(3):
        receive(world, "sent", sid=f"SM{number}")
    fail(world, 24)
    receive(world, "sent", sid="SMyoung")
    world.forward(hours=2)
    settle(world, take(world)[0], error="AJO answered 503")
    states = {row.message_sid: row.forward_state for row in stored(world)}
    assert states.pop("SMyoung") is ForwardState.PENDING
    assert set(states.values()) == {ForwardState.PARKED}
    assert "event:parked" in world.events()


def test_an_event_that_was_taken_and_not_tried_can_be_given_back(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    taken = take(world)
    assert take(world) == []
    with world.db.begin() as connection:
        inbox.give_back(connection, taken, at=world.time)
    assert [row.forward_tries for row in take(world)] == [1]


def test_an_event_that_fails_each_time_is_not_the_one_that_shows_whether_ajo_is_well(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent", sid="SMbad")
    fail(world, circuits.FAILURES_BEFORE_OPENING)
    receive(world, "sent", sid="SMgood")
    world.forward(hours=1)
    assert [row.message_sid for row in take(world)] == ["SMgood"]


def test_an_event_that_is_on_its_way_is_not_parked_with_the_others(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent", sid="SM1")
    receive(world, "sent", sid="SM2")
    fail(world, 1)
    with world.db.begin() as connection:
        connection.execute(update(Destination).values(failures=inbox.TRIES_BEFORE_PARKING, open_until=None))
    world.forward(hours=25)
    (held,), (other,) = take(world), take(world)
    settle(world, other, error="AJO answered 503")
    settle(world, held)
    states = {row.message_sid: row.forward_state for row in stored(world)}
    assert states[held.message_sid] is ForwardState.FORWARDED


def test_a_replay_leaves_an_event_alone_that_is_being_posted_right_now(world, endpoint):
    add_feedback_webhook(world)
    receive(world, "sent")
    (row,) = take(world)
    with world.db.begin() as connection:
        inbox.replay(connection, [row.id], at=world.time)
    assert take(world) == []
    settle(world, row)
    assert stored(world)[0].forward_state is ForwardState.FORWARDED


def test_one_events_retry_after_does_not_silence_all_others_for_a_day(world, endpoint):
    add_feedback_webhook(world)
    for _ in range(circuits.FAILURES_BEFORE_OPENING):
        with world.db.begin() as connection:
            circuits.note_failure(
                connection, endpoint.onboarding_id, "status", error="503", base_seconds=2, asked=86_400.0, at=world.time
            )
    with world.db.begin() as connection:
        (row,) = connection.execute(select(Destination)).all()
    assert row.open_until - world.time <= timedelta(seconds=circuits.LONGEST_PAUSE_SECONDS)


def test_an_event_that_the_database_refuses_is_parked_and_keeps_no_other_from_being_applied(
    world, endpoint, monkeypatch
):
    add_feedback_webhook(world)
    real = arrivals.apply_callback

    def refuse_one(connection, onboarding_id, params, *, at):
        if params["MessageSid"] == "SMpoison":
            raise DataError("update", {}, Exception("too long"))
        return real(connection, onboarding_id, params, at=at)

    monkeypatch.setattr(arrivals, "apply_callback", refuse_one)
    receive(world, "sent", sid="SMpoison")
    receive(world, "sent", sid="SM1")
    states = {row.message_sid: row.forward_state for row in stored(world)}
    assert states == {"SMpoison": ForwardState.PARKED, "SM1": ForwardState.PENDING}


def test_a_status_word_of_any_length_moves_a_message(world, endpoint):
    add_message(world)
    receive(world, "hovering_over_the_handset_for_a_while")
    assert message(world).status == "hovering_over_the_handset_for_a_while"[:24]


def test_the_clock_of_a_call_begins_when_its_intent_is_written(world, endpoint):
    wanted = bridge.Wanted(endpoint.onboarding_id, "r-1", "+12125550123", "f")

    def judge():
        with world.db.begin() as connection:
            assert bridge.announce(connection, [wanted], at=world.time) == [None]
            (intent,) = bridge.judge(connection, [wanted], at=world.time, call_seconds=40)
            return intent

    with world.db.begin() as connection:
        first, second = bridge.announce(connection, [wanted, wanted], at=world.time)
    assert (first.posted_at, second) == (world.time, None)
    world.forward(seconds=39)
    assert judge().task is bridge.Task.WAIT
    world.forward(seconds=2)
    intent = judge()
    assert intent == bridge.Intent(bridge.Task.LOOK, first)
    with world.db.begin() as connection:
        noted = bridge.ended_unclear(connection, intent.noted, at=world.time)
        assert not bridge.post_unless_taken(connection, noted, at=world.time)
