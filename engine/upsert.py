"""``INSERT ... ON CONFLICT`` for both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection, Row, Table


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def upsert(connection: Connection, table: Table, *, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert the row, or overwrite ``values`` of the one that has this unique ``key``."""
    statement = _insert(connection, table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def insert_all_new(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *returning: Column[Any]
) -> Sequence[Row[Any]]:
    """Insert those that break no unique key, in one statement.

    :param returning: the columns of those that were inserted, in no certain order; all if none are named.
    """
    statement = _insert(connection, table).on_conflict_do_nothing().returning(*(returning or table.c))
    return connection.execute(statement, list(rows)).all()
