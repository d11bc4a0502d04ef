from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import click
import httpx
import pytest
import yaml
from click.testing import CliRunner

from cli import processes
from cli.exits import NOT_SET_UP, Exit
from cli.main import cli
from cli.settings import settings_command
from cli.stack import checks
from cli.stack.lock import InstanceLock
from cli.stack.programs import vendor_urls
from cli.stack.simulated import (
    MARK,
    SIMULATOR_STATE,
    mark_simulated,
    real_vendors,
    settings_for_vendors,
    vendor_settings,
)
from cli.stack.stack import Stack
from settings import Settings, get_settings, is_held, running_stack
from tests import command_line
from tests.factories import spec_data

ROOT = Path(__file__).parents[2]
SIMULATOR = "http://127.0.0.1:8800"


@pytest.fixture(autouse=True)
def _fresh_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("ONBOARD_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*arguments: str):
    return CliRunner().invoke(cli, list(arguments), standalone_mode=False)


def test_settings_show_value_source_and_purpose_and_hide_secrets(monkeypatch):
    monkeypatch.setenv("ONBOARD_DATABASE_URL", "postgresql://u:hunter2@db/onboard")
    monkeypatch.setenv("ONBOARD_SECRET_KEYS", "first-key,second-key")
    lines = {line["name"]: line for line in json.loads(run("settings", "--json").output)}
    assert set(lines) == {"ONBOARD_" + name.upper() for name in Settings.model_fields}
    assert lines["ONBOARD_DATABASE_URL"] | {"description": ""} == {
        "name": "ONBOARD_DATABASE_URL",
        "value": "********",
        "source": "environment",
        "description": "",
    }
    assert lines["ONBOARD_SECRET_KEYS"]["value"] == "********, ********"
    assert lines["ONBOARD_GATEWAY_PORT"]["source"] == "default"
    plain = run("settings").output
    assert "hunter2" not in plain
    assert "first-key" not in plain
    assert "ONBOARD_LOG_LEVEL" in plain


def test_the_settings_table_of_the_readme_is_the_same_on_every_machine(monkeypatch):
    table = CliRunner().invoke(settings_command, ["--markdown"]).output
    monkeypatch.setenv("ONBOARD_LOG_LEVEL", "DEBUG")
    assert CliRunner().invoke(settings_command, ["--markdown"]).output == table
    assert "| `ONBOARD_GATEWAY_PORT` | `8700` |" in table
    assert "| `ONBOARD_HOME` | `~/.local/state/onboard` |" in table
    assert len(table.splitlines()) == 2 + len(Settings.model_fields)


def test_a_new_key_is_a_key():
    from cryptography.fernet import Fernet

    output = run("secrets", "new-key").output.strip()
    assert Fernet(output).decrypt(Fernet(output).encrypt(b"x")) == b"x"


def test_rotating_makes_the_first_key_suffice(monkeypatch, tmp_path):
    from sqlalchemy import select

    from engine.vault import Vault, new_key
    from models.tables import Onboarding
    from tests.factories import make_spec
    from tests.unit.engine_world import EngineWorld

    old, new = new_key(), new_key()
    monkeypatch.setenv("ONBOARD_DATABASE_URL", f"sqlite:///{tmp_path / 'state.sqlite3'}")
    monkeypatch.setenv("ONBOARD_SECRET_KEYS", f"{new},{old}")
    assert run("migrate").exit_code == 0
    from engine.clock import now
    from engine.start import start as start_onboarding
    from models.db import make_engine

    engine = make_engine(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    with engine.begin() as connection:
        options = {"is_update": False, "at": now(), "grace_seconds": 60}
        secrets = {"twilio.auth_token": "the-token"}
        start_onboarding(connection, EngineWorld().catalogue, Vault([old]), make_spec(), secrets, **options)
    result = run("secrets", "rotate")
    assert "1 stored secrets" in result.output
    with engine.begin() as connection:
        onboarding_id = connection.execute(select(Onboarding.c.id)).scalar_one()
        assert Vault([new]).read(connection, onboarding_id, "twilio.auth_token") == "the-token"
    engine.dispose()


def test_migrating_says_what_it_did(tmp_path):
    assert "at the current version now" in run("migrate").output
    assert "at the current version already" in run("migrate").output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_calls_our_command(shell):
    assert "_ONBOARD_COMPLETE" in run("completion", shell).output


def test_flower_does_not_listen_beyond_this_machine_without_a_password(monkeypatch):
    monkeypatch.setenv("ONBOARD_FLOWER_HOST", "0.0.0.0")
    result = run("flower")
    assert isinstance(result.exception, Exit)
    assert result.exception.exit_code == NOT_SET_UP
    assert "ONBOARD_FLOWER_BASIC_AUTH" in str(result.exception)


@pytest.mark.parametrize("password", [None, "jo:secret-word"])
def test_flowers_password_is_in_its_environment_and_never_on_its_command_line(monkeypatch, password):
    called = {}
    monkeypatch.setattr(processes.os, "execve", lambda path, argv, env: called.update(argv=argv, env=env))
    if password is not None:
        monkeypatch.setenv("ONBOARD_FLOWER_BASIC_AUTH", password)
    run("flower")
    assert called["env"].get("FLOWER_BASIC_AUTH") == password
    assert called["env"].get("FLOWER_UNAUTHENTICATED_API") == (None if password else "true")
    assert "--read_only=True" in called["argv"]
    assert not any("secret-word" in argument for argument in called["argv"])


@pytest.mark.parametrize("sign", [SIMULATOR_STATE, MARK])
def test_what_the_simulator_made_is_not_driven_at_the_real_vendors_unasked(tmp_path, monkeypatch, sign):
    monkeypatch.setattr(checks, "_gateway", lambda url: checks.Result("gateway", "ok", url))
    home = tmp_path / "home"
    home.mkdir()
    (home / sign).touch()
    result = run("up")
    assert isinstance(result.exception, Exit)
    assert result.exception.exit_code == NOT_SET_UP
    for word in ("made against the simulator", "onboard up --simulator", "ONBOARD_HOME", "--real-vendors"):
        assert word in str(result.exception)
    assert not is_held(home)
    (line,) = (line for line in json.loads(run("doctor", "--json").output) if line["subject"] == "vendors")
    assert line["level"] == "fail"
    assert "made against the simulator" in line["found"]


@pytest.mark.parametrize(
    ("options", "environment", "is_marked"),
    [
        (["--real-vendors"], {}, False),
        (["--simulator"], {}, True),
        ([], {"ONBOARD_" + name.upper(): url for name, url in vendor_urls("http://127.0.0.1:8800").items()}, True),
    ],
)
def test_up_goes_on_with_the_simulators_folder_when_it_is_told_whom_to_speak_to(
    tmp_path, monkeypatch, options, environment, is_marked
):
    home = tmp_path / "home"
    home.mkdir()
    (home / SIMULATOR_STATE).touch()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    class GotThere(Exception):
        pass

    def choose_ports(stack):
        raise GotThere

    monkeypatch.setattr(Stack, "_choose_ports", choose_ports)
    assert isinstance(run("up", *options).exception, GotThere)
    assert (home / MARK).exists() is is_marked


def test_up_cannot_be_told_both(tmp_path):
    assert isinstance(run("up", "--simulator", "--real-vendors").exception, click.UsageError)


@pytest.mark.parametrize("arguments", [("status",), ("advance", "30d"), ("reset",)])
def test_no_simulator_that_answers_is_not_a_missing_onboarding(monkeypatch, arguments):
    def refuse(*args, **options):
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx, "request", refuse)
    result = run("simulator", *arguments, "--url", "http://127.0.0.1:1")
    assert isinstance(result.exception, Exit)
    assert result.exception.exit_code == NOT_SET_UP
    assert "no simulator answers at http://127.0.0.1:1" in str(result.exception)


@pytest.mark.parametrize(
    "command", ["worker", "beat", "gateway", "flower", "migrate", "up", "demo", "doctor", "secrets", "settings"]
)
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys\n"
        "from cli.main import cli\n"
        f"cli.main([{command!r}, '--help'], standalone_mode=False)\n"
        "heavy = {'celery', 'kombu', 'sqlalchemy', 'httpx', 'starlette', 'redis', 'alembic'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.fixture
def running(tmp_path):
    """An ``up --simulator`` of this folder that lives until :meth:`stop`, as far as other processes can tell."""
    home = tmp_path / "home"
    lock = InstanceLock(home)
    lock.take()
    told = Settings(home=home, wait_scale=0.5, gateway_port=8701, secret_keys="k", **vendor_urls(SIMULATOR)).shared
    (home / "up.json").write_text(json.dumps({"gateway": "", "simulator": SIMULATOR, "settings": told | {"later": 1}}))
    mark_simulated(home)
    yield lock
    lock.free()


def test_commands_go_where_the_stack_that_runs_goes_unless_the_environment_says_otherwise(running, monkeypatch):
    monkeypatch.setenv("ONBOARD_WAIT_SCALE", "0.25")
    settings = get_settings()
    assert real_vendors(settings) == []
    assert (settings.ajo_automation_url, settings.gateway_port) == (f"{SIMULATOR}/automation", 8701)
    assert (settings.wait_scale, settings.secret_keys) == (0.25, [])
    assert settings_for_vendors() is settings
    sources = {line["name"]: line["source"] for line in json.loads(run("settings", "--json").output)}
    assert sources["ONBOARD_TWILIO_API_URL"] == "running stack"
    assert sources["ONBOARD_WAIT_SCALE"] == sources["ONBOARD_HOME"] == "environment"
    assert sources["ONBOARD_LOG_LEVEL"] == "default"


def test_what_a_stack_left_behind_redirects_nothing_and_its_onboardings_are_not_looked_for_elsewhere(
    running, tmp_path, monkeypatch
):
    running.free()
    assert real_vendors(get_settings()) == vendor_settings(get_settings())
    (tmp_path / "acme.yaml").write_text(yaml.safe_dump(spec_data("sms", "acme")))
    monkeypatch.setenv("TEST_TWILIO_AUTH_TOKEN", "t0ken")
    monkeypatch.setenv("TEST_AJO_CLIENT_SECRET", "s3cret")
    file = str(tmp_path / "acme.yaml")
    assert run("migrate").exit_code == 0
    for command in (
        ("update", file, "--yes"),
        ("adopt", file, "--dry-run"),
        ("credential", "show", "acme"),
        ("credential", "verify", "acme", "--to", "+12125550123"),
        ("teardown", "acme", "--dry-run"),
    ):
        said = command_line.onboard(*command, code=NOT_SET_UP)
        assert "look for them at the real Twilio and AJO. Use `onboard up --simulator`" in said, command
    # These two have codes of their own.
    for command in (("plan", file), ("drift", "acme")):
        assert "made against the simulator" in command_line.onboard(*command, code=1)


@pytest.mark.parametrize(("simulator", "is_refused"), [(None, False), (SIMULATOR, True)])
def test_real_vendors_are_asked_about_a_simulators_folder_only_beside_an_up_that_was_told_to(
    running, tmp_path, monkeypatch, simulator, is_refused
):
    (tmp_path / "home" / "up.json").write_text(json.dumps({"simulator": simulator, "settings": {}}))
    with pytest.raises(Exit) if is_refused else nullcontext():
        settings_for_vendors()


def test_an_up_that_begins_says_nothing_of_the_one_that_was_killed(running, tmp_path, monkeypatch):
    running.free()

    def choose_ports(stack):
        assert is_held(stack.settings.home)
        assert running_stack(stack.settings.home) is None
        raise InterruptedError

    monkeypatch.setattr(Stack, "_choose_ports", choose_ports)
    assert isinstance(run("up", "--simulator").exception, InterruptedError)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("staus", "mean show"), ("tear-down", "mean teardown?"), ("destroy", "mean teardown?"), ("xyz", "'xyz'.")],
)
def test_a_command_that_is_none_names_those_that_may_be_meant(typed, said):
    assert said in command_line.onboard(typed, code=2)


@pytest.mark.parametrize("group", ["credential", "limits", "secrets", "task", "evidence", "inbox"])
def test_the_help_of_a_group_cuts_no_line_at_80_columns(group):
    said = CliRunner().invoke(cli, [group, "--help"], terminal_width=80).output
    assert [line for line in said.partition("Commands:")[2].splitlines() if line.endswith("...")] == []
