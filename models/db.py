"""The one way to a database connection, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_SECONDS = 30
EACH_COMMITS = "each_commits"
# A host that is gone must not be waited for by the minute.
CONNECT_SECONDS = 10


def make_engine(url: str, *, is_read_only: bool = False) -> Engine:
    """An engine for ``url``. SQLite runs in WAL mode and opens every transaction with ``BEGIN IMMEDIATE``
    (but :func:`connect_committing_each`).

    Of a read-only engine the database itself refuses every change.
    With SQLite's default, deferred BEGIN, two processes that read and then write lose updates or fail at once with
    "database is locked"; ``execution_options(read_only=True)`` gives a reader that does not queue for the write lock.
    """
    if not make_url(url).get_backend_name().startswith("sqlite"):
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            hide_parameters=True,
            connect_args={"connect_timeout": CONNECT_SECONDS},
            execution_options={"postgresql_readonly": True} if is_read_only else {},
        )
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connect(dbapi_connection: Any, _record: Any) -> None:
        # The sqlite3 module must not issue a BEGIN of its own.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"busy_timeout={BUSY_SECONDS * 1000}",
            # What is answered must outlast a power cut, not only a crash.
            "synchronous=FULL",
            "foreign_keys=ON",
            *(["query_only=ON"] if is_read_only else []),
        ):
            cursor.execute("PRAGMA " + pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get(EACH_COMMITS):
            return
        reads = is_read_only or connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def connect_committing_each(engine: Engine) -> Connection:
    """A connection on which each statement commits by itself, whatever :meth:`~sqlalchemy.Connection.begin` says."""
    options: dict[str, Any] = {EACH_COMMITS: True}
    # Said to SQLite, it would have the sqlite3 module begin transactions once the connection is given back.
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    return engine.connect().execution_options(**options)


def reader(engine: Engine) -> Engine:
    """The same pool, with transactions that do not take SQLite's write lock."""
    return engine.execution_options(read_only=True)


def snapshot(engine: Engine) -> Engine:
    """As :func:`reader`; all statements of a transaction see the database as it was at one moment."""
    if engine.dialect.name != "postgresql":
        return reader(engine)
    # By default each statement would see a moment of its own.
    return reader(engine).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
