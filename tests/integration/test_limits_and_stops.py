"""Real workers share a vendor's limits, notice a broker that swallows all, are told of, and end without losing anything."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from sqlalchemy import select

from models.tables import Attempt, Event, Step
from tests.factories import spec_data
from tests.integration.house import AUTH_TOKEN
from tests.integration.services import eventually, fetch, free_port
from tests.integration.stack import Stack

STUCK = "AC" + "b" * 32

pytestmark = pytest.mark.slow


@pytest.fixture
def build(tmp_path, simulator, redis):
    """A stack with settings of its own, on SQLite."""
    built = []

    def make(**changes):
        built.append(Stack(tmp_path, simulator, redis, None, **changes))
        return built[-1]

    yield make
    for stack in built:
        stack.close()


def specs(stack, count, *, account=None, prefix="brand"):
    numbers = [f"+1415555{3000 + index + (500 if account else 0)}" for index in range(count)]
    sid = account or spec_data()["twilio"]["account_sid"]
    owned = [{"phone_number": number} for number in numbers]
    stack.simulator.post("accounts", {"sid": sid, "auth_token": AUTH_TOKEN, "numbers": owned})
    return [
        stack.write_spec(
            "sms",
            f"{prefix}-{index:02d}",
            brand=f"{prefix} {index}",
            twilio=spec_data()["twilio"]
            | {"account_sid": sid, "numbers": [number], "messaging_service": {"friendly_name": f"{prefix} {index}"}},
        )
        for index, number in enumerate(numbers)
    ]


def stop_between_writes(stack, worker):
    """Stopped within a transaction it would keep SQLite's lock, and beat and gateway from their work."""

    def stopped():
        worker.child.send_signal(signal.SIGSTOP)
        # Its other threads go on until the one that gets the signal has its turn.
        os.waitid(os.P_PID, worker.child.pid, os.WSTOPPED)
        try:
            with closing(sqlite3.connect(stack.db.url.database, timeout=0, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            worker.child.send_signal(signal.SIGCONT)
            return False
        return True

    eventually(stopped, within=10, what="the worker stands between two writes")


def events_like(stack, words):
    return stack.read(select(Event.c.kind, Event.c.text).where(Event.c.text.like(f"%{words}%")))


@pytest.mark.simulator("--max-concurrent", "1")
def test_a_vendor_that_takes_one_call_at_a_time_fails_nobody(build):
    stack = build(WORKER_CONCURRENCY="8")
    stack.up()
    files = specs(stack, 3)
    slowly = {"match": {"path_regex": "/Services"}, "action": "delay", "seconds": 0.2, "times": None}
    stack.simulator.post("faults", slowly)
    stack.onboard("start", *files)
    stack.wait_for("active", within=90)
    assert stack.simulator.ledger["duplicates"] == []
    assert events_like(stack, "answers 429 until")
    assert (
        stack.read(select(Attempt.c.id).where(Attempt.c.outcome == "retrying", Attempt.c.message.like("%429%"))) == []
    )
    (limit,) = json.loads(stack.onboard("limits", "--json"))[:1]
    assert limit["vendor"] == "Twilio"
    assert limit["held_lately"] > 0


def test_an_account_that_hangs_does_not_slow_the_others(build):
    stack = build(HTTP_TIMEOUT_SECONDS="6", LEASE_SECONDS="20")
    stuck = specs(stack, 12, account=STUCK, prefix="stuck")
    well = specs(stack, 2, prefix="well")
    hang = {"match": {"path_regex": f"/Accounts/{STUCK}"}, "action": "delay", "seconds": 60, "times": None}
    stack.simulator.post("faults", hang)
    (worker,) = stack.up()
    stack.onboard("start", *stuck)
    eventually(lambda: stack.read(select(Attempt.c.id)), within=20, what="the first of them hangs")
    begun = time.monotonic()
    stack.onboard("start", *well)
    stack.wait_for("active", ["well-00", "well-01"], within=60)
    # Twelve times six seconds by four threads: so long they would have had to wait for their turn alone.
    assert time.monotonic() - begun < 18
    # Its calls hang on; they need not be waited for.
    worker.kill()


def test_a_worker_that_is_asked_to_stop_gives_its_step_to_another_at_once(build):
    stack = build(STOP_SECONDS="0", LEASE_SECONDS="120", HTTP_TIMEOUT_SECONDS="10", WAKE_GRACE_SECONDS="60")
    slow = {"match": {"path_regex": r"/Accounts/AC\w+\.json$"}, "action": "delay", "seconds": 3}
    stack.simulator.post("faults", slow)
    workers = {worker.child.pid: worker for worker in stack.up(workers=2)}
    stack.onboard("start", stack.write_spec("rcs", "acme"))
    ((name,),) = eventually(lambda: stack.read(select(Attempt.c.worker)), within=20, what="a worker is at it")
    first = workers[int(name.split(":")[1])]
    first.child.send_signal(signal.SIGTERM)
    assert first.child.wait(timeout=15) == 0
    # Its lease would last two minutes, its message a minute.
    stack.wait_for("active", within=40)
    assert events_like(stack, "this worker was asked to stop")
    assert stack.read(select(Step.c.id).where(Step.c.lost_leases > 0)) == []
    assert stack.read(select(Event.c.id).where(Event.c.kind.in_(["lease:lost", "step:woken"]))) == []
    assert stack.simulator.ledger["duplicates"] == []


def test_a_worker_that_is_asked_to_stop_finishes_a_step_that_is_soon_done(build):
    stack = build(STOP_SECONDS="30", LEASE_SECONDS="120", HTTP_TIMEOUT_SECONDS="10")
    slow = {"match": {"path_regex": r"/Accounts/AC\w+\.json$"}, "action": "delay", "seconds": 2}
    stack.simulator.post("faults", slow)
    (worker,) = stack.up()
    stack.onboard("start", stack.write_spec("sms", "acme"))
    eventually(lambda: stack.simulator.faults[0]["hits"], within=20, what="the call is on its way")
    worker.child.send_signal(signal.SIGTERM)
    assert worker.child.wait(timeout=20) == 0
    (step,) = stack.read(select(Step.c.state, Step.c.attempt).where(Step.c.name == "registration"))
    assert step == ("succeeded", 1)


class Proxy:
    """Carries bytes to Redis, until :meth:`swallow`: then what is open stays open and carries nothing more."""

    def __init__(self, port):
        self.target, self.port = port, free_port()
        self.swallowed, self.pairs = set(), []
        self.server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            pair = (client, socket.create_connection(("127.0.0.1", self.target)))
            self.pairs.append(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._carry, args=(pair, source, sink), daemon=True).start()

    def _carry(self, pair, source, sink):
        try:
            while data := source.recv(65536):
                if pair not in self.swallowed:
                    sink.sendall(data)
        except OSError:
            pass
        if pair not in self.swallowed:
            sink.close()

    def swallow(self):
        self.swallowed |= set(self.pairs)

    def close(self):
        self.server.close()
        for pair in self.pairs:
            for one in pair:
                one.close()


def test_a_worker_leaves_a_connection_that_swallows_all_by_itself_and_one_that_stands_still_is_told_of(build, redis):
    proxy = Proxy(redis.port)
    stack = build(BROKER_STALL_SECONDS="2")
    stack.spawn("gateway", "gateway")
    stack.spawn("beat", "beat")
    own = stack.env
    stack.env = own | {"ONBOARD_BROKER_URL": f"redis://127.0.0.1:{proxy.port}/0"}
    worker = stack.worker("w0")
    stack.env = own
    eventually(lambda: " ready." in worker.output, within=30, what="the worker is ready")
    first, second = specs(stack, 2)
    stack.onboard("start", first)
    stack.wait_for("active", within=40)
    proxy.swallow()
    stack.onboard("start", second)
    stack.wait_for("active", within=40)
    assert worker.child.poll() is None

    ready = f"http://127.0.0.1:{stack.gateway_port}/readyz"
    eventually(lambda: (fetch(ready) or {}).get("work") == "ok", within=20, what="all queues are consumed from")
    stop_between_writes(stack, worker)
    try:
        eventually(lambda: fetch(ready)["work"] == "stalled", within=20, what="the stall is told")

        def told():
            found = {line["subject"]: line for line in json.loads(stack.onboard("doctor", "--json", code=5))}
            # On a busy machine a beat may be late for a moment, and is told of first.
            return found["queues"] if found["beat"]["level"] == "ok" else None

        queues = eventually(told, within=30, what="doctor sees that beat ticks")
        assert "steps: nothing consumed for" in queues["found"]
        assert "is a worker running for it?" in queues["cure"]
    finally:
        worker.child.send_signal(signal.SIGCONT)
    eventually(lambda: fetch(ready)["work"] == "ok", within=20, what="it goes on")
    proxy.close()
