"""docker-compose.yml as a map: each service's command and environment, run as local processes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.services import ROOT, Process, Simulator, eventually, fetch, free_port
from tests.integration.stack import TEST_KEY

GIVEN = {
    "POSTGRES_PASSWORD": "pg-pass",
    "REDIS_PASSWORD": "redis-pass",
    "ONBOARD_SECRET_KEYS": TEST_KEY,
    "ONBOARD_FLOWER_BASIC_AUTH": "watcher:flower-pass",
}
OURS = ("migrate", "worker", "beat", "gateway", "flower", "simulator")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def interpolate(value, given):
    """The ${NAME:-default} and ${NAME:?message} forms that the file uses."""

    def replace(match):
        name, _, default = match.group(1).partition(":")
        if name in given:
            return given[name]
        assert default.startswith("-"), f"{name} is required but the test gives none"
        return default[1:]

    return re.sub(r"\$\{([^}]+)\}", replace, str(value))


def test_the_file_is_valid(tmp_path):
    binary = shutil.which("docker-compose")
    if binary is None:
        pytest.skip("docker-compose is not installed")
    done = subprocess.run(
        [binary, "-f", str(ROOT / "docker-compose.yml"), "config", "-q"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **GIVEN},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_no_service_of_ours_runs_as_root_or_holds_a_literal_secret(compose):
    assert "USER onboard" in (ROOT / "Dockerfile").read_text()
    for name in OURS:
        service = compose["services"][name]
        assert service["cap_drop"] == ["ALL"]
        for key, value in service["environment"].items():
            if "PASSWORD" in key or "SECRET" in key or "AUTH" in key:
                assert str(value).startswith("${"), f"{name}.{key} is written out"


def test_every_long_running_service_is_checked_for_health(compose):
    for name in ("redis", "postgres", "worker", "gateway", "flower", "simulator"):
        assert compose["services"][name]["healthcheck"]["test"], name


def test_the_dockerfile_copies_every_room(compose):
    dockerfile = (ROOT / "Dockerfile").read_text()
    rooms = [path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in {"tests", "benchmarks"}]
    assert rooms
    for room in rooms:
        assert f"COPY {room} {room}" in dockerfile


def test_the_services_work_together_as_local_processes(compose, tmp_path, redis, postgres):
    simulator = Simulator(tmp_path)
    ports = {"gateway": free_port(), "flower": free_port()}
    database = postgres.new_database("compose")
    local = {
        # What the compose network would resolve.
        "ONBOARD_DATABASE_URL": database,
        "ONBOARD_BROKER_URL": redis.url,
        "ONBOARD_GATEWAY_HOST": "127.0.0.1",
        "ONBOARD_GATEWAY_PORT": str(ports["gateway"]),
        "ONBOARD_PUBLIC_URL": f"http://127.0.0.1:{ports['gateway']}",
        "ONBOARD_FLOWER_HOST": "127.0.0.1",
        "ONBOARD_FLOWER_PORT": str(ports["flower"]),
        "ONBOARD_WAIT_SCALE": "0.001",
        "ONBOARD_TICK_SECONDS": "0.5",
        "ONBOARD_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        **simulator.settings,
    }

    def environment(name):
        declared = {
            key: interpolate(value, GIVEN)
            for key, value in (compose["services"][name].get("environment") or {}).items()
        }
        return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **declared, **local}

    def command(name):
        return [sys.executable, "-m", "cli.main", *compose["services"][name]["command"]]

    subprocess.run(command("migrate"), env=environment("migrate"), cwd=tmp_path, check=True, capture_output=True)
    started = [
        Process(command(name), log=tmp_path / f"{name}.log", env=environment(name), cwd=tmp_path)
        for name in ("gateway", "worker", "beat", "flower")
    ]
    try:
        eventually(lambda: fetch(f"http://127.0.0.1:{ports['gateway']}/healthz"), within=30, what="the gateway answers")
        from tests.factories import spec_data

        spec = tmp_path / "acme.yaml"
        spec.write_text(yaml.safe_dump(spec_data("sms", "acme")))
        secrets = {"TEST_TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TEST_AJO_CLIENT_SECRET": CLIENT_SECRET}
        start = [sys.executable, "-m", "cli.main", "start", str(spec)]
        subprocess.run(start, env={**environment("worker"), **secrets}, cwd=tmp_path, check=True, capture_output=True)

        def is_active():
            show = [sys.executable, "-m", "cli.main", "list", "--json"]
            listed = subprocess.run(show, env=environment("worker"), cwd=tmp_path, capture_output=True, text=True)
            return '"active"' in listed.stdout

        eventually(is_active, within=60, what="acme is active", every=0.5)
        assert eventually(
            lambda: "watcher" not in started[3].output and is_locked(ports["flower"]),
            within=30,
            what="Flower asks for a password",
        )
    finally:
        for process in reversed(started):
            process.stop()
        simulator.stop()


def is_locked(port):
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tasks", timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return False
