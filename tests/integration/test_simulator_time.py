"""Simulated time: scaled, stopped, stepped; and the world in a file."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cli.exits import run
from cli.main import cli as command_line
from simulator.config import Config
from simulator.server import serve
from tests.integration.simulator_fixture import (
    HANDSET,
    NUMBER,
    ROOT,
    TOKEN,
    Simulator,
    callback_site,
    running_simulator,
    until,
)


@dataclass
class Said:
    returncode: int
    stdout: str
    stderr: str


def onboard(*arguments: str) -> Said:
    """The command line in this process: the same entry, without half a second of imports."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(command_line, ["simulator", *arguments])
    return Said(code, out.getvalue(), err.getvalue())


AGENT = "rcs:brand_agent"


def carriers(sim: Simulator, sid: str) -> list[str]:
    return [one["status"] for one in sim.sender(sid)["compliance"]["countries"][0]["carriers"]]


def test_a_review_of_four_weeks_passes_week_by_week(sim: Simulator) -> None:
    sid = sim.new_sender()["sid"]
    assert sim.sender(sid)["status"] == "CREATING"
    command = [sys.executable, "-m", "cli.main", "simulator", "advance", "1s", "--url", sim.url]
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    seen = [(sim.sender(sid)["status"], *carriers(sim, sid))]
    for _ in range(4):
        sim.advance("1w")
        seen.append((sim.sender(sid)["status"], *carriers(sim, sid)))
    waiting, good = "CARRIER_REVIEW", "APPROVED"
    assert seen == [
        ("TWILIO_REVIEW", "UNLAUNCHED", "UNLAUNCHED", "UNLAUNCHED"),
        ("TWILIO_REVIEW", "UNLAUNCHED", "UNLAUNCHED", "UNLAUNCHED"),
        ("PENDING_VERIFICATION", waiting, waiting, waiting),
        ("PENDING_VERIFICATION", good, waiting, waiting),
        ("ONLINE", good, good, good),
    ]


def test_a_slow_senders_review_takes_ten_times_as_long(sim: Simulator) -> None:
    sid = sim.new_sender("rcs:slow_agent")["sid"]
    for duration, status in (("1s", "TWILIO_REVIEW"), ("279d", "PENDING_VERIFICATION"), ("1d", "ONLINE")):
        sim.advance(duration)
        assert sim.sender(sid)["status"] == status


def test_a_launched_sender_that_carriers_suspend_reaches_nobody_until_they_take_it_back(sim: Simulator) -> None:
    service = sim.rcs_service()
    sid = sim.call("GET", f"/messaging.twilio.com/v1/Services/{service}/ChannelSenders").json()["senders"][0]["sid"]
    for status, country, sender, transport in (
        ("SUSPENDED", "OFFLINE", "OFFLINE", NUMBER),
        ("APPROVED", *["ONLINE"] * 2, AGENT),
    ):
        sim.control("POST", f"senders/{sid}/review", {"country": "US", "status": status, "after": "14d"})
        before = sim.sender(sid)["status"]
        sim.advance("13d")
        assert sim.sender(sid)["status"] == before != sender
        sim.advance("2d")
        seen = sim.sender(sid)
        assert (seen["status"], seen["compliance"]["countries"][0]["status"]) == (sender, country)
        assert carriers(sim, sid) == [status] * 3
        sent = sim.send(HANDSET, MessagingServiceSid=service).json()["sid"]
        sim.advance("1h")
        assert sim.message(sent)["from"] == transport


def test_what_happens_on_the_way_happens_at_its_own_moment_and_is_called_back(sim: Simulator) -> None:
    with callback_site() as site:
        begun = datetime.fromisoformat(sim.control("GET", "clock")["now"])
        sent = sim.send(HANDSET, From=NUMBER, StatusCallback=f"{site.url}/s").json()["sid"]
        assert sim.message(sent)["status"] == "queued"
        answer = sim.advance("5d")
        # The advance has waited for its callbacks.
        assert site.statuses(sent) == ["sending", "sent", "delivered"]
        assert answer["happened"] == 3
        assert answer["waiting"] == 0
    (message,) = sim.ledger()["messages"]
    moments = [datetime.fromisoformat(step["at"]) - begun for step in message["history"]]
    assert [round(moment / timedelta(minutes=20)) for moment in moments] == [0, 1, 2, 3]


def test_a_faster_clock_brings_things_sooner(sim: Simulator) -> None:
    sent = sim.send(HANDSET, From=NUMBER).json()["sid"]
    sim.http.put("/_sim/clock", json={"speed": 36000}).raise_for_status()
    until(lambda: sim.message(sent)["status"] == "delivered", seconds=5)


def test_a_snapshot_is_the_whole_world_and_what_is_still_to_come(sim: Simulator, tmp_path: Path) -> None:
    service = sim.new_service("kept")
    sid = sim.new_sender()["sid"]
    sim.control("POST", "faults", {"match": {"path_regex": "nothing"}, "action": "reset"})
    sent = sim.send(HANDSET, From=NUMBER).json()["sid"]
    sim.advance("30m")
    file = tmp_path / "world.json"
    assert onboard("save", str(file), "--url", sim.url).returncode == 0
    before = sim.ledger()
    sim.advance("60d")
    later = (sim.sender(sid)["status"], sim.message(sent)["status"])
    assert later == ("ONLINE", "delivered")
    sim.control("POST", "reset")
    assert sim.ledger()["objects"] == []
    assert onboard("load", str(file), "--url", sim.url).returncode == 0
    assert sim.ledger() == before
    assert sim.call("GET", f"/messaging.twilio.com/v1/Services/{service}").json()["friendly_name"] == "kept"
    assert len(sim.control("GET", "faults")["faults"]) == 1
    sim.advance("60d")
    assert (sim.sender(sid)["status"], sim.message(sent)["status"]) == later


def test_ids_go_on_after_a_restored_snapshot_as_they_would_have(sim: Simulator) -> None:
    snapshot = sim.http.get("/_sim/snapshot").content
    first = sim.new_service("x")
    sim.http.put("/_sim/snapshot", content=snapshot).raise_for_status()
    assert sim.new_service("x") == first


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{", b"{}", b'{"format": "onboard-simulator-1", "state": {"messages": 5}}']
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(
    sim: Simulator, document: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sim.new_service("kept")
    refused = sim.http.put("/_sim/snapshot", content=document)
    assert refused.status_code == 400
    assert "not a snapshot" in refused.json()["title"]
    assert len(sim.ledger()["objects"]) == 1
    file = tmp_path / "world.json"
    file.write_bytes(document)
    assert serve(Config(port=0, state=file)) == 1
    assert str(file) in capsys.readouterr().err


def test_a_simulator_does_not_start_from_what_is_no_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text("{}")
    command = [sys.executable, "-m", "simulator", "--port", "0", "--state", str(file)]
    start = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert start.returncode == 1
    assert str(file) in start.stderr
    assert "Traceback" not in start.stderr


def test_a_state_file_keeps_the_world_from_one_run_to_the_next(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "world.json"
    options = ("--state", str(file), "--speed", "0")
    with running_simulator(*options) as first:
        service = first.new_service("kept")
        sender = first.new_sender()["sid"]
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(10) == 0
    assert file.stat().st_mode & 0o077 == 0, "the file holds secrets of accounts, if only of pretended ones"
    with running_simulator(*options) as second:
        assert second.call("GET", f"/messaging.twilio.com/v1/Services/{service}").status_code == 200
        second.advance("1d")
        assert second.sender(sender)["status"] == "ONLINE"
    assert json.loads(file.read_text())["state"]["accounts"]


def test_the_commands_say_what_happened_and_what_comes(sim: Simulator) -> None:
    sid = sim.new_sender()["sid"]
    told = onboard("advance", "1s", "--url", sim.url)
    assert told.returncode == 0
    assert told.stdout.startswith("1s later: 1 thing happened.\nSimulated time: 20")
    assert f"carrier.decided          {sid} US AT&T" in told.stdout
    status = onboard("status", "--url", sim.url)
    assert "rcs sender                   1 made,     1 there" in status.stdout
    assert "standing still" in status.stdout
    inbound = onboard("inbound", NUMBER, "hello", "--url", sim.url)
    assert inbound.stdout.endswith(": no webhook took it.\n")
    stranger = onboard("inbound", "+19995550000", "hello", "--url", sim.url)
    assert (stranger.returncode, "Nobody owns +19995550000" in stranger.stderr) == (1, True)
    assert onboard("reset", "--url", sim.url).returncode == 0
    assert sim.ledger()["objects"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("advance", "soon"), 2, "is not a length of time: write 30d"),
        (("advance", "1d", "--url", "http://127.0.0.1:9"), 5, "no simulator answers at http://127.0.0.1:9"),
        (("--port", "9", "advance", "1d"), 5, "no simulator answers at http://127.0.0.1:9"),
        (("--review", "28d", "advance", "1d"), 2, "start it with these options first"),
        (("--countries", "USA"), 2, "two-letter country codes"),
        (("--port", "70000"), 2, "--port"),
        (("load", "/nowhere/at/all"), 2, "does not exist"),
    ],
)
def test_a_wrong_command_gets_a_sentence_and_its_exit_code(arguments: tuple[str, ...], code: int, words: str) -> None:
    result = onboard(*arguments)
    assert result.returncode == code
    assert words in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("change", ['{"speed": 1e999}', '{"skew_seconds": 1e300}', '{"speed": NaN}', '{"colour": 1}'])
def test_a_clock_that_cannot_be_is_refused(sim: Simulator, change: str) -> None:
    assert sim.http.put("/_sim/clock", content=change).status_code == 400
    assert sim.http.post("/_sim/clock/advance", json={"duration": "9999999w"}).status_code == 400
    assert sim.http.get("/").status_code == 200


def test_the_page_shows_what_exists_and_no_secret(sim: Simulator) -> None:
    sim.new_sender("rcs:brand_agent")
    sim.new_service("<b>Brand</b>")
    page = sim.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for shown in ("rcs:brand_agent", "&lt;b&gt;Brand&lt;/b&gt;", "sender.drafted", "standing still", "Calls"):
        assert shown in page.text
    assert TOKEN not in page.text
    assert "p8e-simulated" not in page.text
