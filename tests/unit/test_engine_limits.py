"""The ceiling and the pauses of each vendor's account: nothing fails of them, everybody gets his turn, nothing leaks."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, select, update

from engine import limits
from engine.contract import Done
from engine.limit_book import SILENT_CALLS, LimitBook, reset
from engine.runner import GoOn, Stop, TryAgain, _record, run_step
from models.states import StepState
from models.tables import Onboarding, Step, VendorLimit
from providers.errors import CallContext, HeldBack, Misconfigured, RateLimited, Retryable, WorkerStops
from providers.limits import watched
from settings import Settings
from tests.factories import spec_data
from tests.unit.engine_world import EngineWorld

HELD = Stop(is_held=True)
CALL = CallContext("Twilio", "fetch the account")


@pytest.fixture
def world():
    made = EngineWorld()
    narrow(made, twilio=2)
    return made


def narrow(world, *, twilio, threads=0):
    world.settings = Settings(twilio_ceiling=twilio)
    world.shop = replace(world.shop, settings=world.settings, threads=threads)


def start(world, name, brand="Acme", account="AC" + "a" * 32):
    number = f"+1415555{2000 + sum(map(ord, name + brand)) % 7000}"
    twilio = spec_data("sms", name)["twilio"] | {"account_sid": account, "numbers": [number]}
    world.start(name, brand=brand, twilio=twilio)


def book_of(world, **options):
    return LimitBook(world.db, lambda: world.time, **options)


def call(limit, error=None):
    with watched(limit, CALL):
        if error is not None:
            raise error


def row_of(world, vendor="Twilio"):
    with world.db.begin() as connection:
        return connection.execute(select(VendorLimit).where(VendorLimit.c.vendor == vendor)).one()


# -- the ceiling ------------------------------------------------------------------------------------------------
def test_a_step_above_the_ceiling_is_held_back_without_an_attempt_or_a_failure(world):
    for name in ("one", "two", "three"):
        start(world, name)
    assert world.claim("registration", "one")
    assert world.claim("registration", "two")
    assert world.run("registration", "three") == HELD
    step = world.step("registration", "three")
    assert (step.state, step.attempt, step.failures) == (StepState.READY, 0, 0)
    assert step.held_reason == "held back: 2 of 2 steps are at Twilio account AC" + "a" * 32
    assert world.events("three")[-1] == "step:held"


def test_a_step_that_ends_makes_room_for_one_that_waits(world):
    for name in ("one", "two", "three", "four"):
        start(world, name)
    world.claim("registration", "one")
    world.claim("registration", "two")
    for name in ("three", "four"):
        assert world.run("registration", name) == HELD
    world.forward(seconds=200)  # the leases of two killed workers are over: no slot has leaked
    assert world.tick() == [("three", "registration"), ("four", "registration")]
    assert world.run("registration", "three") == GoOn()
    assert world.step("registration", "three").held_since is None


def test_who_comes_anew_stands_behind_those_who_wait(world):
    for name in ("one", "two", "three", "late"):
        start(world, name)
    lease = world.claim("registration", "one")
    world.claim("registration", "two")
    assert world.run("registration", "three") == HELD
    with world.db.begin() as connection:
        _record(connection, world.shop, lease, Done())
    assert world.run("registration", "late") == HELD
    assert world.call_up("one") == [("three", "registration")]
    assert world.run("registration", "late") == Stop()
    assert world.run("registration", "three") == GoOn()


def test_one_brands_fifty_polls_do_not_keep_another_brands_step_waiting(world):
    for number in range(50):
        start(world, f"poll-{number}", "Big Brand")
    world.claim("registration", "poll-0")
    world.claim("registration", "poll-1")
    for number in range(2, 50):
        assert world.run("registration", f"poll-{number}") == HELD
    world.forward(seconds=1)
    start(world, "small", "Small Brand")
    assert world.run("registration", "small") == HELD
    world.forward(seconds=200)
    assert ("small", "registration") in world.tick()


def test_other_accounts_are_not_touched_by_a_full_one(world):
    start(world, "one")
    start(world, "two")
    start(world, "elsewhere", account="AC" + "b" * 32)
    world.claim("registration", "one")
    world.claim("registration", "two")
    assert world.run("registration", "elsewhere") == GoOn()


def test_the_last_quarter_of_a_workers_threads_is_kept_for_other_accounts(world):
    narrow(world, twilio=30, threads=4)
    for name in ("one", "two", "three", "four"):
        start(world, name)
    start(world, "elsewhere", account="AC" + "b" * 32)
    for name in ("one", "two", "three"):
        assert world.claim("registration", name)
    assert world.run("registration", "four") == HELD
    assert world.step("registration", "four").held_reason.startswith("held back: 3 of this worker's 4 threads are at")
    assert world.run("registration", "elsewhere") == GoOn()
    other_machine = replace(world.shop, worker="other:1")
    world.forward(seconds=31)
    assert run_step(other_machine, world.onboarding("four").id, "registration") == GoOn()


def test_a_lost_message_of_one_that_was_called_up_is_sent_again(world):
    for name in ("one", "two", "three"):
        start(world, name)
    world.claim("registration", "one")
    world.claim("registration", "two")
    world.run("registration", "three")
    world.forward(seconds=200)
    assert world.tick() == [("three", "registration")]
    assert world.tick() == []
    world.forward(seconds=61)
    assert world.tick() == [("three", "registration")]


@pytest.mark.parametrize(
    ("state", "find"),
    [(StepState.WAITING_VENDOR, "tick"), (StepState.RUNNING, "sweep")],
    ids=["waits", "its worker died"],
)
def test_what_a_worker_of_an_older_version_took_on_is_found_though_it_left_the_mark_of_a_hold(world, state, find):
    for name in ("one", "two", "three"):
        start(world, name)
    world.claim("registration", "one")
    world.claim("registration", "two")
    assert world.run("registration", "three") == HELD
    with world.db.begin() as connection:
        mine = Step.c.onboarding_id == world.onboarding_id(connection, "three")
        values = {"state": state, "not_before": None, "due_at": world.time + timedelta(seconds=20)}
        connection.execute(update(Step).where(mine, Step.c.name == "registration").values(**values))
    world.forward(seconds=20)
    assert getattr(world, find)() == [("three", "registration")]
    assert world.step("registration", "three").held_since is None


def test_cancel_ends_a_hold(world):
    for name in ("one", "two", "three"):
        start(world, name)
    world.claim("registration", "one")
    world.claim("registration", "two")
    world.run("registration", "three")
    world.command("cancel", name="three")
    assert world.step("registration", "three").held_since is None
    assert world.tick() == []


def test_a_retry_leaves_a_step_that_is_held_back_in_the_queue(world):
    for name in ("one", "two", "three"):
        start(world, name)
    world.claim("registration", "one")
    world.claim("registration", "two")
    world.run("registration", "three")
    world.command("retry", name="three", from_step="registration")
    assert world.step("registration", "three").held_since is not None
    assert world.run("registration", "three") == Stop()
    world.forward(seconds=200)
    assert world.tick() == [("three", "registration")]


def test_who_is_held_back_at_an_account_without_a_row_is_called_up(world):
    start(world, "one")
    limit = book_of(world).limit("Twilio", "AC" + "a" * 32, 2)
    world.script["registration"] = [lambda _ctx: call(limit, RateLimited("429", after=20, context=CALL))]
    world.run("registration", "one")
    with world.db.begin() as connection:
        connection.execute(delete(VendorLimit))
    assert world.tick() == [("one", "registration")]


def test_checks_begin_before_any_account_is_locked(world):
    for name in ("one", "two", "three", "active"):
        start(world, name)
    world.run_all("active")
    world.claim("registration", "one")
    world.claim("registration", "two")
    world.run("registration", "three")
    world.forward(seconds=200)
    with world.db.begin() as connection:
        mine = update(Onboarding).where(Onboarding.c.name == "active")
        connection.execute(mine.values(next_verification_at=world.time))
    statements = []
    event.listen(world.db, "before_cursor_execute", lambda *found: statements.append(found[2]))
    found = world.tick()
    assert found == [("active", "verification"), ("three", "registration")]
    checks = next(n for n, said in enumerate(statements) if "INSERT INTO verification" in said)
    assert not any("vendor_limit" in said for said in statements[:checks])


# -- pauses -----------------------------------------------------------------------------------------------------
def test_a_429_holds_the_whole_account_until_its_retry_after_is_over(world):
    start(world, "one")
    start(world, "two")
    limit = book_of(world).limit("Twilio", "AC" + "a" * 32, 2)
    with pytest.raises(HeldBack) as caught:
        call(limit, RateLimited("429", after=190, context=CALL))
    said = f"held back: Twilio account AC{'a' * 32} answers 429 until 12:03:10 UTC"
    assert caught.value.message == said
    with pytest.raises(HeldBack):
        call(limit)
    assert world.run("registration", "two") == HELD
    assert world.step("registration", "two").held_reason == said
    assert world.tick() == []
    world.forward(seconds=191)
    assert world.tick() == [("two", "registration")]


def test_a_429_in_the_middle_of_a_step_is_no_failure_of_it(world):
    start(world, "one")
    limit = book_of(world).limit("Twilio", "AC" + "a" * 32, 2)
    world.script["registration"] = [lambda _ctx: call(limit, RateLimited("429", after=60, context=CALL))]
    assert world.run("registration", "one") == HELD
    step = world.step("registration", "one")
    assert (step.state, step.failures, step.held_by) == (StepState.READY, 0, "Twilio")
    assert "answers 429 until" in world.attempts("registration", "one")[0].message
    assert row_of(world).held == 1


def test_pauses_without_retry_after_grow_and_a_success_ends_them(world):
    limit = book_of(world).limit("Twilio", "AC1", 16)
    for strikes in (1, 2, 3):
        with pytest.raises(HeldBack):
            call(limit, RateLimited("429", context=CALL))
        row = row_of(world)
        assert row.strikes == strikes
        assert row.cooldown_until - world.time <= timedelta(seconds=0.1 * 2 ** (strikes - 1))
        world.time = row.cooldown_until
    call(limit)
    assert (row_of(world).strikes, row_of(world).cooldown_until) == (0, None)


def test_what_was_too_much_is_halved_and_grows_back_by_one_at_a_time(world):
    narrow(world, twilio=16)
    for number in range(8):
        start(world, f"brand-{number}")
        world.claim("registration", f"brand-{number}")
    limit = book_of(world).limit("Twilio", "AC" + "a" * 32, 16)
    with pytest.raises(HeldBack):
        call(limit, RateLimited("429", after=5, context=CALL))
    row = row_of(world)
    rooms = [limits.room_of(row, row.cooldown_until + timedelta(seconds=seconds)) for seconds in (0, 9, 10, 60, 900)]
    assert rooms == [4, 4, 5, 10, 16]


def test_calls_in_flight_that_are_refused_together_are_one_strike(world):
    limit = book_of(world).limit("Twilio", "AC1", 16)
    for _ in range(5):
        assert isinstance(limit.failed(RateLimited("429", context=CALL)), HeldBack)
    assert row_of(world).strikes == 1


def test_an_account_that_never_answers_is_left_alone_and_then_tried_by_one_step(world):
    limit = book_of(world).limit("Twilio", "AC1", 16)
    silence = Retryable("Twilio did not finish its answer (ReadTimeout) to fetch the account", context=CALL)
    for _ in range(SILENT_CALLS):
        # Such a call counts against its step, as ever.
        with pytest.raises(Retryable) as caught:
            call(limit, silence)
        assert not isinstance(caught.value, HeldBack)
    with pytest.raises(HeldBack, match=r"is left alone \(Twilio did not finish"):
        call(limit)
    row = row_of(world)
    assert limits.room_of(row, world.time) == 1
    world.time = row.cooldown_until
    with pytest.raises(Retryable):
        call(limit, silence)
    assert row_of(world).strikes == 2


@pytest.mark.parametrize("status", [400, 404, 409, 200])
def test_an_answer_of_any_kind_shows_that_the_account_is_well(world, status):
    limit = book_of(world).limit("Twilio", "AC1", 16)
    for _ in range(SILENT_CALLS * 2):
        with pytest.raises(Retryable):
            call(limit, Retryable("no", context=CallContext("Twilio", "x", status=status)))
    with world.db.begin() as connection:
        assert connection.execute(select(VendorLimit)).all() == []


def test_another_process_learns_of_a_pause_within_a_second(world, monkeypatch):
    first, second = (book_of(world).limit("Twilio", "AC1", 16) for _ in range(2))
    call(second)
    with pytest.raises(HeldBack):
        call(first, RateLimited("429", after=60, context=CALL))
    later = time.monotonic() + 1.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(HeldBack):
        call(second)


def test_on_an_event_loop_no_call_touches_the_database(world):
    work = []
    limit = book_of(world, later=work.append).limit("Twilio", "AC1", 16)
    world.db.dispose()
    for _ in range(100):
        call(limit)
    assert len(work) == 1
    with pytest.raises(HeldBack):
        call(limit, RateLimited("429", after=60, context=CALL))
    with pytest.raises(HeldBack):
        call(limit)
    assert len(work) == 2


def test_with_the_database_away_calls_go_on(world, caplog):
    limit = LimitBook(world.db, lambda: world.time).limit("Twilio", "AC1", 16)
    with world.db.begin() as connection:
        VendorLimit.drop(connection)
    call(limit)
    with pytest.raises(HeldBack):
        call(limit, RateLimited("429", after=60, context=CALL))
    assert "calls go on" in caplog.text


def test_a_reset_lets_calls_go_out_at_once(world):
    start(world, "one")
    limit = book_of(world).limit("Twilio", "AC" + "a" * 32, 2)
    with pytest.raises(HeldBack):
        call(limit, RateLimited("429", after=86_400, context=CALL))
    assert world.run("registration", "one") == HELD
    with world.db.begin() as connection:
        assert reset(connection, ("Twilio", "AC" + "a" * 32))
        assert not reset(connection, ("Twilio", "AC9"))
    assert world.tick() == [("one", "registration")]
    assert world.run("registration", "one") == GoOn()


# -- a worker that ends -----------------------------------------------------------------------------------------
def test_a_worker_that_stops_begins_no_call_and_gives_its_step_back(world):
    start(world, "one")
    book = book_of(world)
    limit = book.limit("Twilio", "AC1", 16)
    world.script["registration"] = [lambda _ctx: call(limit)]
    book.stops.set()
    assert world.run("registration", "one") == TryAgain(0)
    step = world.step("registration", "one")
    assert (step.state, step.failures, step.lost_leases) == (StepState.READY, 0, 0)
    book.stops.clear()
    assert world.run("registration", "one") == GoOn()


def test_other_errors_pass_the_limit_as_they_are(world):
    limit = book_of(world).limit("Twilio", "AC1", 16)
    with pytest.raises(Misconfigured):
        call(limit, Misconfigured("a setting"))
    assert issubclass(WorkerStops, RateLimited)
