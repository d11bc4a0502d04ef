from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.stack.programs import python_command
from settings import child_environment
from tests.integration.simulator_fixture import until

ROOT = Path(__file__).parents[2]


def processes_of(home: Path) -> list[str]:
    """Command lines of all processes that were started with this state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"ONBOARD_HOME={home}\0".encode() in (entry / "environ").read_bytes() + b"\0":
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in child_environment({}).items() if not name.startswith("ONBOARD_")}
    # 0: whatever runs on this machine already, a free port is taken.
    ports = {"ONBOARD_GATEWAY_PORT": "0", "ONBOARD_FLOWER_PORT": "0"}
    return inherited | ports | {"ONBOARD_HOME": str(home), "PYTHONPATH": str(ROOT)}


def onboard(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = python_command("cli.main", *arguments)
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)


class Up:
    """``onboard up`` as a user runs it."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.output = home.with_name("up.out")
        with self.output.open("wb") as output:
            command = python_command("cli.main", "up", *arguments)
            self.process = subprocess.Popen(command, env=environment(home), stdout=output, stderr=output)

    def wait(self) -> Up:
        until(self._is_up, 60)
        self.where: dict[str, Any] = json.loads((self.home / "up.json").read_text())
        return self

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return (self.home / "up.json").exists()

    def pid_of(self, part: str) -> int:
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if part.encode() in words and f"ONBOARD_HOME={self.home}".encode() in environ:
                return int(entry.name)
        return 0


@pytest.fixture
def up(tmp_path):
    made: list[Up] = []

    def start(*arguments: str) -> Up:
        made.append(Up(tmp_path / "home", *arguments))
        return made[-1].wait()

    yield start
    for each in made:
        each.process.send_signal(signal.SIGTERM)
        each.process.wait(timeout=60)


def test_up_runs_everything_doctor_finds_it_well_and_nothing_is_left_after_ctrl_c(up):
    running = up("--simulator", "--workers", "2")
    home = running.home
    assert httpx.get(running.where["gateway"] + "/healthz").json() == {"status": "ok"}
    assert httpx.get(running.where["simulator"] + "/_sim/healthz").is_success
    until(lambda: len(httpx.get(running.where["flower"] + "/api/workers?refresh=1", timeout=20).json()) == 2, 30)
    doctor = onboard(home, "doctor", "--json")
    results = {line["subject"]: line for line in json.loads(doctor.stdout)}
    assert doctor.returncode == 0, doctor.stdout
    assert {line["level"] for line in results.values()} == {"ok"}
    assert results["workers"]["found"].startswith("2: worker1@")
    told = {line["name"]: line for line in json.loads(onboard(home, "settings", "--json").stdout)}
    assert told["ONBOARD_TWILIO_API_URL"]["value"].startswith(running.where["simulator"]), (
        "commands beside it follow it"
    )
    second = onboard(home, "up")
    assert second.returncode == 5
    assert f"already running on {home} with pid {running.process.pid}" in second.stderr
    assert (home / "up.json").exists(), "the refused one must leave the running one alone"
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=60) == 0
    assert processes_of(home) == []
    assert not (home / "broker" / "url").exists()
    assert onboard(home, "doctor").returncode == 5


def test_flower_is_read_only_and_tells_no_password(up):
    running = up()
    where = running.where["flower"]
    password = (running.home / "broker" / "url").read_text().partition("://:")[2].partition("@")[0]
    assert httpx.post(where + "/api/worker/shutdown/worker1").status_code == 403
    for path in ("/workers", "/tasks", "/broker", "/metrics", "/api/workers?refresh=1"):
        page = httpx.get(where + path, timeout=20)
        assert page.is_success, path
        assert password not in page.text


def test_a_worker_that_is_killed_is_started_again(up):
    running = up()
    first = until(lambda: running.pid_of("worker"), 10)
    os.kill(first, signal.SIGKILL)
    until(lambda: running.pid_of("worker") not in (0, first), 30)
    assert "worker1 was ended by signal 9" in running.output.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_an_up_that_is_killed_leaves_nothing_running_and_can_be_started_again(up):
    running = up()
    running.process.kill()
    running.process.wait()
    until(lambda: processes_of(running.home) == [], 10)
    up()


@pytest.mark.slow
def test_two_demos_at_once_both_succeed_and_leave_nothing(tmp_path):
    homes = [tmp_path / "one", tmp_path / "two"]
    demos = [
        subprocess.Popen(
            python_command("cli.main", "demo", "--home", str(home)),
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for home in homes
    ]
    for home, demo in zip(homes, demos, strict=True):
        output = demo.communicate(timeout=180)[0]
        assert demo.returncode == 0, output
        assert output.count(": active") == 3
        assert "All processes have ended." in output
        assert processes_of(home) == []
        assert (home / "onboard.sqlite3").exists()


def test_a_demo_that_is_interrupted_leaves_nothing(tmp_path):
    home = tmp_path / "home"
    demo = subprocess.Popen(
        python_command("cli.main", "demo", "--home", str(home)),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: any(" worker " in line for line in processes_of(home)), 60)
    demo.send_signal(signal.SIGINT)
    output = demo.communicate(timeout=60)[0]
    assert demo.returncode == 130, output
    assert processes_of(home) == []


def test_a_demo_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "mine").write_text("precious")
    refused = onboard(tmp_path, "demo", "--home", str(tmp_path))
    assert refused.returncode == 2
    assert "is not empty" in refused.stderr
    assert (tmp_path / "mine").read_text() == "precious"
