from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, event, insert, select

from engine.upsert import update_all_empty
from models.db import make_engine

THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("sid", String(34), unique=True),
    Column("word", String),
)


@pytest.fixture
def connection(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    THINGS.metadata.create_all(engine)
    with engine.begin() as connection:
        rows = [{"id": number, "sid": "there" if number == 2 else None, "word": "old"} for number in (1, 2, 3)]
        connection.execute(insert(THINGS), rows)
        yield connection
    engine.dispose()


NEW = [
    {"id": 1, "sid": "SM1", "word": None},
    {"id": 2, "sid": "SM2", "word": "new"},
    {"id": 9, "sid": "SM9", "word": ""},
]


def test_only_rows_that_are_empty_there_are_overwritten(connection):
    update_all_empty(connection, THINGS, NEW, empty=THINGS.c.sid)
    rows = connection.execute(select(THINGS).order_by(THINGS.c.id)).all()
    assert [tuple(row) for row in rows] == [(1, "SM1", None), (2, "there", "old"), (3, None, "old")]


def test_sqlite_looks_each_row_up_however_many_are_empty(connection):
    done = []
    event.listen(connection, "before_cursor_execute", lambda *details: done.append(details[2:4]))
    update_all_empty(connection, THINGS, NEW, empty=THINGS.c.sid)
    ((statement, values),) = done
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert [row.detail.split(" VIRTUAL")[0] for row in plan] == [
        "SCAN json_each",
        "SEARCH things USING INTEGER PRIMARY KEY (rowid=?)",
    ]
