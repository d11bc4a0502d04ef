"""Alembic's entry point. The engine is handed in by ``models.migrations``; nothing here reads the environment."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Engine, text

from models.tables import metadata
from models.tables.base import UtcDateTime

# Any constant will do, as long as no other program on the same database uses it.
ADVISORY_LOCK = 8_157_020_260


def render_item(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Migrations are frozen history, so they name SQLAlchemy's types, never ours."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            # Two deployments at once must not race; a migration that waits long for a lock stops all work.
            connection.execute(text("SET LOCAL lock_timeout = '4s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=engine.dialect.name == "sqlite",
            compare_type=True,
            render_item=render_item,
        )
        context.run_migrations()


run(context.config.attributes["engine"])
