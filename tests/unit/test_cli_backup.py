from __future__ import annotations

import sqlite3

import pytest

import settings as settings_module
from cli.exits import FAILED, NOT_SET_UP, USAGE
from cli.stack.lock import InstanceLock
from tests.unit.cli_world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


@pytest.fixture
def copy(world, tmp_path):
    """A backup with one onboarding; another one came afterwards."""
    world.start("acme")
    file = tmp_path / "copy.sqlite3"
    world.onboard("backup", str(file))
    world.start("later")
    return file


def names(world):
    return {one["name"] for one in world.json("list")["onboardings"]}


def test_a_restored_database_is_as_it_was_and_the_present_one_is_kept(world, copy):
    assert names(world) == {"acme", "later"}
    said = world.onboard("restore", str(copy), "--yes")
    assert names(world) == {"acme"}
    kept = world.home / "onboard.before-restore-1.sqlite3"
    assert str(kept) in said
    world.onboard("restore", str(kept), "--yes")
    assert names(world) == {"acme", "later"}


def test_a_backup_is_one_file_for_its_owner_only_and_names_the_key_that_is_not_in_it(world, tmp_path):
    file = tmp_path / "copies" / "one.sqlite3"
    file.parent.mkdir()
    assert "secret.key" in world.onboard("backup", str(file))
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600


def test_restoring_reads_the_copy_and_leaves_it_as_it_is(world, copy):
    before = copy.read_bytes()
    world.onboard("restore", str(copy), "--yes")
    assert copy.read_bytes() == before
    assert [file.name for file in copy.parent.glob("copy*")] == ["copy.sqlite3"]


def test_a_backup_overwrites_nothing(world, copy):
    assert "is there already" in world.onboard("backup", str(copy), code=USAGE)


def test_what_is_no_copy_is_refused_with_the_reason_and_changes_nothing(world, copy, tmp_path):
    text, foreign, newer = (tmp_path / name for name in ("text", "foreign", "newer"))
    text.write_text("hello" * 1000)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE onboarding (id)")
        connection.execute("DROP TABLE onboarding")
    newer.write_bytes(copy.read_bytes())
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for file, reason in (
        (tmp_path / "nowhere", "no such file"),
        (text, "no readable SQLite database"),
        (foreign, "no database of onboard"),
        (newer, "a newer version"),
    ):
        said = world.onboard("restore", str(file), "--yes", code=USAGE)
        assert str(file) in said
        assert reason in said
    assert names(world) == {"acme", "later"}


def test_a_copy_whose_secrets_cannot_be_read_here_is_refused(world, copy):
    (world.home / "secret.key").write_text("dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdC0=")
    assert "another key" in world.onboard("restore", str(copy), "--yes", code=NOT_SET_UP)
    assert names(world) == {"acme", "later"}


def test_nothing_is_restored_under_a_running_installation(world, copy):
    lock = InstanceLock(world.home)
    lock.take()
    try:
        assert "stop it first" in world.onboard("restore", str(copy), "--yes", code=USAGE)
    finally:
        lock.free()
    assert names(world) == {"acme", "later"}


def test_a_damaged_database_is_set_aside_and_the_copy_takes_its_place(world, copy, tmp_path):
    world.db.dispose()
    world.path.write_bytes(b"not a database" * 500)
    assert "no readable SQLite database" in world.onboard("backup", str(tmp_path / "no"), code=FAILED)
    assert not (tmp_path / "no").exists()
    said = world.onboard("restore", str(copy), "--yes")
    assert names(world) == {"acme"}
    kept = world.home / "onboard.before-restore-1.sqlite3"
    assert str(kept) in said
    assert kept.read_bytes().startswith(b"not a database")


def test_postgresql_has_its_own_tools(world, monkeypatch, tmp_path):
    monkeypatch.setenv("ONBOARD_DATABASE_URL", "postgresql+psycopg://nobody@localhost/nothing")
    settings_module.get_settings.cache_clear()
    assert "pg_dump" in world.onboard("backup", str(tmp_path / "copy"), code=USAGE)


def test_without_a_terminal_restoring_wants_yes_as_every_other_command(world, copy):
    assert "this is not a terminal, so nobody can be asked: add --yes" in world.onboard(
        "restore", str(copy), code=USAGE
    )
    assert names(world) == {"acme", "later"}
