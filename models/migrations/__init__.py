"""Alembic migrations, beside the tables they change. ``upgrade`` is the one way to run them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.db import reader

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def make_config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``; safe to call from several processes at once."""
    command.upgrade(make_config(engine), revision)


def is_current(engine: Engine) -> bool:
    """Whether the database is at the newest revision."""
    head = ScriptDirectory.from_config(make_config(engine)).get_current_head()
    # A stalled writer must not hide it from those who look for the stall.
    with reader(engine).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def knows_revision(connection: Connection) -> bool:
    """Whether this version of the program has the revision that the database is at, so that it can be upgraded."""
    known = {script.revision for script in ScriptDirectory.from_config(make_config(connection.engine)).walk_revisions()}
    return MigrationContext.configure(connection).get_current_revision() in known
