from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from alembic.script import ScriptDirectory

from cli.exits import run
from cli.main import cli as cli_group
from cli.params import complete_keys, complete_names
from cli.state import newest_migration
from engine.pulse import note_beat
from models.db import make_engine
from models.migrations import make_config
from tests.unit.cli_world import make_world

ROOT = Path(__file__).parents[2]
HEAVY = ("celery", "httpx", "sqlalchemy", "cryptography", "kombu")


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch)


def test_no_database_yet_says_what_makes_one(world):
    output = world.onboard("list", code=5)
    assert "onboard up" in output
    assert "onboard start" in output
    assert not world.path.exists()


def test_a_command_that_changes_something_makes_no_empty_database(world):
    world.onboard("retry", "acme", code=5)
    assert not world.path.exists()


def test_an_older_database_asks_for_migrate(world):
    world.migrate()
    with world.db.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert "onboard migrate" in world.onboard("list", code=5)
    assert "onboard migrate" in world.onboard("pause", "acme", code=5)


def test_a_newer_database_asks_for_a_newer_program(world):
    world.migrate()
    with world.db.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this program" in world.onboard("list", code=5)


def test_a_file_that_is_no_database_is_a_sentence(world):
    world.home.mkdir(parents=True)
    world.path.write_text("no database at all, but long enough to look for a header in it" * 20)
    assert "cannot be read" in world.onboard("list", code=5)


def test_the_newest_migration_is_the_one_alembic_knows(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'any.sqlite3'}")
    assert newest_migration() == ScriptDirectory.from_config(make_config(engine)).get_current_head()


def test_names_and_keys_complete(world):
    world.migrate()
    for name in ("acme-rcs", "acme-sms", "bistro"):
        world.start(name)
    context = click.Context(click.Command("done"))
    context.params = {"name": "acme-rcs"}
    world.script["registration"] = [
        lambda ctx: ctx.ask_person("credential", title="Do it", place="AJO", fields=[], bring_back=[])
    ]
    world.run("registration", "acme-rcs")
    assert complete_names(context, click.Argument(["name"]), "acme") == ["acme-rcs", "acme-sms"]
    assert complete_keys(context, click.Argument(["key"]), "cre") == ["credential"]
    assert complete_keys(context, click.Argument(["key"]), "x") == []


def test_completion_is_silent_without_a_database(world, capsys):
    context = click.Context(click.Command("show"))
    assert complete_names(context, click.Argument(["name"]), "a") == []
    assert complete_keys(context, click.Argument(["key"]), "a") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "command", [["list"], ["show", "acme"], ["explain", "acme"], ["events", "acme"], ["tasks"], ["list", "--json"]]
)
def test_reading_commands_import_nothing_heavy(world, command):
    world.migrate()
    world.start()
    code = f"import sys; from cli.exits import run; from cli.main import cli; code = run(cli, {command!r}); "
    code += f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ONBOARD_HOME": str(world.home)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "[]")


@pytest.mark.parametrize(
    "command",
    [
        *("start", "list", "show", "explain", "events", "watch", "retry", "cancel", "pause", "resume", "verify"),
        *("skip", "mark-done", "tasks", "task", "done", "evidence"),
    ],
)
def test_every_help_has_an_example(world, command):
    assert f"onboard {command}" in world.onboard(command, "--help").split("Example")[1]


def test_a_stopped_stack_does_not_look_like_waiting(world):
    world.migrate()
    world.start()
    world.is_up = False
    said = "Nothing runs here: `onboard up`"
    for command in (("list",), ("show", "acme"), ("explain", "acme"), ("list", "--json")):
        assert said in world.onboard(*command), command
    watched = world.onboard("watch", "--timeout", "0", code=1)
    assert watched.count(said) == 1
    assert "Queued, but nothing runs here: `onboard up`" in world.onboard("start", world.write_spec(name="bee"))
    with world.db.begin() as connection:
        note_beat(connection, "a beat", at=datetime.now(UTC))
    assert "othing runs" not in world.onboard("explain", "acme") + world.onboard("list")
    with world.db.begin() as connection:
        note_beat(connection, "a beat", at=datetime.now(UTC) - timedelta(minutes=10))
    assert said in world.onboard("explain", "acme")
    world.command("cancel")
    world.command("cancel", name="bee")
    assert "othing runs" not in world.onboard("explain", "acme") + world.onboard("list")


def test_json_stays_clean_where_nothing_runs(world, capsys):
    world.migrate()
    world.start()
    world.is_up = False
    assert run(cli_group, ["list", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["onboardings"]
    assert err == "Nothing runs here: `onboard up`\n"
