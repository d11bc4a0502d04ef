"""Processes and servers die at bad moments; every onboarding still ends right, and nothing is made twice."""

from __future__ import annotations

import pytest

from tests.factories import spec_data
from tests.integration.services import Simulator, eventually


def assert_made_once(stack, count):
    ledger = stack.simulator.ledger
    assert ledger["duplicates"] == []
    counts = ledger["counts"]
    for kind in ("messaging_service", "credential", "channel_configuration", "message"):
        assert counts[kind] == {"live": count, "created": count}, kind


def spec_with_own_number(stack, channel, index):
    own = {"numbers": [f"+141555501{index:02d}"], "messaging_service": {"friendly_name": f"Brand {index}"}}
    return stack.write_spec(channel, f"brand-{index:02d}", twilio=spec_data()["twilio"] | own)


@pytest.fixture
def simulator(tmp_path):
    process = Simulator(tmp_path, review=4)
    yield process
    process.stop()


def test_redis_flushed_while_carriers_review_is_only_a_delay(stack, redis):
    stack.up()
    stack.onboard("start", stack.write_spec("rcs", "acme"))
    stack.wait_for_step("acme", "registration", "waiting_vendor")
    assert redis.command("FLUSHALL").startswith(b"+OK")
    stack.wait_for("active", within=60)
    assert_made_once(stack, 1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_workers_killed_while_steps_run_make_nothing_twice(stack):
    first, second = stack.up(workers=2)
    files = [spec_with_own_number(stack, "rcs" if index % 2 else "sms", index) for index in range(12)]
    stack.onboard("start", *files)
    for worker, made in ((first, 3), (second, 8)):
        eventually(
            lambda made=made: stack.simulator.live("messaging_service") >= made,
            within=30,
            what=f"{made} services",
            every=0.01,
        )
        worker.kill()
        worker.start()
    stack.wait_for("active", within=120)
    assert_made_once(stack, 12)
    assert stack.simulator.live("api_key") == 6


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_busy_worker_outlives_its_broker(stack, redis):
    """celery 5.7.0 ends the worker here without tasks/broker_patch.py."""
    stack.simulator.post(
        "faults", {"match": {"method": "GET", "path_regex": r"/Accounts/AC\w+\.json$"}, "action": "delay", "seconds": 2}
    )
    (worker,) = stack.up()
    stack.onboard("start", stack.write_spec("sms", "acme"))
    stack.wait_for_step("acme", "registration", "running")
    redis.kill()
    stack.wait_for_step("acme", "registration", "succeeded", within=20)
    redis.start()
    stack.wait_for("active", within=60)
    assert worker.child.poll() is None
    assert "Unrecoverable error" not in worker.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_beats_do_no_harm(stack):
    stack.up()
    stack.spawn("beat2", "beat")
    stack.onboard("start", *(spec_with_own_number(stack, "sms", index) for index in range(4)))
    stack.wait_for("active", within=60)
    assert_made_once(stack, 4)
