from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError

from gateway.writer import Writer
from models.db import make_engine

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


@pytest.fixture
def db(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    NUMBERS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def add(number):
    return lambda connection: connection.execute(insert(NUMBERS).values(number=number)).rowcount


def stored(db):
    with db.begin() as connection:
        return sorted(connection.execute(select(NUMBERS.c.number)).scalars())


def test_what_arrives_together_is_committed_together_and_answered_after_that(db):
    writer = Writer(db)
    held, go_on, commits = threading.Event(), threading.Event(), []
    from sqlalchemy import event

    event.listen(db, "commit", lambda _: commits.append(len(commits)))

    def hold(connection):
        held.set()
        assert go_on.wait(10)
        return "held"

    first = writer.submit(1, hold)
    assert held.wait(10)
    others = [writer.submit(1, add(number)) for number in range(50)]
    assert not any(one.done() for one in others)
    go_on.set()
    wait([first, *others], timeout=10)
    assert (first.result(), [one.result() for one in others]) == ("held", [1] * 50)
    assert stored(db) == list(range(50))
    assert len(commits) == 3, "the held one, the fifty, and this look at them"


def test_one_that_fails_does_not_take_the_others_with_it(db):
    writer = Writer(db)
    held, go_on = threading.Event(), threading.Event()
    blocking = writer.submit(1, lambda _: (held.set(), go_on.wait(10)))
    assert held.wait(10)
    jobs = [writer.submit(1, add(number)) for number in (1, 2, 2, 3)]
    go_on.set()
    wait([blocking, *jobs], timeout=10)
    assert [job.exception() is None for job in jobs] == [True, True, False, True]
    assert isinstance(jobs[2].exception(), IntegrityError)
    assert stored(db) == [1, 2, 3]


def test_after_a_failure_the_thread_goes_on(db):
    writer = Writer(db)
    with pytest.raises(ZeroDivisionError):
        writer.run(1, lambda _: 1 / 0)
    assert writer.run(1, add(7)) == 1
