"""What the chain puts into Redis, read from a Redis that lives in this process."""

from __future__ import annotations

import base64
import json

import fakeredis
import pytest
from kombu import pools
from kombu.transport import redis as kombu_redis

from engine.wake import WakeUp
from tasks.celery import app
from tasks.chain import send
from tasks.inbox import send_forwards
from tasks.names import QUEUES, STEP_TASKS, UNDO_TASKS
from tasks.notices import wake_sender


@pytest.fixture
def broker(monkeypatch):
    server = fakeredis.FakeServer()

    def make_client(_channel, asynchronous=False):
        return fakeredis.FakeRedis(server=server)

    monkeypatch.setattr(kombu_redis.Channel, "_create_client", make_client)
    # Connections that the app keeps would lead elsewhere, and ours must not outlive the test.
    pools.reset()
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    yield fakeredis.FakeRedis(server=server)
    pools.reset()


def messages(broker):
    found = []
    for queue in QUEUES:
        for raw in broker.lrange(queue, 0, -1):
            envelope = json.loads(raw)
            found.append((queue, envelope["headers"], json.loads(base64.b64decode(envelope["body"]))))
    return found


def test_a_wake_up_is_one_chain_of_the_remaining_steps_that_carries_the_id_alone(broker):
    assert send([WakeUp(42, "acme-rcs", "credential")]) == 1
    ((queue, headers, (args, kwargs, embed)),) = messages(broker)
    assert queue == "steps"
    assert headers["task"] == STEP_TASKS["credential"]
    assert (args, kwargs) == ([42], {})
    # Celery keeps a chain's tail last link first.
    tail = list(reversed(embed["chain"]))
    assert [link["task"] for link in tail] == [STEP_TASKS["channel"], STEP_TASKS["verification"]]
    assert all(link["args"] == [42] and link["kwargs"] == {} for link in tail)


def test_a_removal_goes_through_the_steps_from_the_one_that_is_on_to_the_first(broker):
    send([WakeUp(42, "acme-rcs", "credential", is_removal=True)])
    ((queue, headers, (_, _, embed)),) = messages(broker)
    assert (queue, headers["task"]) == ("steps", UNDO_TASKS["credential"])
    tail = list(reversed(embed["chain"]))
    assert [link["task"] for link in tail] == [UNDO_TASKS["webhook"], UNDO_TASKS["registration"]]


def test_what_flower_shows_of_a_message_is_the_onboardings_name(broker):
    send([WakeUp(42, "acme-rcs", "registration")])
    ((_, headers, (_, _, embed)),) = messages(broker)
    assert headers["argsrepr"] == "('acme-rcs',)"
    assert headers["kwargsrepr"] == ""
    assert {link["options"]["argsrepr"] for link in embed["chain"]} == {"('acme-rcs',)"}


def test_forwards_travel_in_a_queue_of_their_own(broker):
    send_forwards([(42, "acme-rcs")])
    ((queue, headers, (args, _, _)),) = messages(broker)
    assert (queue, headers["task"], args) == ("inbox", "inbox.forward", [42])


def test_notices_travel_in_a_queue_of_their_own_and_the_message_says_nothing(broker):
    wake_sender()
    ((queue, headers, (args, kwargs, _)),) = messages(broker)
    assert (queue, headers["task"], args, kwargs) == ("notices", "notices.send", [], {})
