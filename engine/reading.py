"""How rows are read for people: plain SQL, one snapshot at a time, never a lock that a worker could wait for.

A SQLite file is opened by the standard library, read-only. Importing SQLAlchemy takes longer than ``onboard list`` may
take in all; every other database is read through it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine

    Record = dict[str, Any]
    Fetch = Callable[[str, Mapping[str, Any]], list[Record]]

BUSY_SECONDS = 30
SQLITE_FILE = "sqlite:///"
# Columns whose names do not end in ``_at`` but hold a time, and those that hold JSON: SQLite gives both as text.
TIMES = frozenset(
    "at cooldown_since cooldown_until held_from held_since not_before room_since waiting_since waiting_until".split()  # noqa: SIM905
)
JSON = frozenset(
    "bring_back details fields findings hops instructions params payload spec values".split()  # noqa: SIM905
)


class Source(Protocol):
    """A database that can be read."""

    def snapshot(self) -> AbstractContextManager[Fetch]:
        """A function that runs SQL with ``:name`` parameters; all its answers show the same moment."""

    def version(self) -> str | None:
        """The migration it is at; None when it has none of our tables."""

    def close(self) -> None: ...


class NoDatabase(LookupError):
    """The SQLite file does not exist yet."""


def open_source(url: str) -> Source:
    """The database behind a SQLAlchemy URL.

    :raises NoDatabase: it is a SQLite file that is not there.
    """
    path = url.removeprefix(SQLITE_FILE)
    if path == url or not path or path == ":memory:" or "?" in path:
        from models.db import make_engine

        return EngineSource(make_engine(url))
    if not Path(path).exists():
        raise NoDatabase(path)
    return SqliteSource(Path(path))


class SqliteSource:
    """A SQLite file, opened read-only."""

    def __init__(self, path: Path) -> None:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    @contextmanager
    def snapshot(self) -> Iterator[Fetch]:
        self._connection.execute("BEGIN")
        try:
            yield self._fetch
        finally:
            self._connection.execute("COMMIT")

    def _fetch(self, sql: str, params: Mapping[str, Any]) -> list[Record]:
        cursor = self._connection.execute(sql, _stored_all(params))
        names = [column[0] for column in cursor.description]
        return [decode(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def version(self) -> str | None:
        known = self._connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = known and self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return row[0] if row else None

    def close(self) -> None:
        self._connection.close()


class EngineSource:
    """Any database, through SQLAlchemy."""

    def __init__(self, engine: Engine) -> None:
        from models.db import snapshot

        self._engine = snapshot(engine)

    @contextmanager
    def snapshot(self) -> Iterator[Fetch]:
        from sqlalchemy import text

        is_sqlite = self._engine.dialect.name == "sqlite"
        with self._engine.begin() as connection:

            def fetch(sql: str, params: Mapping[str, Any]) -> list[Record]:
                result = connection.execute(text(sql), _stored_all(params) if is_sqlite else dict(params))
                return [decode(row.items()) for row in result.mappings()]

            yield fetch

    def version(self) -> str | None:
        from sqlalchemy import inspect

        if not inspect(self._engine).has_table("alembic_version"):
            return None
        with self.snapshot() as fetch:
            rows = fetch("SELECT version_num FROM alembic_version", {})
        return str(rows[0]["version_num"]) if rows else None

    def close(self) -> None:
        self._engine.dispose()


def _stored_all(params: Mapping[str, Any]) -> dict[str, Any]:
    """Times as SQLAlchemy writes them into SQLite: text in UTC, so that they compare with what is stored."""
    return {
        name: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
        for name, value in params.items()
    }


def decode(row: Any) -> Record:
    """A row as plain Python values: aware times, parsed JSON, real booleans."""
    return {name: _decode(name, value) for name, value in row}


def _decode(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at") or name in TIMES:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if name in JSON and isinstance(value, str):
        return json.loads(value)
    return bool(value) if name in {"sends_message", "is_removal"} else value
