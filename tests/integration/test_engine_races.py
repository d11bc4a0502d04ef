"""Everything at once on one onboarding: no deadlock, no illegal move, no state without its event."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from engine.arrivals import Arrival, apply_arrived, store
from engine.commands import NotPossible
from engine.contract import Done, Wait
from engine.runner import Stop
from engine.transitions import STEP_MOVES
from models.states import StepState
from models.tables import Event, Step
from settings import Settings
from tests.unit.engine_world import STEPS, EngineWorld

SECONDS = 4
AT_MOST_SECONDS = 60
LONG_HISTORY = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'races.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres").new_database(f"races_{uuid.uuid4().hex[:8]}")
    made = EngineWorld(url)
    yield made
    made.db.dispose()


def worker(world):
    for step in STEPS:
        world.run(step)


def clock(world):
    world.tick()
    world.sweep()


def callback(world):
    params = {"MessageSid": f"SM{random.randrange(50)}", "MessageStatus": random.choice(["sent", "delivered"])}
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        store(connection, [Arrival(onboarding_id, "status", params, None, world.time)], grace_seconds=60)
    with world.db.begin() as connection:
        apply_arrived(connection, onboarding_id, at=world.time, grace_seconds=60)
    world.signal(random.choice(STEPS))


def steps_told(world):
    with world.db.begin() as connection:
        return connection.scalar(select(func.count()).where(Event.c.kind.startswith("step:")))


def person(world):
    # A cancel ends everything, so it comes last.
    cancels = ["cancel"] if steps_told(world) > LONG_HISTORY else []
    verb = random.choice(["pause", "resume", "retry", "verify", *cancels])
    options = {"sends_message": False} if verb == "verify" else {}
    with contextlib.suppress(NotPossible):
        world.command(verb, **options)


def test_workers_ticks_callbacks_and_commands_at_once_leave_a_legal_history(world):
    wait = Wait("review", "review", "the carriers", timedelta(seconds=0.01), timedelta(days=1))

    def act(ctx):
        ctx.log("test:acted", "acted")
        return random.choice([Done(), wait])

    for step in world.steps:
        step.act = act
    world.start()
    begun = time.monotonic()
    ended = threading.Event()
    failures: list[BaseException] = []

    def is_over():
        spent = time.monotonic() - begun
        return failures or spent > AT_MOST_SECONDS or (spent > SECONDS and steps_told(world) > LONG_HISTORY)

    def loop(work):
        try:
            while not ended.is_set():
                work(world)
        except BaseException as error:
            failures.append(error)

    crowd = [worker, worker, worker, clock, callback, person]
    threads = [threading.Thread(target=loop, args=(work,)) for work in crowd]
    for thread in threads:
        thread.start()
    while not is_over():
        world.forward(seconds=0.02)
        threads[0].join(timeout=0.01)
    ended.set()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    assert_legal(world, world.onboarding().id)


def assert_legal(world, onboarding_id):
    """The event log of each step is a path through the table of moves, and ends where the step is."""
    with world.db.begin() as connection:
        rows = connection.execute(
            select(Event.c.step, Event.c.kind)
            .where(Event.c.onboarding_id == onboarding_id, Event.c.kind.startswith("step:"))
            .order_by(Event.c.id)
        ).all()
        now = dict(
            connection.execute(select(Step.c.name, Step.c.state).where(Step.c.onboarding_id == onboarding_id)).all()
        )
    for step in STEPS:
        path = [kind.removeprefix("step:") for name, kind in rows if name == step and kind != "step:woken"]
        state = StepState.READY if step == STEPS[0] else StepState.PENDING
        for word in path:
            target = StepState(word)
            assert target in STEP_MOVES[state], f"{step}: {state} -> {target}"
            state = target
        assert state is now[step], step
    assert len(rows) > LONG_HISTORY


def test_workers_at_once_never_exceed_an_accounts_ceiling_and_nobody_is_forgotten(world):
    world.shop = replace(world.shop, settings=Settings(twilio_ceiling=3))
    at_it, counts, lock = [], [], threading.Lock()

    def act(ctx):
        with lock:
            at_it.append(ctx.name)
            counts.append(len(at_it))
        time.sleep(0.1)
        with lock:
            at_it.remove(ctx.name)
        return Done()

    world.steps[0].act = act
    names = [f"brand-{number}" for number in range(24)]
    for name in names:
        world.start(name, brand=name)

    def take(name):
        if world.run("registration", name) != Stop(is_held=True):
            futures.extend(pool.submit(take, called) for called, _ in world.call_up(name))

    with ThreadPoolExecutor(12) as pool:
        # The pool's queue is the broker's.
        futures = [pool.submit(take, name) for name in names]
        while any(world.step("registration", name).state is not StepState.SUCCEEDED for name in names):
            futures.extend(pool.submit(take, name) for name, _ in world.tick())
            time.sleep(0.1)
    for future in futures:
        future.result()
    assert max(counts) == 3
    assert len(counts) == len(names)
