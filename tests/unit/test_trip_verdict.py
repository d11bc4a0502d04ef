"""Each situation of a proof on its way: waited for, passed, or told as the finding of the first hop that failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from engine.message_status import status_rank
from engine.round_trip import Trip, hops_of_proof
from models.states import ForwardState
from tasks.steps.trip_verdict import Patience, judge

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOON, LATE = START + timedelta(minutes=1), START + timedelta(minutes=20)
SENDER = "rcs:acme_agent"


def proof(**changes):
    row = {"campaign_id": "c-1", "recipient": "+12125550123", "reference": "onb-1-ab", "asked_at": START}
    row |= {"taken_at": START, "job_id": "j-1", "status": "SUBMITTED", "error": None, "cure": None}
    return SimpleNamespace(**row | changes)


def message(**changes):
    row = {"recipient": "+12125550123", "client_reference": "ajo-1", "sid": "SM1", "status": "accepted"}
    row |= {"error": None, "error_code": None, "created_at": START, "posted_at": START}
    return SimpleNamespace(**row | changes)


def event(status, state=ForwardState.FORWARDED, *, error=None, sender=SENDER, code=""):
    payload = {"MessageStatus": status, "From": sender, "ErrorCode": code}
    at = START if state is ForwardState.FORWARDED else None
    return SimpleNamespace(
        id=7,
        payload=payload,
        received_at=START,
        forward_state=state,
        forward_error=error,
        forward_tries=1,
        forwarded_at=at,
    )


ARRIVED = ForwardState.PENDING
NOTHING = {"message": None}
UNSENT = {"message": message(sid=None, status="intended")}

# What is known, when, and what is said: of a wait, of a finding (problem, cure), or None when it passed.
SITUATIONS = [
    (
        "AJO refused",
        {"proof": proof(status="refused", error="404", cure="mend it"), **NOTHING},
        SOON,
        ("refused: 404", "mend"),
    ),
    ("AJO works on it", {"proof": proof(status="CREATED"), **NOTHING}, SOON, "job j-1 is CREATED"),
    ("AJO's answer got lost", {"proof": proof(job_id=None, status="intended"), **NOTHING}, SOON, "got lost"),
    ("lost for good", {"proof": proof(job_id=None), **NOTHING}, LATE, ("may have been made", "provider URL")),
    (
        "AJO failed",
        {"proof": proof(status="FAILED", error="no route"), **NOTHING},
        SOON,
        ("says no route", "provider URL"),
    ),
    ("AJO is content, the bridge knows nothing", NOTHING, SOON, "has not heard of it"),
    ("and never will", NOTHING, LATE, ("nothing came to the bridge in 15 min", "X-Onboard-Token")),
    ("the bridge sends it", UNSENT, SOON, "Twilio has not taken it yet"),
    (
        "the bridge could not",
        {**UNSENT, "proof": proof(status="FAILED", error="503")},
        SOON,
        ("says 503", "gateway's log"),
    ),
    ("the bridge is unclear", UNSENT, LATE, ("unclear", "gateway's log")),
    (
        "Twilio refused",
        {"message": message(sid=None, status="failed", error="opted out", error_code=21610)},
        SOON,
        ("Twilio refused it: opted out", ""),
    ),
    ("Twilio has it", {}, SOON, "is with Twilio"),
    ("no callback", {}, LATE, ("no callback came in 15 min", "ONBOARD_PUBLIC_URL")),
    ("on its way", {"events": [event("sent")]}, SOON, "is sent"),
    ("stays sent", {"events": [event("sent")]}, LATE, ("is sent after 15 min", "handset")),
    ("not delivered", {"events": [event("undelivered", ARRIVED, code="30003")]}, SOON, ("error 30003", "handset")),
    ("AJO has not taken it", {"events": [event("delivered", ARRIVED)]}, SOON, "AJO has not heard"),
    ("nor will", {"events": [event("delivered", ARRIVED, error="503")]}, LATE, ("in 15 min: 503", "worker")),
    ("nobody posts it", {"events": [event("delivered", ARRIVED)]}, LATE, ("not posted yet", "worker")),
    (
        "AJO refuses it",
        {"events": [event("sent", ForwardState.PARKED, error="400")]},
        SOON,
        ("webhook: 400", "replay 7"),
    ),
    (
        "AJO cannot read the bridge's answer",
        {"proof": proof(status="FAILED", error="no id at id"), "events": [event("delivered")]},
        SOON,
        ("no id at id", "extractor"),
    ),
    ("delivered and heard", {"events": [event("sent"), event("delivered")]}, SOON, None),
    (
        "heard though AJO still says PROCESSING",
        {"proof": proof(status="PROCESSING"), "events": [event("read")]},
        LATE,
        None,
    ),
    ("read came first", {"events": [event("read"), event("delivered", ForwardState.NOT_NEEDED)]}, SOON, None),
]


@pytest.mark.parametrize(
    ("known", "now", "said"), [case[1:] for case in SITUATIONS], ids=[case[0] for case in SITUATIONS]
)
def test_each_situation_has_its_verdict(known, now, said):
    trip = Trip(**{"proof": proof(), "message": message()} | known)
    verdict = judge(trip, Patience(now, timedelta(minutes=15), status_rank("delivered")), name="acme")
    if said is None:
        assert verdict == []
    elif isinstance(said, str):
        assert isinstance(verdict, str)
        assert said in verdict
    else:
        (finding,) = verdict
        assert finding.severity == "error"
        assert said[0] in f"{finding.subject} {finding.problem}"
        assert finding.cure
        assert said[1] in finding.cure


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"events": [event("delivered", sender="+14155550100")]}, "not over RCS"),
        ({"events": [event("delivered")], "proof": proof(status="PARTIALLY_FAILED", error="B")}, "AJO says B"),
    ],
)
def test_what_works_but_not_as_wished_is_a_warning(known, said):
    trip = Trip(**{"proof": proof(), "message": message()} | known)
    (finding,) = judge(trip, Patience(SOON, timedelta(minutes=15), status_rank("delivered")), name="acme")
    assert finding.severity == "warning"
    assert said in finding.problem


def hops(*, has_failed=False, **known):
    found = hops_of_proof(Trip(**{"proof": proof(), "message": message()} | known), has_failed=has_failed)
    return {hop.way: hop for hop in found}, [hop.state.value for hop in found]


def test_a_hop_says_how_the_message_was_recognised():
    by_way, _ = hops(is_certain=True)
    assert by_way["AJO -> bridge"].text == "AJO's reference ajo-1 (its text shows our reference)"
    by_way, _ = hops(rivals=2)
    assert "by recipient and time only, and 2 more came" in by_way["AJO -> bridge"].text
    by_way, _ = hops(message=message(client_reference="onboard-5f"))
    assert "no {{client_reference}} came" in by_way["AJO -> bridge"].text


def test_what_is_awaited_is_missing_once_nobody_waits():
    assert hops()[1][-2:] == ["awaited", "hidden"]
    assert hops(has_failed=True)[1][-2:] == ["failed", "hidden"]
    assert hops(message=None, has_failed=True)[1] == ["seen", "seen", "failed", "hidden"]


def test_a_later_status_under_way_does_not_spoil_what_has_passed():
    _, states = hops(events=[event("delivered"), event("read", ARRIVED)])
    assert states.count("awaited") == 1
    assert "failed" not in states


def test_beyond_ajos_webhook_nothing_can_be_seen_and_it_is_said():
    by_way, _ = hops()
    assert (by_way["inside AJO"].at, by_way["inside AJO"].state.value) == (None, "hidden")
    assert "from outside" in by_way["inside AJO"].text
