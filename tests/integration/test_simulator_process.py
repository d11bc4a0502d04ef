"""The simulator as a process: start, stop, scripted trouble and the ledger."""

import signal
import time

import httpx
import pytest

from tests.integration.simulator_fixture import ACCOUNT, Simulator, running_simulator

SERVICES = "/messaging.twilio.com/v1/Services"


def service_names(sim: Simulator) -> list[str]:
    return [service["friendly_name"] for service in sim.call("GET", SERVICES).json()["services"]]


def test_sigterm_ends_the_process_cleanly_within_a_second_even_while_a_call_is_slow() -> None:
    begun = time.monotonic()
    with running_simulator() as simulator:
        # On a machine so busy that a start takes longer than a second, an end may take as long.
        limit = max(1.0, time.monotonic() - begun)
        simulator.control("POST", "faults", {"match": {"path_regex": "Services"}, "action": "delay", "seconds": 60})
        with pytest.raises(httpx.ReadTimeout):
            simulator.call("GET", SERVICES, timeout=0.2)
        started = time.monotonic()
        simulator.process.send_signal(signal.SIGTERM)
        assert simulator.process.wait(timeout=30) == 0
        assert time.monotonic() - started < limit


def test_a_reset_closes_the_connection_before_anything_is_done(sim: Simulator) -> None:
    sim.control("POST", "faults", {"match": {"method": "POST", "path_regex": "/Services$"}, "action": "reset"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sim.new_service("first")
    assert service_names(sim) == []
    sim.new_service("second")
    assert service_names(sim) == ["second"]


def test_a_lost_reply_closes_the_connection_after_the_work_is_done(sim: Simulator) -> None:
    sim.control("POST", "faults", {"match": {"method": "POST", "path_regex": "/Services$"}, "action": "reply_lost"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sim.new_service("made")
    assert service_names(sim) == ["made"]


def test_a_status_fault_speaks_the_vendors_language_and_carries_retry_after(sim: Simulator) -> None:
    rule = {
        "match": {"path_regex": "Services"},
        "action": "status",
        "status": 429,
        "code": 20429,
        "retry_after": 2,
    }
    sim.control("POST", "faults", rule)
    response = sim.call("GET", SERVICES)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "2"
    assert response.headers["Twilio-Request-Id"].startswith("RQ")
    assert response.json()["code"] == 20429
    sim.control("POST", "faults", {"match": {"path_regex": "/automation/"}, "action": "status", "status": 503})
    refused = sim.http.get("/automation/credentials")
    assert (refused.status_code, refused.json()["status"]) == (503, 503)


def test_a_rule_skips_and_counts_as_told(sim: Simulator) -> None:
    rule = {"match": {"path_regex": "Services"}, "action": "status", "status": 500, "skip": 1, "times": 2}
    sim.control("POST", "faults", rule)
    assert [sim.call("GET", SERVICES).status_code for _ in range(4)] == [200, 500, 500, 200]
    assert sim.control("GET", "faults")["faults"][0]["hits"] == 2


def test_a_rule_without_an_end_lasts_until_the_rules_are_cleared(sim: Simulator) -> None:
    rule = {"match": {"path_regex": "Services"}, "action": "status", "times": None}
    sim.control("POST", "faults", rule)
    assert [sim.call("GET", SERVICES).status_code for _ in range(3)] == [500, 500, 500]
    sim.control("DELETE", "faults")
    assert sim.call("GET", SERVICES).status_code == 200


def test_a_delay_answers_late_but_normally(sim: Simulator) -> None:
    sim.control("POST", "faults", {"match": {"path_regex": "Services"}, "action": "delay", "seconds": 0.3})
    started = time.monotonic()
    assert sim.call("GET", SERVICES).status_code == 200
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    "rule",
    [{}, {"match": {"path_regex": "("}, "action": "reset"}, {"match": {"path_regex": "x"}, "action": "x"}],
)
def test_a_malformed_rule_is_refused(sim: Simulator, rule: dict[str, object]) -> None:
    assert sim.http.post("/_sim/faults", json=rule).status_code == 400


def test_the_ledger_counts_objects_calls_and_duplicates(sim: Simulator) -> None:
    first = sim.new_service("twin")
    sim.new_service("twin")
    ledger = sim.ledger()
    assert ledger["counts"]["messaging_service"] == {"live": 2, "created": 2}
    assert ledger["calls"][f"POST {SERVICES}"] == 2
    assert ledger["duplicates"] == [
        {"kind": "messaging_service", "account_or_sandbox": ACCOUNT, "name": "twin", "count": 2}
    ]
    sim.call("DELETE", f"{SERVICES}/{first}")
    ledger = sim.ledger()
    assert ledger["counts"]["messaging_service"] == {"live": 1, "created": 2}
    assert ledger["calls"]["DELETE /messaging.twilio.com/v1/Services/{MG}"] == 1
    assert ledger["duplicates"] == []


def test_a_reset_brings_back_the_first_world(sim: Simulator) -> None:
    sim.new_service("gone")
    sim.control("POST", "reset")
    assert service_names(sim) == []
    assert sim.ledger()["objects"] == []


def test_an_unknown_path_is_answered_as_the_vendor_would(sim: Simulator) -> None:
    assert sim.call("GET", "/messaging.twilio.com/v1/Nothing").json()["code"] == 20404
    assert sim.http.get("/automation/nothing").json()["status"] == 404
