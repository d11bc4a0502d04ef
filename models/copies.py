"""Copies of an SQLite database that are whole, whoever writes to it meanwhile. PostgreSQL has tools of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy import URL, create_engine, inspect
from sqlalchemy.exc import DatabaseError

from models.migrations import knows_revision

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

BUSY_SECONDS = 30


class NotACopy(ValueError):
    """The file is no database of ours; the message says what it is."""


def copy_out(database: Path, target: Path) -> None:
    """Write a copy to a new file that only its owner can read.

    :raises FileExistsError: ``target`` is there already.
    :raises OSError: it cannot be written; nothing is left of it.
    :raises NotACopy: the database is damaged.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _copy(database, target)
    except BaseException:
        target.unlink()
        raise


def copy_in(copy: Path, database: Path) -> None:
    """Replace what the database holds by the copy, as one transaction of SQLite: an interrupted one changes nothing.

    :raises NotACopy: see :func:`check_copy`.
    :raises OSError: it cannot be written.
    """
    check_copy(copy)
    _copy(copy, database)


def set_aside(database: Path, kept: Path) -> bool:
    """Keep what the database holds beside it. One that cannot be read any more is moved, with its log, and makes way.

    :return: False when there was none.
    """
    if not database.exists():
        return False
    try:
        copy_out(database, kept)
    except NotACopy:
        for ending in ("", "-wal", "-shm"):
            part = database.with_name(database.name + ending)
            if part.exists():
                part.rename(kept.with_name(kept.name + ending))
    return True


def check_copy(copy: Path) -> None:
    """:raises NotACopy: it is no SQLite file, damaged, not ours, or of a newer version."""
    if not copy.is_file():
        msg = "there is no such file"
        raise NotACopy(msg)
    engine = open_copy(copy)
    try:
        with engine.connect() as connection:
            verdict = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
            is_ours = inspect(connection).has_table("onboarding")
            is_known = is_ours and knows_revision(connection)
    except DatabaseError as error:
        msg = f"it is no readable SQLite database ({error.orig})"
        raise NotACopy(msg) from None
    finally:
        engine.dispose()
    if verdict != "ok":
        msg = f"it is damaged ({verdict})"
        raise NotACopy(msg)
    if not is_ours:
        msg = "it is no database of onboard"
        raise NotACopy(msg)
    if not is_known:
        msg = "a newer version of onboard wrote it; install that version first"
        raise NotACopy(msg)


def open_copy(copy: Path) -> Engine:
    """For reading; the file stays as it is."""
    return create_engine(URL.create("sqlite", database=copy.absolute().as_uri(), query={"mode": "ro", "uri": "true"}))


def _copy(source: Path, target: Path) -> None:
    try:
        _copy_pages(source, target)
    except sqlite3.OperationalError as error:
        # A full disk, a lock that nobody lets go.
        raise OSError(errno.EIO, str(error), str(target)) from None
    except sqlite3.DatabaseError as error:
        msg = f"it is no readable SQLite database ({error})"
        raise NotACopy(msg) from None


def _copy_pages(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as here,
        contextlib.closing(sqlite3.connect(target, timeout=BUSY_SECONDS)) as there,
    ):
        here.backup(there)
        # One file, without a log beside it. A database in use stays as it is: onboard sets it up when it connects.
        with contextlib.suppress(sqlite3.OperationalError):
            there.execute("PRAGMA journal_mode=DELETE")
