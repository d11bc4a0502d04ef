"""The whole product as processes, on both databases."""

from __future__ import annotations

import pytest

from tests.factories import ACCOUNT_SID, spec_data
from tests.integration.house import AUTH_TOKEN
from tests.integration.services import eventually


def own_service(index, number):
    return {"numbers": [number], "messaging_service": {"friendly_name": f"Brand {index}"}}


def objects(stack):
    return {kind: count["live"] for kind, count in stack.simulator.ledger["counts"].items()}


def test_three_brands_go_from_nothing_to_active(stack):
    stack.up()
    files = [stack.write_spec(channel, f"acme-{channel}") for channel in ("rcs", "sms", "mms")]
    stack.onboard("start", *files)
    stack.wait_for("active", within=60)
    assert objects(stack) == {
        "messaging_service": 3,
        "rcs_sender": 1,
        "api_key": 1,
        "credential": 3,
        "webhook": 2,
        "channel_configuration": 3,
        "message": 3,
    }
    assert stack.simulator.ledger["duplicates"] == []


def test_starting_the_same_files_again_does_nothing(stack):
    stack.up()
    file = stack.write_spec("sms", "acme")
    stack.onboard("start", file)
    stack.wait_for("active", within=40)
    assert "unchanged" in stack.onboard("start", file)
    assert objects(stack)["message"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_fifty_brands_and_two_workers_make_everything_exactly_once(stack):
    stack.up(workers=2)
    channels = ["rcs", "sms", "mms"]
    numbers = [f"+141555502{number:02d}" for number in range(50)]
    owned = [{"phone_number": number} for number in numbers]
    stack.simulator.post("accounts", {"sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "numbers": owned})
    files = [
        stack.write_spec(
            channels[index % 3], f"brand-{index:02d}", twilio=spec_data()["twilio"] | own_service(index, number)
        )
        for index, number in enumerate(numbers)
    ]
    stack.onboard("start", *files)
    stack.wait_for("active", within=150)
    rcs = sum(number % 3 == 0 for number in range(50))
    ledger = stack.simulator.ledger
    assert ledger["duplicates"] == []
    assert {kind: (count["live"], count["created"]) for kind, count in ledger["counts"].items()} == {
        "messaging_service": (50, 50),
        "rcs_sender": (rcs, rcs),
        "api_key": (rcs, rcs),
        "credential": (50, 50),
        "webhook": (2 * rcs, 2 * rcs),
        "channel_configuration": (50, 50),
        "message": (50, 50),
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_queue_gets_messages_of_another(stack, redis):
    stack.up()
    stack.onboard("start", stack.write_spec("sms", "acme"))
    stack.wait_for("active", within=40)
    queues = {b"steps", b"inbox", b"clock"}
    for queue in queues:
        bindings = redis.command(f"SMEMBERS _kombu.binding.{queue.decode()}")
        assert queue in bindings
        assert not any(other in bindings for other in queues - {queue}), bindings


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_broker_away_at_start_delays_but_loses_nothing(stack, redis):
    redis.kill()
    output = stack.onboard("start", stack.write_spec("sms", "acme"))
    assert "acme" in output
    assert stack.statuses() == {"acme": "running"}
    redis.start()
    stack.up()
    stack.wait_for("active", within=60)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_processes_end_on_sigterm_within_seconds(stack):
    import signal

    stack.up()
    for process in stack.processes:
        process.kill(signal.SIGTERM)
    eventually(lambda: all(process.child.poll() is not None for process in stack.processes), within=5, what="all ended")
    assert {process.child.returncode for process in stack.processes} == {0}
