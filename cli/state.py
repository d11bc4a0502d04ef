"""Opening the database for a command, and finding onboardings by name."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from cli.exits import NOT_FOUND, NOT_SET_UP, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine


def open_database(*, may_create: bool = False) -> Engine:
    """The engine of the configured database.

    :param may_create: make or migrate an embedded SQLite database; a shared one is migrated on purpose only.
    :raises Exit: it is not at the current version.
    """
    from models.db import make_engine
    from settings import get_settings

    settings = get_settings()
    database = settings.home / "onboard.sqlite3"
    if settings.database_url is None and not database.exists() and not may_create:
        raise Exit(f"nothing was started yet: there is no database at {database}", NOT_SET_UP)
    engine = make_engine(settings.resolved_database_url)
    if _is_current(engine):
        return engine
    if may_create and settings.database_url is None:
        from models.migrations import upgrade

        upgrade(engine)
        return engine
    raise Exit("the database is not at the current version; run `onboard migrate` (or `onboard up`)", NOT_SET_UP)


def _is_current(engine: Engine) -> bool:
    """Compares with the newest migration's file name: loading Alembic for it would double the start of every command."""
    from pathlib import Path

    from sqlalchemy import inspect, text

    import models
    from models.db import reader

    versions = Path(models.__file__).parent / "migrations" / "versions"
    newest = max(path.name.split("_")[0] for path in versions.glob("[0-9]*.py"))
    with reader(engine).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest


@contextmanager
def reading() -> Iterator[Connection]:
    """A read-only transaction on the configured database."""
    from models.db import reader

    engine = open_database()
    with reader(engine).begin() as connection:
        yield connection


def unknown(connection: Connection, name: str) -> Exit:
    """The error for a name that does not exist, with the nearest that does."""
    from engine.queries import similar_names

    near = difflib.get_close_matches(name, similar_names(connection, name), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else "; `onboard list` shows all"
    return Exit(f"no onboarding is named {name!r}{hint}", NOT_FOUND)


def complete_name(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Names for shell completion; silent when there is no database."""
    try:
        from engine.queries import complete_names

        with reading() as connection:
            return complete_names(connection, incomplete)
    except Exception:
        return []


NAME = click.argument("name", shell_complete=complete_name)
NAMES = click.argument("names", nargs=-1, shell_complete=complete_name)
