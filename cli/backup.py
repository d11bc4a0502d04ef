"""``onboard backup`` and ``restore``: the database of embedded mode as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.asking import require_somebody
from cli.exits import FAILED, NOT_SET_UP, USAGE, Exit

if TYPE_CHECKING:
    from settings import Settings

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
POSTGRES = "this installation uses PostgreSQL: back it up by `pg_dump`, restore it by `pg_restore` (docs/operations.md, Backup)"


@click.command("backup")
@FILE
def backup_command(file: Path) -> None:
    """Write a copy of the database to FILE, while everything runs.

    For SQLite; a PostgreSQL database has pg_dump. The broker needs no backup.
    Stored secrets are in it, encrypted: the key that reads them is not.
    """
    from models.copies import NotACopy, copy_out
    from settings import get_settings

    settings = get_settings()
    database = _database(settings)
    if not database.exists():
        msg = f"there is no database yet ({database})"
        raise Exit(msg, NOT_SET_UP)
    try:
        copy_out(database, file)
    except FileExistsError:
        msg = f"{file} is there already; choose another name"
        raise Exit(msg, USAGE) from None
    except OSError as error:
        msg = f"{file}: {error.strerror}"
        raise Exit(msg, FAILED) from None
    except NotACopy as error:
        msg = f"{database}: {error}; bring it back with `onboard restore FILE`"
        raise Exit(msg, FAILED) from None
    click.echo(f"{file} holds the database as it is now ({file.stat().st_size / 1024**2:.1f} MB).")
    click.echo(f"Keep the key beside it, in a safer place: {_where_the_key_is(settings)}.")


@click.command("restore")
@FILE
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore_command(file: Path, yes: bool) -> None:
    """Bring the database back to what FILE holds, which `onboard backup` wrote.

    Stop everything first, also workers and gateways that you started by themselves.
    What the database holds now is kept beside it. What was
    made at the vendors since carries our mark: it is found and taken over when its
    steps run again.
    """
    from cli.stack.lock import InstanceLock
    from models.copies import NotACopy, check_copy
    from settings import get_settings, is_held

    settings = get_settings()
    database = _database(settings)
    if is_held(settings.home):
        msg = f"onboard is running on {settings.home}: stop it first, then restore"
        raise Exit(msg, USAGE)
    try:
        check_copy(file)
    except NotACopy as error:
        msg = f"{file}: {error}"
        raise Exit(msg, USAGE) from None
    _refuse_unreadable_secrets(settings, file)
    if not yes:
        require_somebody()
        click.confirm(f"Replace {database} by {file}?", abort=True)
    # No `up` may begin meanwhile.
    lock = InstanceLock(settings.home)
    lock.take()
    try:
        kept = _replace(database, file, settings.resolved_database_url)
    except OSError as error:
        msg = f"{error.filename}: {error.strerror}; nothing was changed"
        raise Exit(msg, FAILED) from None
    finally:
        lock.free()
    click.echo(f"{database} is as {file} has it.")
    if kept is not None:
        click.echo(f"What was there before: {kept}")
    click.echo("Next: `onboard up`; `onboard start` with the files started since; then `onboard verify --all`.")


def _replace(database: Path, file: Path, url: str) -> Path | None:
    """Where what was there before is kept; None when there was nothing."""
    from models.copies import copy_in, set_aside
    from models.db import make_engine
    from models.migrations import upgrade

    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = _free_name(database)
    was_there = set_aside(database, kept)
    copy_in(file, database)
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    return kept if was_there else None


def _database(settings: Settings) -> Path:
    """:raises Exit: it is no file."""
    from sqlalchemy.engine import make_url

    name = make_url(settings.resolved_database_url).database
    if not settings.is_sqlite or not name:
        raise Exit(POSTGRES, USAGE)
    return Path(name)


def _where_the_key_is(settings: Settings) -> str:
    from engine.vault import KEY_FILE

    return "ONBOARD_SECRET_KEYS" if settings.secret_keys else str(settings.home / KEY_FILE)


def _refuse_unreadable_secrets(settings: Settings, file: Path) -> None:
    """:raises Exit: the keys of this installation do not read the copy's secrets."""
    from engine.vault import Vault, load_keys
    from models.copies import open_copy
    from providers.errors import Misconfigured

    engine = open_copy(file)
    try:
        with engine.connect() as connection:
            Vault(load_keys(settings)).check(connection)
    except Misconfigured as error:
        msg = f"{file}: {error} It was written with another key than {_where_the_key_is(settings)} holds."
        raise Exit(msg, NOT_SET_UP) from None
    finally:
        engine.dispose()


def _free_name(database: Path) -> Path:
    names = (
        database.with_name(f"{database.stem}.before-restore-{number}{database.suffix}") for number in range(1, 1000)
    )
    return next(name for name in names if not name.exists())
