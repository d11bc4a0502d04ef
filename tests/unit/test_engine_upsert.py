from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, UniqueConstraint, event, insert, select
from sqlalchemy.exc import IntegrityError

from engine.upsert import insert_mostly_new, update_all_empty
from models.db import make_engine

THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("owner", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("sid", String(34), unique=True),
    Column("word", String),
    Column("size", Integer, nullable=False, server_default="0"),
    UniqueConstraint("owner", "name"),
)
KEY = (THINGS.c.owner, THINGS.c.name)


@pytest.fixture
def connection(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    THINGS.metadata.create_all(engine)
    with engine.begin() as connection:
        rows = [
            {"owner": 1, "name": name, "sid": sid, "word": "old"}
            for name, sid in (("a", None), ("b", "there"), ("c", None))
        ]
        connection.execute(insert(THINGS), rows)
        yield connection
    engine.dispose()


NEW = [
    {"owner": 1, "name": "a", "sid": "SM1", "word": None},
    {"owner": 1, "name": "b", "sid": "SM2", "word": "new"},
    {"owner": 2, "name": "a", "sid": "SM9", "word": ""},
]


def stored(connection):
    rows = connection.execute(select(*KEY, THINGS.c.sid, THINGS.c.word).order_by(*KEY))
    return [tuple(row) for row in rows]


@pytest.fixture
def statements(connection):
    done = []
    event.listen(connection, "before_cursor_execute", lambda *details: done.append(details[2:4]))
    return done


def test_only_rows_that_are_empty_there_are_overwritten(connection):
    update_all_empty(connection, THINGS, NEW, key=KEY, empty=THINGS.c.sid)
    assert stored(connection) == [(1, "a", "SM1", None), (1, "b", "there", "old"), (1, "c", None, "old")]


def test_sqlite_looks_each_row_up_however_many_are_empty(connection, statements):
    update_all_empty(connection, THINGS, NEW, key=KEY, empty=THINGS.c.sid)
    ((statement, values),) = statements
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert [row.detail.split(" VIRTUAL")[0] for row in plan] == [
        "SCAN json_each",
        "SEARCH things USING INDEX sqlite_autoindex_things_1 (owner=? AND name=?)",
    ]


def row_of(owner, name):
    return {"owner": owner, "name": name, "word": "new"}


def test_rows_that_are_all_new_cost_sqlite_one_statement_that_returns_nothing(connection, statements):
    assert insert_mostly_new(connection, THINGS, [row_of(2, "b"), row_of(2, "a")], *KEY) == [True, True]
    ((statement, _),) = statements
    assert "RETURNING" not in statement
    assert stored(connection)[3:] == [(2, "a", None, "new"), (2, "b", None, "new")]


def test_of_rows_that_are_partly_known_the_new_ones_are_inserted_and_told(connection):
    rows = [row_of(1, "z"), row_of(1, "b"), row_of(2, "a"), row_of(2, "a")]
    assert insert_mostly_new(connection, THINGS, rows, *KEY) == [True, False, True, False]
    assert [row[:2] for row in stored(connection)] == [(1, "a"), (1, "b"), (1, "c"), (1, "z"), (2, "a")]


def test_a_row_that_breaks_another_rule_is_an_error(connection):
    with pytest.raises(IntegrityError, match="NOT NULL"):
        insert_mostly_new(connection, THINGS, [row_of(2, "a") | {"size": 1}, row_of(2, "b") | {"size": None}], *KEY)
    assert len(stored(connection)) == 3
