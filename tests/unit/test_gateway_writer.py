from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

import gateway.writer
from gateway.writer import LARGEST_BATCH, TooMuch, Writer, each_commits
from models.db import make_engine

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


@pytest.fixture
def db(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    NUMBERS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def add(connection, numbers):
    connection.execute(insert(NUMBERS), [{"number": number} for number in numbers])
    return [f"{number} is there" for number in numbers]


@each_commits
def add_at_once(connection, numbers):
    connection.execute(insert(NUMBERS).values([{"number": number} for number in numbers]))
    return [f"{number} is there" for number in numbers]


def stored(db):
    with db.begin() as connection:
        return sorted(connection.execute(select(NUMBERS.c.number)).scalars())


class Held:
    """A write that lasts until it is let go, so that others gather behind it."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, connection, items):
        self.begun.set()
        assert self.go_on.wait(10)
        return items


def behind(writer, held, numbers, work=add):
    """The results of numbers that were all handed in while the writer was busy; an error stands for itself."""

    async def all_of_them():
        first = writer.submit(held, "held")
        assert await asyncio.to_thread(held.begun.wait, 10)
        others = [writer.submit(work, number) for number in numbers]
        held.go_on.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    first, *others = asyncio.run(all_of_them())
    assert first == "held"
    return others


def write(writer, work, item):
    """The result of one item."""

    async def submit():
        return await writer.submit(work, item)

    return asyncio.run(submit())


def test_what_arrives_together_is_written_by_one_statement_and_committed_together(db):
    commits, statements = [], []
    event.listen(db, "commit", lambda _: commits.append(len(commits)))
    event.listen(db, "before_cursor_execute", lambda *details: statements.append(details[2]))
    results = behind(Writer(db), Held(), range(50))
    assert results == [f"{number} is there" for number in range(50)]
    assert len([one for one in statements if one.startswith("INSERT")]) == 1
    assert len(commits) == 2, "the held one and the fifty"
    assert stored(db) == list(range(50))


def test_what_needs_no_transaction_is_one_call_of_the_database(db):
    statements = []
    event.listen(db, "before_cursor_execute", lambda *details: statements.append(details[2]))
    assert write(Writer(db), add_at_once, 1) == "1 is there"
    assert [one.split()[0] for one in statements] == ["INSERT"]
    assert stored(db) == [1]


def test_where_each_statement_commits_a_later_one_does_not_take_it_back(db):
    writer = Writer(db)

    def add_and_fail(connection, numbers):
        add(connection, numbers)
        raise KeyError(*numbers)

    with pytest.raises(KeyError):
        write(writer, each_commits(partial(add_and_fail)), 1)
    assert stored(db) == [1]
    # The connection that is taken now comes from the same pool.
    with pytest.raises(KeyError):
        write(writer, add_and_fail, 2)
    assert stored(db) == [1]


def test_one_kind_that_fails_does_not_take_the_other_kind_with_it(db):
    writer = Writer(db)

    async def both():
        jobs = [writer.submit(add, 1), writer.submit(add_at_once, 2), writer.submit(add, 1)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    first, other, again = asyncio.run(both())
    assert (first, other) == ("1 is there", "2 is there")
    assert isinstance(again, IntegrityError)
    assert stored(db) == [1, 2]


def test_for_a_database_that_is_away_one_kind_waits_and_the_others_hear_of_it(db):
    writer, tried = Writer(db), []

    def away(name):
        def write(_connection, items):
            tried.append(name)
            raise OperationalError("INSERT", {}, Exception("nobody answers"))

        return write

    async def several():
        jobs = [writer.submit(away(name), name) for name in ("one", "other", "third")]
        return await asyncio.gather(*jobs, writer.submit(add, 1), return_exceptions=True)

    assert [type(result) for result in asyncio.run(several())] == [OperationalError] * 4
    assert tried == ["one"]
    assert write(writer, add, 2) == "2 is there"
    assert stored(db) == [2]


@pytest.mark.parametrize("work", [add, add_at_once])
def test_one_that_fails_does_not_take_the_others_with_it(db, work):
    results = behind(Writer(db), Held(), [1, 2, 2, 3], work)
    assert sum(isinstance(one, IntegrityError) for one in results) == 1
    assert stored(db) == [1, 2, 3]


def test_after_a_failure_the_thread_goes_on(db):
    writer = Writer(db)
    with pytest.raises(ZeroDivisionError):
        write(writer, lambda connection, items: 1 / 0, None)
    assert write(writer, add, 7) == "7 is there"


def test_the_event_loop_hears_of_each_after_the_commit(db):
    writer = Writer(db)

    async def all_of_them():
        return await asyncio.gather(*(writer.submit(add, number) for number in (1, 2, 2)), return_exceptions=True)

    results = asyncio.run(all_of_them())
    assert [isinstance(one, IntegrityError) for one in results].count(True) == 1
    assert stored(db) == [1, 2]


def test_who_does_not_wait_any_longer_stops_nobody(db):
    writer, held = Writer(db), Held()

    async def give_up():
        abandoned = writer.submit(held, "held")
        abandoned.cancel()

    asyncio.run(give_up())
    held.go_on.set()
    assert write(writer, add, 1) == "1 is there"


def connections(db):
    """Who takes a connection from the pool, and who gives one back, as it happens."""
    seen = []
    event.listen(db, "checkout", lambda *_: seen.append("taken"))
    event.listen(db, "checkin", lambda *_: seen.append("given back"))
    return seen


def test_while_there_is_something_to_write_the_thread_keeps_its_connection(db, monkeypatch):
    monkeypatch.setattr(gateway.writer, "HELD_SECONDS", 60)
    seen, writer = connections(db), Writer(db)
    for number in range(5):
        write(writer, add, number)
    assert seen == ["taken"]
    writer.close()
    assert seen == ["taken", "given back"]
    assert write(writer, add, 5) == "5 is there", "a closed one begins anew"
    writer.close()


def test_a_connection_that_nobody_uses_goes_back_so_that_it_is_looked_at_before_it_is_used_again(db, monkeypatch):
    monkeypatch.setattr(gateway.writer, "HELD_SECONDS", 0.01)
    given_back, writer = threading.Event(), Writer(db)
    event.listen(db, "checkin", lambda *_: given_back.set())
    write(writer, add, 1)
    assert given_back.wait(5)
    assert write(writer, add, 2) == "2 is there"


def test_a_connection_that_cannot_be_given_back_does_not_end_the_thread(db):
    writer = Writer(db)

    def fail_and_stay(connection, items):
        connection.close = lambda: 1 / 0
        raise KeyError(*items)

    with pytest.raises(KeyError):
        write(writer, fail_and_stay, "first")
    assert write(writer, add, 1) == "1 is there"


def test_after_a_failure_another_connection_is_taken(db):
    seen, writer = connections(db), Writer(db)
    with pytest.raises(ZeroDivisionError):
        write(writer, lambda connection, items: 1 / 0, None)
    assert seen == ["taken", "given back"]
    assert write(writer, add, 1) == "1 is there"


def test_what_was_handed_over_before_the_end_is_written(db):
    writer, held = Writer(db), Held()

    async def all_of_them():
        first = writer.submit(held, "held")
        assert await asyncio.to_thread(held.begun.wait, 10)
        others = [writer.submit(add, number) for number in range(LARGEST_BATCH + 1)]
        # The loop hands them over in its next turn.
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(writer.close))
        held.go_on.set()
        await asyncio.gather(first, *others, closing)

    asyncio.run(all_of_them())
    assert stored(db) == list(range(LARGEST_BATCH + 1))


def test_when_too_much_waits_nothing_more_is_taken(db, monkeypatch):
    monkeypatch.setattr(gateway.writer, "LONGEST_QUEUE", 3)
    writer, held = Writer(db), Held()

    async def too_many():
        first = writer.submit(held, "held")
        assert await asyncio.to_thread(held.begun.wait, 10)
        others = [writer.submit(add, number) for number in range(3)]
        with pytest.raises(TooMuch):
            writer.submit(add, 3)
        held.go_on.set()
        await asyncio.gather(first, *others)
        return await writer.submit(add, 4)

    assert asyncio.run(too_many()) == "4 is there"
    assert stored(db) == [0, 1, 2, 4]
