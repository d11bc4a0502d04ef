"""``INSERT ... ON CONFLICT`` for both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def upsert(connection: Connection, table: Table, *, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert the row, or overwrite ``values`` of the one that has this unique ``key``."""
    statement = _insert(connection, table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def insert_new(connection: Connection, table: Table, *, key: list[str], values: dict[str, Any]) -> bool:
    """Insert the row unless one with this unique ``key`` exists; whether it was inserted."""
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing(index_elements=key)
    return bool(connection.execute(statement).rowcount == 1)
