"""``INSERT ... ON CONFLICT``, and many rows in one statement, for both databases."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from sqlalchemy import JSON, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Column, Connection, Row, Table
    from sqlalchemy.sql.elements import TextClause
    from sqlalchemy.sql.selectable import TextualSelect


_POSTGRESQL: Any = postgresql.dialect()  # type: ignore[no-untyped-call]


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def upsert(connection: Connection, table: Table, *, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert the row, or overwrite ``values`` of the one that has this unique ``key``."""
    statement = _insert(connection, table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def insert_all_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *returning: Column[Any]
) -> Sequence[Row[Any]]:
    """Insert those that break no unique key, in one statement.

    All rows go as one JSON document, which costs a half (SQLite: four fifths) of what a parameter for each value does.

    :param rows: not empty, all with the same columns in the same order; texts, numbers, times, and what JSON can hold.
        PostgreSQL refuses a text that is too long.
    :param returning: the columns of those that were inserted, in no certain order; all if none are named.
    """
    statement = _insert_new_from_json(table, tuple(rows[0]), returning or tuple(table.c), connection.dialect.name)
    return connection.execute(statement, {"rows": _document(connection, rows)}).all()


def insert_mostly_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *key: Column[Any]
) -> list[bool]:
    """As :func:`insert_all_new`, for rows that are nearly always new; whether it was inserted, of each in the order given.

    SQLite would return each row in a step of its own, and the thread queue for the interpreter after each.

    :param key: columns of a unique key; each of ``rows`` has all of them.
    """
    key_of = _key_of(key)
    ordered = sorted(rows, key=key_of)
    if connection.dialect.name == "sqlite":
        statement = _insert_from_json(table, tuple(rows[0]), connection.dialect.name)
        # When one is known already, SQLite takes back the statement and no more.
        with suppress(IntegrityError):
            connection.execute(statement, {"rows": _document(connection, ordered)})
            return [True] * len(rows)
    new = {tuple(row) for row in insert_all_new(connection, table, ordered, *key)}
    answers = []
    for row in rows:
        answers.append(key_of(row) in new)
        # The second of two equal ones is known already.
        new.discard(key_of(row))
    return answers


def update_all_empty(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[Column[Any]],
    empty: Column[Any],
    computed: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Overwrite the rows that have these values of ``key`` in one statement, but only those that have nothing in ``empty``.

    :param rows: not empty, all with the same columns in the same order, among them those of ``key``.
    :param computed: the SQL of further columns; in it ``{name}`` is what the row has in the column of that name.
    """
    more, dialect = tuple(computed.items()), connection.dialect.name
    statement = _update_from_json(table, tuple(rows[0]), tuple(key), empty=empty, computed=more, dialect=dialect)
    connection.execute(statement, {"rows": _document(connection, sorted(rows, key=_key_of(key)))})


def _key_of(key: Sequence[Column[Any]]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """What gives a row's key. Rows go ordered by it: two that write the same ones do not wait for each other."""
    names = [column.name for column in key]
    return lambda row: tuple(row[name] for name in names)


def _document(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> str:
    if connection.dialect.name == "postgresql":
        # It would read an array anew for each of its values.
        return to_json(rows).decode()
    return to_json([[_as_stored(value) for value in row.values()] for row in rows]).decode()


@lru_cache(maxsize=16)
def _insert_from_json(table: Table, names: tuple[str, ...], dialect: str) -> TextClause:
    source, values = _source(table, names, dialect)
    return text(f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values.values())} FROM {source}")  # noqa: S608


@lru_cache(maxsize=16)
def _insert_new_from_json(
    table: Table, names: tuple[str, ...], returning: tuple[Column[Any], ...], dialect: str
) -> TextualSelect:
    insert = _insert_from_json(table, names, dialect).text
    told = ", ".join(column.name for column in returning)
    return text(f"{insert} WHERE true ON CONFLICT DO NOTHING RETURNING {told}").columns(*returning)


@lru_cache(maxsize=16)
def _update_from_json(
    table: Table,
    names: tuple[str, ...],
    key: tuple[Column[Any], ...],
    *,
    empty: Column[Any],
    computed: tuple[tuple[str, str], ...],
    dialect: str,
) -> TextClause:
    source, values = _source(table, names, dialect)
    values |= {name: sql.format(**values) for name, sql in computed}
    same = " AND ".join(f"{table.name}.{column.name} = {values.pop(column.name)}" for column in key)
    changes = ", ".join(f"{name} = {value}" for name, value in values.items())
    # The plus keeps SQLite from beginning with all rows that are empty there; the document is short.
    column = f"{table.name}.{empty.name}" if dialect == "postgresql" else f"+{table.name}.{empty.name}"
    return text(f"UPDATE {table.name} SET {changes} FROM {source} WHERE {same} AND {column} IS NULL")  # noqa: S608


def _source(table: Table, names: tuple[str, ...], dialect: str) -> tuple[str, dict[str, str]]:
    """The document as a table, and what each column's value is in it; the names are those of our own tables."""
    if dialect == "postgresql":
        columns = ", ".join(f"{name} {table.c[name].type.compile(_POSTGRESQL)}" for name in names)
        return f"json_to_recordset(CAST(:rows AS json)) AS each({columns})", {name: f"each.{name}" for name in names}
    # SQLite's `->` keeps JSON as JSON, `->>` makes a value of it.
    return "json_each(:rows)", {
        name: f"value {'->' if isinstance(table.c[name].type, JSON) else '->>'} {index}"
        for index, name in enumerate(names)
    }


def _as_stored(value: Any) -> Any:
    """A time as SQLite has it from any other statement; everything else as it is."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
