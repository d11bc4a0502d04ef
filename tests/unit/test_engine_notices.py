"""When a long wait is told, to whom, and that it is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import insert, select, update

from engine import notices
from engine.contract import Done, Wait
from models.states import ForwardState
from models.tables import ChecklistItem, Event, Notice, WebhookEvent
from settings import Settings

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
BOSS = "mailto://boss.example.com"


def wait_for(needs_person, topic="review"):
    return Wait(
        topic=topic,
        reason="review of rcs:acme is PENDING",
        who="a person" if needs_person else "Twilio and the carriers",
        look_again=timedelta(days=300),
        at_most=timedelta(days=365),
        needs_person=needs_person,
    )


@pytest.fixture
def told(world):
    """A world with receivers whose onboarding waits for a person since the clock's present time."""
    configure(world, notice_urls=[SLACK], escalation_urls=[BOSS])
    begin(world, wait_for(needs_person=True))
    return world


def configure(world, **changes):
    world.settings = Settings(**changes)
    world.shop = replace(world.shop, settings=world.settings)


def begin(world, wait):
    world.script["registration"] = [wait]
    world.start()
    world.run("registration")


def plan(world):
    with world.db.begin() as connection:
        return notices.plan(connection, world.settings, at=world.time)


def take(world):
    with world.db.begin() as connection:
        return notices.take_next(connection, world.settings, at=world.time)


def is_waiting(world):
    with world.db.begin() as connection:
        return notices.is_waiting(connection, world.settings, at=world.time)


def settle(world, row, **outcomes):
    with world.db.begin() as connection:
        notices.settle(connection, row, outcomes or {"1 (slack)": None}, at=world.time)


def rows(world):
    with world.db.begin() as connection:
        found = select(Notice.c.level, Notice.c.state).order_by(Notice.c.id)
        return [tuple(map(str, row)) for row in connection.execute(found).all()]


def last_event(world):
    with world.db.begin() as connection:
        return connection.execute(select(Event).order_by(Event.c.id.desc()).limit(1)).one()


def test_a_wait_is_reminded_of_once_and_escalated_once(told):
    told.forward(days=1)
    assert plan(told) == 0
    told.forward(days=1)
    assert plan(told) == 1
    assert plan(told) == 0, "once only"
    row = take(told)
    assert row.title == "Reminder: acme has waited for a person for 2 days"
    assert "review of rcs:acme is PENDING" in row.text
    assert "onboard show acme" in row.text
    assert take(told) is None, "taken by the first"
    settle(told, row)
    told.forward(days=5)
    assert plan(told) == 1
    assert take(told).title == "Escalation: acme has waited for a person for 7 days"
    told.forward(days=300)
    assert plan(told) == 0


def test_an_escalation_reaches_those_who_are_reminded_too(told):
    assert notices.targets(told.settings, "remind") == [SLACK]
    assert notices.targets(told.settings, "escalate") == [SLACK, BOSS]


def test_after_a_long_silence_only_the_higher_level_goes_out(told):
    told.forward(days=30)
    assert plan(told) == 1
    assert rows(told) == [("escalate", "due"), ("remind", "dropped")]


def test_vendors_have_more_patience_and_a_wait_that_becomes_a_persons_is_told_anew(world):
    configure(world, notice_urls=[SLACK])
    begin(world, wait_for(needs_person=False))
    world.forward(days=27)
    assert plan(world) == 0
    world.forward(days=1)
    assert plan(world) == 1
    assert take(world).title == "Reminder: acme has waited for the vendor for 28 days"
    world.script["registration"] = [replace(wait_for(needs_person=False), at_most=timedelta(days=20))]
    world.signal("registration")
    world.run("registration")
    assert plan(world) == 1, "overdue, so now it is a person's"
    assert take(world).title == "Escalation: acme has waited for a person for 28 days"


def test_another_topic_is_another_wait(told):
    told.forward(days=2)
    plan(told)
    told.script["registration"] = [wait_for(needs_person=True, topic="submission")]
    told.signal("registration")
    told.run("registration")
    assert plan(told) == 0
    assert take(told) is None, "the old wait is over"
    told.forward(days=2)
    assert plan(told) == 1
    assert rows(told) == [("remind", "dropped"), ("remind", "due")]


def test_a_wait_that_ended_before_the_sending_is_not_told(told):
    told.forward(days=2)
    plan(told)
    told.script["registration"] = [Done()]
    told.signal("registration")
    told.run("registration")
    assert take(told) is None
    assert rows(told) == [("remind", "dropped")]


def test_a_look_in_between_does_not_end_the_wait(told):
    told.forward(days=2)
    told.signal("registration")
    assert plan(told) == 1
    assert take(told) is not None


def test_a_paused_onboarding_is_nobodys_concern(told):
    told.command("pause")
    told.forward(days=8)
    assert plan(told) == 0
    assert rows(told) == []


def test_without_receivers_the_event_log_says_what_was_due(world):
    begin(world, wait_for(needs_person=True))
    world.forward(days=2)
    assert plan(world) == 0
    assert not is_waiting(world)
    assert rows(world) == [("remind", "muted")]
    assert last_event(world).text.endswith("not sent: ONBOARD_NOTICE_URLS is empty")
    count = len(world.events())
    plan(world)
    assert len(world.events()) == count, "said once"


def test_in_quiet_hours_nothing_goes_out_and_afterwards_it_does(world):
    # 12:00 UTC is 21:00 in Tokyo.
    configure(world, notice_urls=[SLACK], quiet_hours="20:00-08:00", quiet_zone="Asia/Tokyo")
    begin(world, wait_for(needs_person=True))
    world.forward(days=2)
    assert plan(world) == 1
    assert not is_waiting(world)
    assert take(world) is None
    world.forward(hours=11)
    assert is_waiting(world)
    assert take(world) is not None


@pytest.mark.parametrize(
    ("span", "hour", "quiet"),
    [
        *[("20:00-08:00", hour, quiet) for hour, quiet in ((20, True), (7, True), (8, False), (19, False))],
        *[("12:00-14:00", hour, quiet) for hour, quiet in ((12, True), (14, False))],
    ],
)
def test_quiet_hours_may_pass_midnight(span, hour, quiet):
    settings = Settings(quiet_hours=span)
    assert notices.is_quiet(settings, datetime(2026, 11, 23, hour, 0, tzinfo=UTC)) is quiet


@pytest.mark.parametrize(
    "wrong", [{"quiet_hours": "8pm-8am"}, {"quiet_hours": "20:00-20:00"}, {"quiet_zone": "Berlin"}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValidationError, match="write for example"):
        Settings(**wrong)


def test_receivers_are_parted_by_blanks_because_commas_part_recipients(monkeypatch):
    monkeypatch.setenv("ONBOARD_NOTICE_URLS", f"{SLACK}  mailto://mail.example.com?to=a@example.com,b@example.com")
    found = Settings.from_environment().notice_urls
    assert [url.get_secret_value()[:6] for url in found] == ["slack:", "mailto"]
    assert SLACK not in repr(Settings.from_environment())


def test_one_sender_at_a_time(told):
    told.start("other")
    told.forward(days=2)
    plan(told)
    assert is_waiting(told)
    row = take(told)
    with told.db.begin() as connection:
        connection.execute(
            insert(Notice).values(
                onboarding_id=row.onboarding_id,
                subject="step:registration:review:person",
                since_at=told.time,
                level="remind",
                title="t",
                text="t",
                state="due",
                due_at=told.time,
            )
        )
    assert not is_waiting(told), "somebody is sending"
    settle(told, row)
    assert is_waiting(told)


def test_a_sender_that_vanished_leaves_an_unclear_notice_that_is_not_sent_again(told):
    told.forward(days=2)
    plan(told)
    row = take(told)
    told.forward(minutes=11)
    assert plan(told) == 0
    assert rows(told) == [("remind", "unclear")]
    assert "not sent again" in last_event(told).text
    settle(told, row)
    assert rows(told) == [("remind", "unclear")], "its worker came back too late to say"


def test_what_became_of_it_stands_in_the_event_log(told):
    told.forward(days=7)
    plan(told)
    settle(told, take(told), **{"1 (slack)": None, "2 (mailto)": "not taken"})
    assert last_event(told).kind == "notice:failed"
    assert "1 (slack): taken; 2 (mailto): not taken" in last_event(told).text
    assert rows(told)[0] == ("escalate", "sent"), "one receiver heard it"


def test_a_persons_item_past_its_due_time_is_told_while_a_vendor_is_waited_for(world):
    configure(world, notice_urls=[SLACK])
    begin(world, wait_for(needs_person=False))
    item = {"key": "us.brand_vetting", "item": "us.brand_vetting", "title": "The brand vetting is answered"}
    kind = {"checked_by": "person", "stage": "launch", "state": "open"}
    due_at = world.time + timedelta(days=14)
    with world.db.begin() as connection:
        found = world.onboarding_id(connection)
        times = {"opened_at": world.time, "due_at": due_at, "updated_at": world.time}
        connection.execute(insert(ChecklistItem).values(onboarding_id=found, **item, **kind, **times))
    world.forward(days=14)
    assert plan(world) == 1
    row = take(world)
    assert row.title == "Reminder: acme: us.brand_vetting is due"
    assert "onboard checklist done acme us.brand_vetting --by WHO" in row.text
    settle(world, row)
    world.forward(days=7)
    assert plan(world) == 1
    assert "us.brand_vetting has been due for 7 days" in last_event(world).text
    with world.db.begin() as connection:
        connection.execute(update(ChecklistItem).values(state="met"))
    assert take(world) is None, "it was settled meanwhile"


def test_events_that_ajo_did_not_take_are_told_once_for_as_long_as_they_are_parked(world):
    configure(world, notice_urls=[SLACK])
    world.start()
    onboarding_id = world.onboarding().id

    def park(sid):
        values = {"kind": "status", "message_sid": sid, "dedupe_key": sid, "payload": {}, "forward_tries": 1}
        values |= {"onboarding_id": onboarding_id, "received_at": world.time, "forward_state": ForwardState.PARKED}
        with world.db.begin() as connection:
            connection.execute(insert(WebhookEvent).values(**values))

    assert plan(world) == 0
    park("SM1")
    assert plan(world) == 1
    world.forward(hours=1)
    park("SM2")
    assert plan(world) == 0
    notice = take(world)
    assert notice.title == "Reminder: acme: 1 event has not reached AJO"
    settle(world, notice)
    with world.db.begin() as connection:
        connection.execute(update(WebhookEvent).values(forward_state=ForwardState.FORWARDED))
    world.forward(hours=1)
    park("SM3")
    assert plan(world) == 1
    with world.db.begin() as connection:
        connection.execute(update(WebhookEvent).values(forward_state=ForwardState.FORWARDED))
    assert take(world) is None
