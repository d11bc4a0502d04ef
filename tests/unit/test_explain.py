"""``explain`` in each situation that an onboarding can be in: what sort of thing it names, and the sentence for people."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tasks.steps
from cli.words import sentence
from engine.explain import explain
from engine.queries import Forwards, Step, Summary
from engine.transitions import derive_status
from models.states import HELD, OnboardingState, StepState

O = OnboardingState  # noqa: E741
S = StepState
NAMES = ("registration", "webhook", "credential", "channel", "verification")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AGO, SOON = timedelta(hours=3), timedelta(minutes=10)


def make_step(name: str, state: StepState, **columns: Any) -> Step:
    values = {
        "reason": None,
        "attempts": 1,
        "failures": 0,
        "started_at": NOW - AGO,
        "finished_at": None,
        "looks_again_at": None,
        "not_before": None,
        "waiting_since": None,
        "waiting_until": None,
        "waiting_for": None,
        "waiting_topic": None,
        "due_at": None,
        "settled_by": None,
    }
    return Step(name=name, position=NAMES.index(name), state=state, **values | columns)


def make_summary(status: OnboardingState, *steps: Step, **columns: Any) -> Summary:
    """With the steps given; those before them are done, those behind are still to come."""
    given = {step.name: step for step in steps}
    first = min((NAMES.index(name) for name in given), default=len(NAMES))
    filled = tuple(
        given.get(name) or make_step(name, S.SUCCEEDED if position < first else S.PENDING)
        for position, name in enumerate(NAMES)
    )
    values = {
        "id": 1,
        "name": "acme",
        "channel": "rcs",
        "brand": "Acme",
        "organization_id": "5105A7E0@AdobeOrg",
        "sandbox": "prod",
        "reason": None,
        "created_at": NOW - timedelta(days=9),
        "updated_at": NOW - AGO,
        "activated_at": None,
        "next_verification_at": None,
    }
    return Summary(status=status, steps=filled, **values | columns)


def sentences(summary: Summary, **more: Any) -> list[str]:
    return [sentence(blocker, NOW) for blocker in explain(summary, now=NOW, **more)]


def kinds(summary: Summary, **more: Any) -> list[str]:
    return [blocker.kind for blocker in explain(summary, now=NOW, **more)]


WAITING = {"waiting_since": NOW - timedelta(days=12), "waiting_until": NOW + timedelta(days=48)}
REVIEW = WAITING | {
    "reason": "review of rcs:acme is IN_REVIEW; US: PENDING",
    "waiting_for": "Twilio and the carriers",
    "waiting_topic": "review",
    "due_at": NOW + SOON,
}
PERSON = REVIEW | {"reason": "submit the sender", "waiting_for": "a person", "waiting_topic": "submission"}
ASKS = {"reason": "x", "waiting_for": "a person", "waiting_since": NOW - AGO}
REVIEW_SENTENCE = "It has waited for Twilio and the carriers for 12 d: review of rcs:acme is IN_REVIEW; US: PENDING; "

SITUATIONS = [
    (
        "a vendor's review",
        make_summary(O.WAITING, make_step("registration", S.WAITING_VENDOR, **REVIEW)),
        REVIEW_SENTENCE + "looks again in 10 min; if nothing has moved by 2027-01-10, a person is asked.",
    ),
    (
        "a vendor's review while a worker looks",
        make_summary(O.WAITING, make_step("registration", S.RUNNING, **REVIEW)),
        REVIEW_SENTENCE + "looks again now; if nothing has moved by 2027-01-10, a person is asked.",
    ),
    (
        "a look that is due",
        make_summary(O.WAITING, make_step("registration", S.READY, **REVIEW)),
        REVIEW_SENTENCE + "looks again now; if nothing has moved by 2027-01-10, a person is asked.",
    ),
    (
        "a look that nobody takes",
        make_summary(O.WAITING, make_step("registration", S.WAITING_VENDOR, **REVIEW | {"due_at": NOW - AGO})),
        (
            REVIEW_SENTENCE + "its next look has been due for 3 h: is the scheduler running? `onboard up` starts it; "
            "if nothing has moved by 2027-01-10, a person is asked."
        ),
    ),
    (
        "a short wait",
        make_summary(
            O.WAITING,
            make_step("verification", S.WAITING_VENDOR, **REVIEW | {"waiting_until": NOW + timedelta(minutes=4)}),
        ),
        "if nothing has moved in 4 min, a person is asked.",
    ),
    (
        "a review that takes too long",
        make_summary(
            O.WAITING,
            make_step(
                "registration",
                S.WAITING_PERSON,
                **REVIEW | {"reason": "overdue: US: PENDING", "waiting_until": NOW - timedelta(days=1)},
            ),
        ),
        (
            "It has waited for Twilio and the carriers for 12 d, longer than it should (until 2026-11-22), so a person has to "
            "look: US: PENDING; looks again in 10 min."
        ),
    ),
    (
        "a person, with no operator task",
        make_summary(O.WAITING, make_step("registration", S.WAITING_PERSON, **PERSON)),
        "It has waited for a person for 12 d: submit the sender; looks again in 10 min.",
    ),
    (
        "too many vanished workers",
        make_summary(
            O.WAITING,
            make_step(
                "webhook",
                S.WAITING_PERSON,
                **ASKS | {"reason": "5 workers vanished; then `onboard retry acme`", "waiting_topic": "lost"},
            ),
        ),
        "It has waited for a person for 3 h, and nothing looks before: 5 workers vanished; then `onboard retry acme`.",
    ),
    (
        "too many failures",
        make_summary(O.WAITING, make_step("webhook", S.WAITING_PERSON, **ASKS | {"waiting_topic": "gave up"})),
        "It has waited for a person for 3 h, and nothing looks before: x; then `onboard retry acme`.",
    ),
    (
        "a backoff",
        make_summary(
            O.RUNNING,
            make_step("credential", S.RETRYING, reason="Twilio is slow; try 3 in 600.0 s", not_before=NOW + SOON),
        ),
        (
            "A passing failure at credential: Twilio is slow; try 3 in 600.0 s; tries again in 10 min; after 15 failures in a "
            "row a person is asked."
        ),
    ),
    (
        "a worker at work",
        make_summary(O.RUNNING, make_step("channel", S.RUNNING, due_at=NOW + SOON)),
        "It is at work on channel for 3 h; if its worker goes silent, another takes over in 10 min.",
    ),
    (
        "a worker that went silent",
        make_summary(O.RUNNING, make_step("channel", S.RUNNING, due_at=NOW - SOON)),
        "The worker at channel went silent 10 min ago; the next sweep gives it to another.",
    ),
    (
        "nobody takes it",
        make_summary(O.RUNNING, make_step("registration", S.READY, due_at=NOW + SOON)),
        "It is ready for registration and no worker has taken it for 3 h; is a worker running? `onboard up` starts one.",
    ),
    (
        "just made ready",
        make_summary(O.RUNNING, make_step("registration", S.READY), updated_at=NOW - timedelta(seconds=5)),
        "It is ready for registration and no worker has taken it for 5 s.",
    ),
    (
        "a former worker's call",
        make_summary(O.RUNNING, make_step("registration", S.READY, not_before=NOW + SOON, due_at=NOW + SOON)),
        (
            "registration waits for the end of the call that its former worker is in the middle of; it starts in 10 min at "
            "the latest."
        ),
    ),
    (
        "a failure",
        make_summary(
            O.FAILED, make_step("channel", S.FAILED, reason="refused: correct it", finished_at=NOW - timedelta(days=2))
        ),
        "It failed at channel 2 d ago: refused: correct it; then `onboard retry acme`.",
    ),
    (
        "active",
        make_summary(O.ACTIVE, activated_at=NOW - timedelta(days=3), next_verification_at=NOW + timedelta(days=4)),
        "It has been active for 3 d; checked again in 4 d (2026-11-27).",
    ),
    (
        "active without a date",
        make_summary(O.ACTIVE, activated_at=NOW - timedelta(days=3)),
        "It has been active for 3 d; no further check is planned.",
    ),
    (
        "active, checks under way",
        make_summary(O.ACTIVE, make_step("verification", S.RUNNING, due_at=NOW + SOON), activated_at=NOW - AGO),
        "It is active, and its checks are running.",
    ),
    (
        "degraded",
        make_summary(
            O.DEGRADED,
            make_step("verification", S.FAILED, reason="the key was deleted", finished_at=NOW - AGO),
            reason="the key was deleted",
            activated_at=NOW - timedelta(days=3),
            next_verification_at=NOW + timedelta(days=4),
        ),
        (
            "It was active, and its checks have failed (3 h ago): the key was deleted; checked again in 4 d (2026-11-27); "
            "then `onboard retry acme`."
        ),
    ),
    (
        "paused",
        make_summary(O.PAUSED, make_step("webhook", S.READY), reason="jo@desk paused it"),
        "jo@desk paused it 3 h ago, and nothing moves until `onboard resume acme`.",
    ),
    (
        "cancelled",
        make_summary(O.CANCELLED, make_step("webhook", S.CANCELLED), reason="jo@desk cancelled it"),
        "jo@desk cancelled it 3 h ago; `onboard retry acme` takes it up again.",
    ),
    ("a draft", make_summary(O.DRAFT), "It is draft."),
    ("being taken down", make_summary(O.TEARING_DOWN), "It is tearing down."),
]


@pytest.mark.parametrize(
    ("summary", "expected"), [each[1:] for each in SITUATIONS], ids=[each[0] for each in SITUATIONS]
)
def test_the_first_sentence_says_what_for_since_when_who_and_what_next(summary, expected):
    first = sentences(summary)[0]
    assert first == expected if expected[:2] != "if" else first.endswith(expected)


# Every wait that a step or the engine asks for today: its topic, who ends it, whether it is a person's.
TOPICS = [
    ("registration", "review", "Twilio and the carriers", False),
    ("registration", "submission", "a person", True),
    ("registration", "offline", "a person", True),
    ("registration", "rejected", "a person", True),
    ("registration", "look-alike", "a person", True),
    ("registration", "checklist", "a person", True),
    ("webhook", "probe", "the gateway and AJO", False),
    ("webhook", "sender-webhook", "a person", True),
    ("webhook", "gateway", "a person", True),
    ("webhook", "inbound-webhook", "a person", True),
    ("webhook", "look-alike", "a person", True),
    ("credential", "person", "a person", True),
    ("channel", "configuration-failed", "a person", True),
    ("channel", "read-only", "a person", True),
    ("channel", "activation", "Adobe Journey Optimizer", False),
    ("verification", "delivery-7", "the handset and its carrier", False),
    ("verification", "proof-7", "AJO, Twilio and the handset", False),
    ("verification", "rotation", "the gateways", False),
    ("verification", "vendor", "a person", True),
]


def test_no_wait_of_a_step_is_missing_from_the_table():
    sources = "\n".join(path.read_text() for path in Path(tasks.steps.__file__).parent.glob("*.py"))
    asked = re.findall(r'(?:topic=f?|^TOPIC = )"([^"]+)"', sources, re.MULTILINE)
    assert len(asked) > 10
    assert {topic.replace("{run.id}", "7") for topic in asked} <= {topic[1] for topic in TOPICS}


@pytest.mark.parametrize(("name", "topic", "who", "is_persons"), TOPICS, ids=[topic[1] for topic in TOPICS])
def test_each_wait_names_who_ends_it_and_only_a_vendors_ends_by_the_clock(name, topic, who, is_persons):
    state = S.WAITING_PERSON if is_persons else S.WAITING_VENDOR
    step = make_step(name, state, **REVIEW | {"waiting_for": who, "waiting_topic": topic})
    (first, *others) = explain(make_summary(O.WAITING, step), now=NOW)
    assert (first.kind, first.who, first.step, first.since) == ("wait", who, name, step.waiting_since)
    assert first.looks_at == NOW + SOON
    assert (first.until is None) == is_persons
    assert others == []


def situations() -> dict[tuple[OnboardingState, StepState], Summary]:
    """Every status that the engine derives or a person sets, with every state of the step that is on."""
    found = {}
    states = set(StepState) - {S.SUCCEEDED, S.SKIPPED}
    for name, state, was_active, is_looking in itertools.product(NAMES, states, (True, False), (True, False)):
        before = dict.fromkeys(NAMES[: NAMES.index(name)], S.SUCCEEDED)
        steps = {**before, name: state, **dict.fromkeys(NAMES[NAMES.index(name) + 1 :], S.PENDING)}
        waits = state in {S.WAITING_PERSON, S.WAITING_VENDOR} or (is_looking and state in {S.READY, S.RUNNING})
        columns = REVIEW if waits else {"reason": "x", "due_at": NOW + SOON}
        derived = derive_status(steps, is_looking=is_looking, was_active=was_active)
        for status in {derived, *HELD, O.DRAFT, O.TEARING_DOWN}:
            step = make_step(name, state, **columns, is_removal=status is O.TEARING_DOWN)
            found[status, state] = make_summary(status, step, reason="somebody held it")
    return found


EXPECTED = {
    O.RUNNING: {S.READY: "ready", S.RUNNING: "running", S.RETRYING: "retrying"},
    O.FAILED: {S.FAILED: "failed"},
    O.ACTIVE: dict.fromkeys(StepState, "checking"),
    O.DEGRADED: dict.fromkeys(StepState, "degraded"),
    O.PAUSED: dict.fromkeys(StepState, "paused"),
    O.CANCELLED: dict.fromkeys(StepState, "cancelled"),
    O.DRAFT: dict.fromkeys(StepState, "status"),
    O.TEARING_DOWN: dict.fromkeys(StepState, "tearing_down"),
    O.REMOVED: dict.fromkeys(StepState, "removed"),
    # A step that looks again keeps its onboarding waiting. The engine never leaves the first step pending or cancelled
    # under one that moves, but what cannot be must not be silent either.
    O.WAITING: {
        **dict.fromkeys((S.WAITING_VENDOR, S.WAITING_PERSON, S.READY, S.RUNNING), "wait"),
        **dict.fromkeys((S.PENDING, S.CANCELLED), "stuck"),
        S.RETRYING: "retrying",
    },
}


@pytest.mark.parametrize(("status", "state"), sorted(situations()))
def test_every_legal_pair_of_status_and_step_state_is_explained(status, state):
    summary = situations()[status, state]
    assert kinds(summary)[0] == EXPECTED[status][state]
    assert all(each.endswith(".") and "None" not in each and "unknown" not in each for each in sentences(summary))


def test_a_paused_wait_stays_in_sight_without_a_clock():
    summary = make_summary(O.PAUSED, make_step("registration", S.WAITING_VENDOR, **REVIEW), reason="jo@desk paused it")
    paused, wait = explain(summary, now=NOW)
    assert (paused.command, wait.kind) == ("onboard resume acme", "wait")
    assert (wait.looks_at, wait.until) == (None, None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (S.READY, "It will go on with webhook."),
        (S.RETRYING, "It will go on with webhook."),
        (S.RUNNING, "The worker that is at webhook ends its attempt."),
    ],
)
def test_what_a_pause_holds_is_said(state, expected):
    assert sentences(make_summary(O.PAUSED, make_step("webhook", state), reason="x"))[1] == expected


def test_checks_under_way_and_their_own_wait_are_both_said():
    step = make_step("verification", S.WAITING_VENDOR, **REVIEW)
    assert kinds(make_summary(O.ACTIVE, step)) == ["checking", "wait"]
    assert kinds(make_summary(O.DEGRADED, step, reason="x")) == ["degraded", "wait"]


def task(key: str, step: str = "webhook") -> dict[str, Any]:
    return {"key": key, "step": step, "title": f"Create the {key}", "opened_at": NOW - AGO}


def test_the_operator_task_it_waits_for_gives_the_command_and_others_a_sentence_each():
    step = make_step("webhook", S.WAITING_PERSON, **PERSON | {"waiting_topic": "inbound-webhook"})
    tasks = [task("inbound-webhook"), task("feedback-webhook"), task("credential", "credential")]
    found = explain(make_summary(O.WAITING, step), tasks=tasks, now=NOW)
    assert [(each.kind, each.command) for each in found] == [
        ("wait", "onboard task done acme inbound-webhook"),
        ("task", "onboard task done acme feedback-webhook"),
    ]
    assert sentence(found[1], NOW) == (
        "A person has had work to do for webhook for 3 h: Create the feedback-webhook; "
        "`onboard task done acme feedback-webhook` confirms it."
    )


def test_the_command_of_the_task_it_waits_for_is_said_once():
    how = "see `onboard task show acme inbound-webhook`, then `onboard task done acme inbound-webhook`"
    waiting = PERSON | {"waiting_topic": "inbound-webhook", "reason": f"Create the inbound-webhook: {how}"}
    summary = make_summary(O.WAITING, make_step("webhook", S.WAITING_PERSON, **waiting))
    (text,) = sentences(summary, tasks=[task("inbound-webhook")])
    assert text.count(" done acme") == 1


def item(state: str, by: str = "vendor", **columns: Any) -> dict[str, Any]:
    what = {"key": "us.one", "title": "Usable in US", "detail": None, "stage": "launch", "due_at": None}
    return what | {"state": state, "checked_by": by, "updated_at": NOW - AGO} | columns


def test_open_and_unmet_items_are_said_while_registration_is_on_and_met_ones_and_advice_never():
    due = {"due_at": NOW + timedelta(days=3)}
    items = [
        item("met"),
        item("open", detail="AT&T PENDING", **due),
        item("open", "person", title="Mail answered", key="rcs.mail", **due),
        item("unmet", "person", detail="no reply", due_at=NOW - timedelta(days=2)),
        item("open", "person", stage="advice", **due),
        item("unmet", "person", stage="advice"),
    ]
    registering = make_summary(O.WAITING, make_step("registration", S.WAITING_VENDOR, **REVIEW))
    assert sentences(registering, checklist=items)[1:] == [
        (
            "The checklist is open: Usable in US (AT&T PENDING), needed for the launch; the vendor can settle it; last seen "
            "3 h ago."
        ),
        (
            "The checklist is open: Mail answered, needed for the launch; a person can settle it; due in 3 d (2026-11-26); "
            "then `onboard checklist done acme rcs.mail --by WHO`."
        ),
        (
            "The checklist is not met: Usable in US (no reply), needed for the launch; a person can settle it; overdue for "
            "2 d (2026-11-21); then `onboard checklist done acme us.one --by WHO`."
        ),
    ]
    later = make_summary(O.WAITING, make_step("channel", S.WAITING_VENDOR, **REVIEW))
    assert kinds(later, checklist=items) == ["wait"]


def test_what_onboard_will_look_at_itself_is_no_news_and_without_a_sender_nothing_is_submitted():
    attested = {"key": "a2p", "title": "Campaign registered", "stage": "submission"}
    items = [item("open", "program", stage="submission"), item("open", "person", **attested)]
    registering = make_summary(O.WAITING, make_step("registration", S.WAITING_PERSON, **PERSON))
    (text,) = sentences(registering, checklist=items)[1:]
    assert "Campaign registered, needed for the registration; a person" in text
    (text,) = sentences(registering, checklist=[*items[1:], item("open", "person", key="rcs.policies")])[1:]
    assert "needed for the submission" in text
    assert kinds(registering, checklist=[item("unmet", "program")]) == ["wait", "item_unmet"]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (None, ["letter", "unmet-mail"]),
        ("checklist", ["letter", "unmet-mail"]),
        ("submission", ["letter", "unmet-mail"]),
        ("review", ["mail", "unmet-mail"]),
        ("offline", ["mail", "unmet-mail"]),
        ("rejected", ["mail", "unmet-mail"]),
    ],
)
def test_of_a_persons_items_those_are_said_whose_time_it_is(topic, expected):
    items = [
        item("open", "person", key="letter", stage="submission"),
        item("open", "person", key="mail"),
        item("unmet", "person", key="unmet-mail"),
    ]
    step = make_step("registration", S.WAITING_PERSON, **PERSON | {"waiting_topic": topic})
    found = explain(make_summary(O.WAITING, step), checklist=items, now=NOW)[1:]
    assert [each.command for each in found] == [f"onboard checklist done acme {key} --by WHO" for key in expected]


def test_events_on_their_way_and_kept_back_are_said_of_any_onboarding():
    summary = make_summary(O.ACTIVE, activated_at=NOW - AGO)
    forwards = Forwards(waiting=2, oldest_at=NOW - AGO, due_at=NOW + SOON, parked=1)
    assert sentences(summary, forwards=forwards)[1:] == [
        "2 events of Twilio's not at Adobe Journey Optimizer yet, the oldest for 3 h; tried again in 10 min.",
        (
            "1 event of Twilio's kept from AJO until a person looks (`onboard inbox list --state parked`); "
            "`onboard inbox replay --parked acme` sends again."
        ),
    ]
    assert kinds(summary, forwards=Forwards(0, None, None, 0)) == ["active"]


def test_a_persons_word_stays_in_sight_for_as_long_as_it_holds():
    word = {"reason": "skipped by Jo: not wanted", "settled_by": "Jo", "finished_at": NOW - timedelta(days=3)}
    summary = make_summary(O.ACTIVE, activated_at=NOW - AGO)
    summary = make_summary(
        O.ACTIVE,
        *[make_step("channel", S.SKIPPED, **word) if step.name == "channel" else step for step in summary.steps],
        activated_at=NOW - AGO,
    )
    assert sentences(summary)[1:] == ["channel was skipped by Jo: not wanted (3 d ago)."]


def test_a_call_that_may_still_go_on_under_a_cancelled_step_is_said():
    summary = make_summary(O.CANCELLED, make_step("webhook", S.CANCELLED, due_at=NOW + SOON), reason="jo cancelled it")
    assert sentences(summary)[1] == (
        "At webhook its worker may be in the middle of a call; `onboard retry` waits for its end, in 10 min at the latest."
    )


def test_a_check_says_how_often_it_comes_where_that_is_known():
    summary = make_summary(O.ACTIVE, next_verification_at=NOW + timedelta(days=10))
    (text,) = sentences(summary, every="7d")
    assert "checked again in 10 d (2026-12-03; every 7d, spread)" in text
