"""Odd input: refused in the vendor's own words, never a failure of ours, and never something that spoils what exists."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.simulator_fixture import ACCOUNT, HANDSET, NUMBER, TOKEN, Simulator
from tests.integration.test_simulator_ajo import INBOUND, make

# pytest finds fixtures by their names in this module.
from tests.integration.test_simulator_ajo import headers as headers  # noqa: PLC0414

API = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}"
SENDERS = "/messaging.twilio.com/v2/Channels/Senders"
DEEP = "[" * 100_000
HALF = '"\\ud800"'
ODD = [f'{{"sender_id": "rcs:a", "friendly_name": {value}}}' for value in (HALF, "123", "true", "{}", "NaN")]
ODD += [f'{{"sender_id": "rcs:a", "profile": {{"a": {value}}}}}' for value in ("NaN", "1e999", HALF, DEEP)]
ODD += [
    f'{{"sender_id": "rcs:a", "webhook": {{{field}}}}}' for field in ('"callback_url": 5', '"status_callback_url": "x"')
]
ODD += ["", "null", "[]", '"text"', DEEP, "\xff\xfe", '{"sender_id": 5}']


def is_well(sim: Simulator) -> bool:
    """Whether everything that exists can still be shown, kept and taken up again."""
    snapshot = sim.http.get("/_sim/snapshot")
    return (
        sim.http.get("/").is_success
        and sim.http.get("/_sim/ledger").is_success
        and sim.http.put("/_sim/snapshot", content=snapshot.content).is_success
    )


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_an_odd_sender_is_refused(sim: Simulator, body: str) -> None:
    content = body.encode("latin-1") if body == "\xff\xfe" else body.encode()
    response = sim.call("POST", SENDERS, content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["status"]) == (400, 400)
    assert is_well(sim)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"{API}/Messages.json", {"To": HANDSET, "From": NUMBER, "Body": "x", "ValidityPeriod": "²"}),
        (f"{API}/Messages.json", {"To": HANDSET, "From": NUMBER, "Body": "x", "ValidityPeriod": "9" * 5000}),
        (f"{API}/Messages.json", {"To": HANDSET, "From": NUMBER, "Body": "x", "ContentVariables": DEEP}),
        (f"{API}/Messages.json", {"To": "\x00", "From": NUMBER, "Body": "x"}),
        ("/messaging.twilio.com/v1/Services", {"FriendlyName": "x", "ValidityPeriod": "²"}),
        ("/messaging.twilio.com/v1/Services", {"FriendlyName": "x", "InboundRequestUrl": "http://["}),
        ("/iam.twilio.com/v1/Keys", {"AccountSid": ACCOUNT, "KeyType": "restricted", "Policy": DEEP}),
        (
            "/iam.twilio.com/v1/Keys",
            {"AccountSid": ACCOUNT, "KeyType": "restricted", "Policy": '{"allow": ["/\\ud800"]}'},
        ),
    ],
)
def test_an_odd_form_is_refused(sim: Simulator, path: str, form: dict[str, str]) -> None:
    assert sim.call("POST", path, data=form).status_code == 400
    assert is_well(sim)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("inbound", {"from": HANDSET, "to": NUMBER, "media": ["http://["]}),
        ("inbound", {"from": HANDSET, "to": NUMBER, "body": 5}),
        ("faults", {"match": {"path_regex": "x"}, "action": "delay", "seconds": 1e9}),
        ("clock/advance", {"duration": 1e18}),
        ("clock/advance", {"duration": "9" * 50 + "d"}),
        ("accounts", {"sid": "AC1"}),
        ("campaigns", {}),
    ],
)
def test_an_odd_control_call_is_refused(sim: Simulator, path: str, body: dict[str, Any]) -> None:
    assert sim.http.post(f"/_sim/{path}", json=body).status_code == 400
    assert is_well(sim)


def test_half_a_character_from_ajos_side_is_refused_everywhere(sim: Simulator, headers: dict[str, str]) -> None:
    webhook = make(sim, headers, "webhooks", {"name": "in", "vendor": "custom", "type": "inbound"})
    json_headers = {"Content-Type": "application/json"}
    for body in ('{"InboundMessage": "\\ud800"}', '{"InboundMessage": NaN}', DEEP):
        assert sim.http.post(webhook["url"], content=body, headers=json_headers).status_code == 400
        control = sim.http.post("/_sim/inbound", content=body, headers=json_headers)
        assert control.status_code == 400
    assert sim.http.post(webhook["url"], json=INBOUND).status_code == 200
    assert is_well(sim)


def test_head_is_answered_as_get_is_for_keys_too(sim: Simulator) -> None:
    form = {"AccountSid": ACCOUNT, "FriendlyName": "k"}
    key = sim.call("POST", "/iam.twilio.com/v1/Keys", data=form).json()
    services = "/messaging.twilio.com/v1/Services"
    assert sim.call("HEAD", services, auth=(key["sid"], key["secret"])).status_code == 200
    assert sim.call("HEAD", services, auth=(ACCOUNT, TOKEN)).status_code == 200


@pytest.mark.parametrize("address", ["http://xn--/", "http://127.0.0.1:9/#rc=²"])
def test_a_callback_that_cannot_be_made_is_in_the_ledger_and_raises_an_alert(sim: Simulator, address: str) -> None:
    sid = sim.send(HANDSET, From=NUMBER, StatusCallback=address).json()["sid"]
    sim.advance("1h")
    assert sim.message(sid)["status"] == "delivered"
    assert len(sim.call("GET", "/monitor.twilio.com/v1/Alerts").json()["alerts"]) == 3
    assert all(entry["attempts"] for entry in sim.ledger()["callbacks"])


def test_a_rejected_sender_that_is_submitted_again_is_judged_again(sim: Simulator) -> None:
    sim.control("POST", "verdicts", {"sender_id_regex": "second", "status": "REJECTED", "country": "US"})
    sid = sim.new_sender("rcs:second_try")["sid"]
    sim.advance("29d")
    assert sim.sender(sid)["status"] == "OFFLINE"
    snapshot = sim.http.get("/_sim/snapshot").json()
    snapshot["state"]["verdicts"] = []
    sim.http.put("/_sim/snapshot", json=snapshot).raise_for_status()
    sim.control("POST", f"senders/{sid}/submit", {})
    sim.advance("29d")
    assert sim.sender(sid)["status"] == "ONLINE"


def test_a_broken_answer_without_a_body_stays_without_one(sim: Simulator) -> None:
    service = sim.new_service()
    sim.control("POST", "faults", {"match": {"method": "delete", "path_regex": "Services"}, "action": "malformed"})
    response = sim.call("DELETE", f"/messaging.twilio.com/v1/Services/{service}")
    assert (response.status_code, response.content) == (204, b"")


def test_the_log_of_changes_does_not_grow_without_end(sim: Simulator) -> None:
    sim.new_service()
    snapshot = sim.http.get("/_sim/snapshot").json()
    (event,) = snapshot["state"]["monitor_events"]
    snapshot["state"]["monitor_events"] = [event] * 6000
    sim.http.put("/_sim/snapshot", json=snapshot).raise_for_status()
    newest = sim.new_service()
    kept = sim.http.get("/_sim/snapshot").json()["state"]["monitor_events"]
    assert (len(kept), kept[-1]["resource_sid"]) == (5000, newest)
