"""The gateway's writer on PostgreSQL: what is one statement commits by itself, all else together, and a dead connection harms nobody."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, insert, select, text
from sqlalchemy.exc import IntegrityError

import gateway.writer
from gateway.writer import Writer, one_statement
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


@one_statement
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


def test_only_what_is_one_statement_goes_without_a_transaction_of_its_own(db, writer):
    assert write(writer, (add, 1), (add, 2)) == [True, True]
    assert write(writer, (add_in_parts, 3)) == [False]
    assert write(writer, (add, 4), (add_in_parts, 5)) == [False, False]
    assert write(writer, (add, 6)) == [True]
    assert stored(db) == [1, 2, 3, 4, 5, 6]


def test_one_that_fails_keeps_none_of_the_others_from_being_written(db, writer):
    one, two, again, three = write(writer, (add, 1), (add, 2), (add_in_parts, 2), (add_in_parts, 3))
    assert (one, two, three) == (True, True, False)
    assert isinstance(again, IntegrityError)
    assert stored(db) == [1, 2, 3]


def test_a_connection_that_died_while_nobody_wrote_costs_nobody_an_error(db, writer, monkeypatch):
    monkeypatch.setattr(gateway.writer, "HELD_SECONDS", 0.01)
    given_back = []
    event.listen(db, "checkin", lambda *_: given_back.append(True))

    async def write_and_be_idle():
        assert await writer.submit(add, 1)
        async with asyncio.timeout(5):
            while not given_back:
                await asyncio.sleep(0.01)

    asyncio.run(write_and_be_idle())
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :own"
    )
    with db.begin() as connection:
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        connection.execute(others, {"own": own})
    assert write(writer, (add, 2)) == [True]
    assert stored(db) == [1, 2]
