"""The gateway's writer on PostgreSQL: what needs no transaction has none, and a dead connection harms nobody."""

from __future__ import annotations

import asyncio
import threading
import uuid

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, insert, select
from sqlalchemy.exc import IntegrityError

import gateway.writer
from gateway.writer import Writer, each_commits
from models.db import make_engine

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


@pytest.fixture
def db(postgres):
    engine = make_engine(postgres.new_database(f"writer-{uuid.uuid4().hex[:8]}"))
    NUMBERS.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(db):
    writer = Writer(db)
    yield writer
    writer.close()


def is_alone(connection):
    return connection.connection.dbapi_connection.autocommit


@each_commits
def add(connection, numbers):
    connection.execute(insert(NUMBERS).values([{"number": number} for number in numbers]))
    return [is_alone(connection)] * len(numbers)


def add_in_parts(connection, numbers):
    for number in numbers:
        connection.execute(insert(NUMBERS).values(number=number))
    return [is_alone(connection)] * len(numbers)


def write(writer, *jobs):
    async def submit():
        return await asyncio.gather(*(writer.submit(*job) for job in jobs), return_exceptions=True)

    return asyncio.run(submit())


def stored(db):
    with db.begin() as connection:
        return sorted(connection.execute(select(NUMBERS.c.number)).scalars())


def test_only_what_needs_no_transaction_goes_without_one(db, writer):
    assert write(writer, (add, 1), (add, 2)) == [True, True]
    assert write(writer, (add_in_parts, 3)) == [False]
    assert write(writer, (add, 4), (add_in_parts, 5)) == [True, False]
    assert write(writer, (add, 6)) == [True]
    assert stored(db) == [1, 2, 3, 4, 5, 6]


def test_one_that_fails_keeps_none_of_the_others_from_being_written(db, writer):
    one, two, again, three = write(writer, (add, 1), (add, 2), (add_in_parts, 2), (add_in_parts, 3))
    assert (one, two, three) == (True, True, False)
    assert isinstance(again, IntegrityError)
    assert stored(db) == [1, 2, 3]


def end_all_connections(db):
    """As when the database fails over; how many there were."""
    url = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
    others = (
        "pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        return len(connection.execute(f"SELECT {others}").fetchall())


@pytest.mark.parametrize("held_seconds", [0.01, 60])
def test_a_connection_that_died_between_two_batches_costs_nobody_an_error(db, writer, monkeypatch, held_seconds):
    monkeypatch.setattr(gateway.writer, "HELD_SECONDS", held_seconds)
    given_back = threading.Event()
    event.listen(db, "checkin", lambda *_: given_back.set())
    assert write(writer, (add, 1)) == [True]
    assert held_seconds == 60 or given_back.wait(5)
    assert end_all_connections(db) >= 1
    assert write(writer, (add, 2), (add, 3)) == [True, True]
    assert stored(db) == [1, 2, 3]


def test_both_kinds_in_turn_need_two_connections_and_no_more(db, writer, monkeypatch):
    monkeypatch.setattr(gateway.writer, "HELD_SECONDS", 60)
    taken = []
    event.listen(db, "checkout", lambda *_: taken.append(True))
    for number in range(0, 20, 2):
        write(writer, (add, number))
        write(writer, (add_in_parts, number + 1))
    assert len(taken) == 2
    assert stored(db) == list(range(20))
