"""``INSERT ... ON CONFLICT``, and many rows in one statement, for both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, text
from sqlalchemy.dialects import postgresql, sqlite

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

    :param rows: not empty, all with the same columns in the same order. PostgreSQL refuses a text that is too long.
    :param returning: the columns of those that were inserted, in no certain order; all if none are named.
    """
    statement = _insert_from_json(table, tuple(rows[0]), returning or tuple(table.c), connection.dialect.name)
    return connection.execute(statement, {"rows": _document(connection, rows)}).all()


def update_all_empty(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, empty: Column[Any]
) -> None:
    """Overwrite the rows of these ids in one statement, but only those that have nothing in ``empty``.

    :param rows: not empty, all with the same columns in the same order, among them ``id``.
    """
    statement = _update_from_json(table, tuple(rows[0]), empty, connection.dialect.name)
    connection.execute(statement, {"rows": _document(connection, rows)})


def _document(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> str:
    dialect = connection.dialect.name
    # PostgreSQL would read an array anew for each of its values.
    values = rows if dialect == "postgresql" else [list(row.values()) for row in rows]
    return json.dumps(values, default=_time_as(dialect))


@lru_cache(maxsize=16)
def _insert_from_json(
    table: Table, names: tuple[str, ...], returning: tuple[Column[Any], ...], dialect: str
) -> TextualSelect:
    source, values = _source(table, names, dialect)
    insert = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values.values())} FROM {source}"  # noqa: S608
    told = ", ".join(column.name for column in returning)
    return text(f"{insert} WHERE true ON CONFLICT DO NOTHING RETURNING {told}").columns(*returning)


@lru_cache(maxsize=16)
def _update_from_json(table: Table, names: tuple[str, ...], empty: Column[Any], dialect: str) -> TextClause:
    source, values = _source(table, names, dialect)
    changes = ", ".join(f"{name} = {value}" for name, value in values.items() if name != "id")
    # The plus keeps SQLite from beginning with all rows that are empty there; the document is short.
    column = f"{table.name}.{empty.name}" if dialect == "postgresql" else f"+{table.name}.{empty.name}"
    which = f"{table.name}.id = {values['id']} AND {column} IS NULL"
    return text(f"UPDATE {table.name} SET {changes} FROM {source} WHERE {which}")  # noqa: S608


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


def _time_as(dialect: str) -> Callable[[Any], str]:
    """How a time stands in a document, so that it is stored as any other statement stores it."""

    def shown(value: Any) -> str:
        if not isinstance(value, datetime):
            msg = f"{type(value).__name__} cannot be stored"
            raise TypeError(msg)
        at = value.astimezone(UTC)
        return at.replace(tzinfo=None).isoformat(" ", "microseconds") if dialect == "sqlite" else at.isoformat()

    return shown
