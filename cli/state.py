"""Opening the database for a command, and turning names nobody knows into a helpful sentence."""

from __future__ import annotations

import difflib
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

import models
from cli.exits import NOT_FOUND, NOT_SET_UP, Exit
from engine.clock import now
from engine.reading import EngineSource, NoDatabase, open_source
from engine.signs import fetch_signs
from settings import get_settings, is_held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Engine

    from engine.reading import Fetch, Source


@contextmanager
def open_readable() -> Iterator[Source]:
    """The configured database for many reads.

    :raises Exit: there is none, or it is not at this program's version.
    """
    url = get_settings().resolved_database_url
    try:
        source = open_source(url)
        try:
            _require_current(source.version())
            yield source
        finally:
            source.close()
    except NoDatabase as error:
        msg = f"nothing was started yet: there is no database at {error}. `onboard up` makes it, and `onboard start FILE` too."
        raise Exit(msg, NOT_SET_UP) from None
    except sqlite3.DatabaseError as error:
        msg = f"the database at {url.partition('///')[2]} cannot be read ({error}). `onboard doctor` tells more."
        raise Exit(msg, NOT_SET_UP) from None


@contextmanager
def reading() -> Iterator[Fetch]:
    """One moment of the configured database."""
    with open_readable() as source, source.snapshot() as fetch:
        yield fetch


@contextmanager
def open_writable(*, may_create: bool = False) -> Iterator[Engine]:
    """The configured database for a command that changes something.

    :param may_create: make or migrate the database of embedded mode; a shared one is migrated on purpose only.
    :raises Exit: it is not at this program's version.
    """
    from models.db import make_engine

    settings = get_settings()
    is_embedded = settings.database_url is None
    if not (may_create and is_embedded):
        # Opening a SQLite file that is not there would make an empty one.
        with open_readable():
            pass
    engine = make_engine(settings.resolved_database_url)
    try:
        if may_create and is_embedded and (EngineSource(engine).version() or "") < newest_migration():
            from models.migrations import upgrade

            upgrade(engine)
        yield engine
    finally:
        engine.dispose()


def say_if_nothing_runs(fetch: Fetch, *, before: str = "") -> bool:
    """One line on stderr when no beat ticks, as `onboard doctor` has it; whether it was said.

    An `up` that has only begun has not ticked yet.
    """
    settings = get_settings()
    if is_held(settings.home) or fetch_signs(fetch, sweep_seconds=settings.sweep_seconds, at=now()).is_ticking:
        return False
    cure = "onboard up" if settings.is_embedded_broker else "onboard beat"
    sentence = f"{before}nothing runs here: `{cure}`"
    click.echo(sentence[0].upper() + sentence[1:], err=True)
    return True


def newest_migration() -> str:
    """By the names of the files: importing Alembic for it would double the time of every command."""
    versions = Path(models.__file__).parent / "migrations" / "versions"
    return max(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))


def _require_current(version: str | None) -> None:
    newest = newest_migration()
    if version is None or version < newest:
        raise Exit(
            "the database is not at the current version: run `onboard migrate` or `onboard up` first.", NOT_SET_UP
        )
    if version > newest:
        msg = (
            f"the database is at version {version}, newer than this program ({newest}): update onboard on this machine."
        )
        raise Exit(msg, NOT_SET_UP)


def unknown_name(fetch: Fetch, names: Iterable[str]) -> Exit:
    """The error for names that do not exist, with the nearest that do."""
    from engine.queries import names_like

    known = names_like(fetch)
    sentences = []
    for name in names:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`onboard list` shows all."
        sentences.append(f"there is no onboarding {name!r}; {hint}")
    return Exit("\n".join(sentences), NOT_FOUND)
