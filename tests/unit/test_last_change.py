from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import insert, select

from engine import drift_memory, last_change
from engine.contract import Finding
from engine.last_change import choose, told
from engine.plan import PlanContext
from models.states import Provenance, ResourceState, VerificationState
from models.tables import DriftFinding, Event, Resource, Verification
from providers.errors import HeldBack
from providers.twilio.types import MonitorEvent
from tests.factories import ACCOUNT_SID
from tests.unit.providers_world import Vendor, twilio

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
USER = "US" + "a" * 32
SERVICE = "MG" + "b" * 32
CALLBACK = Finding("service", "status_callback is X, wanted Y", "mend it", key="service/status_callback", sid=SERVICE)
NAME = Finding("service", "friendly_name is X, wanted Y", "mend it", key="service/friendly_name", sid=SERVICE)
NUMBER = Finding("number", "capabilities is X, wanted Y", "mend it", key="number:1/capabilities", sid="PN1")
AJO = Finding("credential", "name is X, wanted Y", "mend it", key="credential/name")


def event(hour, *changed, action="updated", by=("user", USER), source="web"):
    return MonitorEvent(
        f"messaging-service.{action}", NOON + timedelta(hours=hour), *by, source, "203.0.113.7", frozenset(changed)
    )


BY_API = {"by": ("account", ACCOUNT_SID), "source": "api"}
MENDED = event(3, "friendly_name", **BY_API)


@pytest.mark.parametrize(
    ("events", "field", "words"),
    [
        ([event(1, "status_callback"), MENDED], "status_callback", f"changed by user {USER} in the Console at T from A"),
        ([event(1), MENDED], "numbers", f"last changed over the API (account {ACCOUNT_SID}, as which onboard calls too) at T from A"),
        ([event(1, "name"), event(2, "name", by=("api-key", "SK1"), source="api")], "name", "changed over the API (api-key SK1) at T from A"),
        ([event(1, by=("twilio-admin", ""), source="twilio")], "status", "last changed by twilio-admin at T from A"),
        ([event(1, by=("", ""), source="")], "status", "last changed by Twilio at T from A"),
        ([event(1, by=("", ""), source="api")], "status", "last changed over the API (as which onboard calls too) at T from A"),
        ([event(1), event(2, action="deleted")], "exists", f"deleted by user {USER} in the Console at T from A"),
        ([event(1)], "exists", f"last changed by user {USER} in the Console at T from A"),
    ],
)  # fmt: skip
def test_the_newest_event_that_names_the_field_is_told_else_the_newest_as_last_changed(events, field, words):
    change = choose(events, field, ACCOUNT_SID)
    assert told(change.as_json() | {"address": "A"}, "T") == words
    assert change == choose(events[::-1], field, ACCOUNT_SID)
    assert told(change.as_json(), "T", shows_address=False) == words.removesuffix(" from A")


def test_that_an_object_was_made_says_nothing_of_who_changed_it():
    assert choose([event(1, action="created")], "numbers", ACCOUNT_SID) is None
    assert choose([], "numbers", ACCOUNT_SID) is None


class Monitor:
    """Twilio's log, with a note of what was asked."""

    def __init__(self, **events):
        self.events = events
        self.asked = []

    def list_events(self, *, resource_sid, since):
        self.asked.append((resource_sid, since))
        answer = self.events.get(resource_sid[:2], [])
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def ask(world):
    world.start()

    def call(monitor, found, known=()):
        shop = replace(world.shop, make_vendors=lambda *_: SimpleNamespace(twilio=monitor))
        return last_change.ask(PlanContext(shop, world.onboarding()), found, known)

    return call


def test_each_object_that_differs_anew_is_asked_about_once_and_what_is_known_never(ask):
    monitor = Monitor(MG=[event(1, "status_callback")])
    found = ask(monitor, [CALLBACK, NAME, AJO, NUMBER], known={NUMBER.key})
    assert [sid for sid, _ in monitor.asked] == [SERVICE]
    assert [one.last_change and one.last_change.names_it for one in found] == [True, False, None, None]
    assert [replace(one, last_change=None) for one in found] == [CALLBACK, NAME, AJO, NUMBER]
    assert ask(monitor, [CALLBACK, NAME, AJO], known={CALLBACK.key, NAME.key}) == [CALLBACK, NAME, AJO]
    assert len(monitor.asked) == 1


def test_an_object_that_is_gone_is_asked_about_by_the_sid_that_is_remembered(ask, world):
    gone = Finding("service", "does not exist any more", "mend it", key="messaging-service/exists")
    monitor = Monitor(MG=[event(1, action="deleted")])
    assert ask(monitor, [gone]) == [gone]
    assert monitor.asked == []
    with world.db.begin() as connection:
        values = {"kind": "twilio_messaging_service", "vendor": "twilio", "name": "n", "external_id": SERVICE}
        connection.execute(
            insert(Resource).values(
                onboarding_id=world.onboarding_id(connection),
                step="registration",
                state=ResourceState.PRESENT,
                provenance=Provenance.CREATED,
                details={},
                intended_at=world.time,
                **values,
            )
        )
    (found,) = ask(monitor, [gone])
    assert found.last_change.action == "deleted"


def test_the_log_is_read_from_the_last_look_that_passed_and_30_days_back_at_most(ask, world):
    monitor = Monitor()

    def asked_from():
        ask(monitor, [CALLBACK])
        return world.time - monitor.asked[-1][1]

    def check(state):
        with world.db.begin() as connection:
            values = {"trigger": "drift", "sends_message": False, "findings": [], "state": state}
            moments = dict.fromkeys(("requested_at", "started_at"), world.time)
            mine = {"onboarding_id": world.onboarding_id(connection)}
            connection.execute(insert(Verification).values(**mine, **values, **moments))

    assert asked_from() == timedelta(days=30)
    check(VerificationState.PASSED)
    world.forward(days=2)
    check(VerificationState.FAILED)
    world.forward(days=1)
    assert asked_from() == timedelta(days=3, minutes=10)
    world.forward(days=60)
    assert asked_from() == timedelta(days=30)


def answer(status, body=None):
    code = {404: 20404, 403: 70051}.get(status, 20003)
    return httpx.Response(status, json={"code": code, "message": "no"} if body is None else body)


@pytest.mark.parametrize(
    "trouble",
    [
        *(answer(status) for status in (401, 403, 404, 400, 429, 500, 503)),
        httpx.Response(302),
        httpx.Response(200, content=b"<html>"),
        answer(200, {"other": []}),
        answer(200, {"events": [{"event_date": "yesterday"}]}),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("away"),
    ],
    ids=lambda trouble: getattr(trouble, "status_code", type(trouble).__name__),
)
def test_however_the_lookup_fails_the_look_finds_what_it_found(ask, trouble):
    vendor = Vendor(trouble)
    found = [CALLBACK, NAME, NUMBER, AJO]
    assert ask(twilio(vendor), found) == found
    is_not_found = isinstance(trouble, httpx.Response) and trouble.status_code == 404
    # What the log does not know says nothing of the next object; any other trouble would come again.
    assert len(vendor.requests) == (2 if is_not_found else 1)


def test_an_account_that_rests_ends_the_asking_and_not_the_look(ask):
    rests = HeldBack("rests", vendor="twilio", until=NOON, after=60.0, context=None)
    monitor = Monitor(MG=rests, PN=[event(1)])
    assert ask(monitor, [CALLBACK, NUMBER]) == [CALLBACK, NUMBER]
    monitor = Monitor(PN=rests, MG=[event(1)])
    assert [one.last_change is not None for one in ask(monitor, [CALLBACK, NUMBER])] == [True, False]


def test_who_did_it_is_remembered_with_the_difference_and_told_in_the_event_log_without_the_address(world):
    world.start()
    change = choose([event(1, "status_callback")], "status_callback", ACCOUNT_SID)

    def seen(*found):
        with world.db.begin() as connection:
            drift_memory.record(connection, world.onboarding_id(connection), found, at=world.time)
            return connection.execute(select(DriftFinding.c.last_change)).scalar_one()

    assert seen(replace(CALLBACK, last_change=change)) == change.as_json()
    assert change.as_json()["address"] == "203.0.113.7"
    assert seen(CALLBACK) == change.as_json()
    with world.db.begin() as connection:
        texts = connection.execute(select(Event.c.text).where(Event.c.kind == "drift:found")).scalars().all()
    told = f"changed by user {USER} in the Console at 2026-11-23 13:00 UTC"
    assert texts == [f"{CALLBACK.subject}: {CALLBACK.problem}; {told}"]
    seen()
    assert seen(CALLBACK) is None
