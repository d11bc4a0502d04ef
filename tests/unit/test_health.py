"""What doctor and ``onboard limits`` say of work that stands still and of accounts that rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from cli.stack import health
from engine import pulse
from engine.limit_book import LimitBook
from models.tables import Onboarding
from providers.errors import CallContext, RateLimited
from tasks.names import QUEUES
from tests.factories import ACCOUNT_SID
from tests.unit.cli_world import make_world

CALL = CallContext("Twilio", "fetch the account")


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def ago(**span):
    return datetime.now(UTC) - timedelta(**span)


def note(world, *, beats=(), **queues):
    with world.db.begin() as connection:
        for name, at in beats:
            pulse.note_beat(connection, name, at=at)
        for queue, at in queues.items():
            pulse.note_consumed(connection, queue, worker="w:1", at=at)


def test_all_is_well_while_every_queue_is_consumed_from(world):
    note(world, beats=[("a:1", ago(seconds=3))], **dict.fromkeys(QUEUES, ago(seconds=20)))
    assert health.beat(world.settings).found == "a:1 ticked 3 s ago"
    assert health.queues(world.settings).level == "ok"


def test_a_queue_that_nobody_consumes_is_named_with_its_time(world):
    note(world, beats=[("a:1", ago(seconds=3))], **dict.fromkeys(QUEUES, ago(seconds=2)) | {"steps": ago(minutes=4)})
    found = health.queues(world.settings)
    assert (found.level, found.found) == ("fail", "steps: nothing consumed for 4 min")
    assert "is a worker running for it?" in found.cure


def test_without_a_beat_an_idle_queue_is_no_proof_of_anything(world):
    assert health.beat(world.settings).found.startswith("has never ticked")
    note(world, beats=[("a:1", ago(minutes=5))], **dict.fromkeys(QUEUES, ago(minutes=5)))
    assert health.beat(world.settings).found == "last ticked 5 min ago: nothing is polled or tried again"
    found = health.queues(world.settings)
    assert found.level == "warn"
    assert found.found.endswith("but no beat sends anything through them")


def test_a_second_beat_is_told_and_forgiven(world):
    note(world, beats=[("a:1", ago(seconds=3)), ("b:2", ago(seconds=1))])
    found = health.beat(world.settings)
    assert (found.level, found.found) == ("warn", "2 tick: a:1, b:2")


def test_onboardings_of_another_step_graph_are_counted(world):
    for name in ("old", "new", "newer"):
        world.start(name)
    assert health.graph(world.settings).level == "ok"
    with world.db.begin() as connection:
        for name, version in (("old", 0), ("new", 7), ("newer", 7)):
            connection.execute(update(Onboarding).where(Onboarding.c.name == name).values(graph_version=version))
    found = health.graph(world.settings)
    assert found.found == "version 1; left alone: 1 onboarding on version 0, 2 onboardings on version 7"
    assert "`onboard migrate` brings it over" in found.cure


def rest(world, seconds):
    limit = LimitBook(world.db, lambda: datetime.now(UTC)).limit("Twilio", ACCOUNT_SID, 30)
    limit.failed(RateLimited("429", after=seconds, context=CALL))


def test_limits_show_who_rests_why_and_until_when_and_what_is_held_back(world):
    assert world.onboard("limits") == "No step has come to a vendor yet.\n"
    world.start("acme")
    rest(world, 600)
    world.run("registration", "acme")
    shown = world.onboard("limits")
    assert f"Twilio  {ACCOUNT_SID}  0 of 1     1\n" in shown
    assert f"Twilio account {ACCOUNT_SID} answers 429; asked again at" in shown
    assert "has held steps back once since" in shown
    (twilio,) = json.loads(world.onboard("limits", "--json"))
    assert (twilio["held_back"], twilio["room"], twilio["ceiling"]) == (1, 1, 30)
    found = health.vendor_limits(world.settings)
    assert found.level == "warn"
    assert found.found.endswith("1 step is held back")
    assert "held back: Twilio account" in world.onboard("show", "acme")
    assert "goes on by itself; `onboard limits` shows all" in world.onboard("explain", "acme")
    assert "held back: Twilio account" in world.onboard("list")
    world.onboard("pause", "acme")
    (twilio,) = json.loads(world.onboard("limits", "--json"))
    assert (twilio["held_back"], twilio["held_since"]) == (0, None)


def test_a_reset_is_for_accounts_that_are_known(world):
    world.start("acme")
    rest(world, 600)
    assert "is asked again" in world.onboard("limits", "reset", "twilio", ACCOUNT_SID)
    assert health.vendor_limits(world.settings).level == "ok"
    assert "no step has come to" in world.onboard("limits", "reset", "Twilio", "AC9", code=4)


def test_doctor_looks_at_the_work_while_a_stalled_writer_holds_sqlites_lock(world):
    with world.db.begin():
        lines = world.json("doctor", code=5)
    assert {"database", "beat", "queues"} <= {line["subject"] for line in lines}
    assert next(line["level"] for line in lines if line["subject"] == "database") == "ok"
