"""Two full vendors at once: whoever is called up at one of them gets on, and both queues run empty."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import insert, select

from engine import limits, wake
from engine.claim import claim_step
from engine.contract import Done
from engine.limit_book import LimitBook
from engine.runner import GoOn, conclude
from models.states import StepState
from models.tables import Onboarding, Step
from settings import Settings
from tests.unit.engine_world import STEPS, EngineWorld

# A message's way through the broker, a beat of the clock, and when nothing can be expected any more, in seconds.
BROKER, BEAT, GIVE_UP = 0.01, 5.0, 120.0


class Crowd:
    """Many onboardings whose steps take their time, at a simulated clock."""

    def __init__(self, *, twilio, adobe, onboardings):
        self.world = EngineWorld()
        self.world.settings = Settings(twilio_ceiling=twilio, adobe_ceiling=adobe)
        self.world.shop = replace(self.world.shop, settings=self.world.settings)
        self.began, self.onboardings, self.verified = self.world.time, onboardings, 0
        self.running, self.most = Counter(), Counter()
        self._agenda = []
        self._order = count()
        for number in range(onboardings):
            self._send(self.world.start(f"acme-{number}").wakeups)

    def _at(self, seconds, work, *args):
        due = self.world.time + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (due, next(self._order), work, args))

    def _send(self, wakeups):
        for one in wakeups:
            self._at(BROKER, self._arrive, one.onboarding_id, one.step)

    def _arrive(self, onboarding_id, step):
        world = self.world
        with world.db.begin() as connection:
            if limits.admit(connection, world.shop, onboarding_id, step) is not None:
                return
            lease = claim_step(connection, onboarding_id, step, worker="w", at=world.time, lease_seconds=120)
        if lease is not None:
            self.running.update(limits.vendors_of(step))
            self.most |= self.running
            self._at(1 + (onboarding_id * 7919 + len(step) * 104_729) % 20 / 10, self._end, lease)

    def _end(self, lease):
        self.running.subtract(limits.vendors_of(lease.step))
        conclude(self.world.shop, lease, Done())
        with self.world.db.begin() as connection:
            at = self.world.time
            self._send(wake.call_up(connection, at=at, grace_seconds=60, beside=lease.onboarding_id))
        if lease.step == STEPS[-1]:
            self.verified += 1
        else:
            self._at(BROKER, self._arrive, lease.onboarding_id, STEPS[STEPS.index(lease.step) + 1])

    def _beat(self):
        with self.world.db.begin() as connection:
            self._send(wake.tick(connection, at=self.world.time, grace_seconds=60))
        self._at(BEAT, self._beat)

    def run(self):
        """:return: how many were verified in the time."""
        self._at(BEAT, self._beat)
        while self.verified < self.onboardings and self._agenda[0][0] < self.began + timedelta(seconds=GIVE_UP):
            self.world.time, _, work, args = heapq.heappop(self._agenda)
            work(*args)
        return self.verified


@pytest.mark.parametrize(
    ("twilio", "adobe", "onboardings", "has_429"), [(2, 2, 8, False), (2, 2, 8, True), (3, 2, 12, False)]
)
def test_two_full_vendors_run_empty_and_neither_gets_too_much(twilio, adobe, onboardings, has_429):
    crowd = Crowd(twilio=twilio, adobe=adobe, onboardings=onboardings)
    if has_429:
        book = LimitBook(crowd.world.db, lambda: crowd.world.time)
        key = ("Adobe", crowd.world.onboarding("acme-0").organization_id)
        book.rest(key, adobe, reason="answers 429", asked=10, is_unwell=False)
    assert crowd.run() == onboardings
    assert crowd.most == {"Twilio": twilio, "Adobe": adobe}


def hold_back_many(world, name, number):
    """As if so many more onboardings like the first waited for its Twilio account."""
    like = world.onboarding("acme-0")._asdict()
    step = world.step("registration", "acme-0")._asdict() | {"held_since": world.time, "held_by": "Twilio"}
    step |= {"state": StepState.READY, "not_before": world.time, "due_at": world.time}
    for row in (like, step):
        del row["id"]
    with world.db.begin() as connection:
        names = [f"{name}-{n}" for n in range(number)]
        connection.execute(insert(Onboarding), [like | {"name": name, "endpoint_token": name} for name in names])
        ids = connection.execute(select(Onboarding.c.id).where(Onboarding.c.name.in_(names))).scalars().all()
        connection.execute(insert(Step), [step | {"onboarding_id": one} for one in ids])


def work_of_calling_up(world):
    """In hundreds of instructions of the database's machine."""
    with world.db.begin() as connection:
        done = Counter()
        raw = connection.connection.driver_connection
        raw.set_progress_handler(lambda: done.update(["done"]), 100)
        one = world.onboarding_id(connection, "acme-0")
        assert wake.call_up(connection, at=world.time, grace_seconds=60, versions={1}, beside=one) == []
        raw.set_progress_handler(None, 0)
    return done["done"]


def test_at_a_full_account_those_that_wait_are_not_read_to_find_that_none_has_room():
    crowd = Crowd(twilio=1, adobe=1, onboardings=1)
    world = crowd.world
    assert world.run("registration", "acme-0") == GoOn()
    # The webhook speaks to both vendors.
    hold_back_many(world, "few", 1)
    assert world.claim("webhook", "acme-0")
    few = work_of_calling_up(world)
    hold_back_many(world, "many", 1000)
    assert work_of_calling_up(world) <= few + 5
