"""Callbacks in the thousands while everything around them dies: what was answered with success is at AJO, in order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from engine.inbox import ON_ITS_WAY
from models.tables import Onboarding, WebhookEvent
from tests.integration.house import AUTH_TOKEN
from tests.integration.services import eventually, fetch

# By hand with more: ONBOARD_STORM_CALLBACKS=20000 ONBOARD_STORM_OUTAGE_SECONDS=60 pytest -n 0 tests/crash/test_crash_callbacks.py
STATUSES = ("sent", "delivered", "read")
MESSAGES = int(os.environ.get("ONBOARD_STORM_CALLBACKS", "600")) // len(STATUSES)
OUTAGE_SECONDS = float(os.environ.get("ONBOARD_STORM_OUTAGE_SECONDS", "2"))
# ONBOARD_STORM_FORGED=10000 likewise.
FORGED = int(os.environ.get("ONBOARD_STORM_FORGED", "500"))
PATIENCE_SECONDS = 120 + MESSAGES / 5
SENDERS = 8


def signature(url, form):
    text = url + "".join(name + value for name, value in sorted(form.items()))
    return base64.b64encode(hmac.new(AUTH_TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Callers:
    """Plays Twilio: one status of a message after the other, each repeated until it is answered with success."""

    def __init__(self, url):
        self.url = url
        self.taken = Counter()
        self.is_over = threading.Event()

    def run(self):
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(self.tell, range(MESSAGES)))
        self.is_over.set()

    def tell(self, number):
        sid = f"SM{number:032x}"
        with httpx.Client(timeout=5, trust_env=False) as http:
            for status in STATUSES:
                form = {"MessageSid": sid, "MessageStatus": status, "From": "rcs:acme_agent", "To": "+12125550123"}
                headers = {"X-Twilio-Signature": signature(self.url, form)}
                eventually(
                    lambda form=form, headers=headers: self.post(http, form, headers),
                    within=PATIENCE_SECONDS,
                    what="success",
                )
                self.taken[sid, status] += 1

    def post(self, http, form, headers):
        try:
            return http.post(self.url, data=form, headers=headers).is_success
        except httpx.HTTPError:
            return False


def at_ajo(stack):
    """What AJO took, in its order: (message, status)."""
    return [
        (event["body"]["clientReference"], event["body"]["statuses"][0]["status"])
        for event in stack.simulator.ledger["events"]
        if event["type"] == "feedback" and event["http_status"] == 200
    ]


@pytest.mark.timeout(PATIENCE_SECONDS * 3)
def test_every_callback_that_was_answered_is_at_ajo_in_order_while_everything_dies(stack, redis, request):
    (worker,) = stack.up()
    gateway = stack.processes[0]
    stack.onboard("start", stack.write_spec("rcs", "acme"))
    stack.wait_for("active", within=60)
    token = stack.read(select(Onboarding.c.endpoint_token))[0][0]
    health = f"http://127.0.0.1:{stack.gateway_port}/healthz"
    callers = Callers(f"http://127.0.0.1:{stack.gateway_port}/twilio/{token}/status")
    thread = threading.Thread(target=callers.run)
    thread.start()

    def some_more():
        already = len(callers.taken)
        enough = MESSAGES * len(STATUSES) / 8
        eventually(
            lambda: len(callers.taken) >= already + enough or callers.is_over.is_set(),
            within=PATIENCE_SECONDS,
            what="progress",
        )

    some_more()
    gateway.kill()
    gateway.start()
    eventually(lambda: fetch(health), within=20, what="the gateway answers again")
    some_more()
    worker.kill()
    assert redis.command("FLUSHALL").startswith(b"+OK")
    worker.start()
    some_more()
    interruptions = 1
    if stack.db.dialect.name == "postgresql":
        postgres = request.getfixturevalue("postgres")
        postgres.crash()
        postgres.start()
        interruptions += 1
        some_more()
    stack.simulator.post("faults", {"match": {"path_regex": "/ajo-webhooks/"}, "action": "status", "status": 503})
    begun = time.monotonic()
    some_more()
    eventually(lambda: time.monotonic() > begun + OUTAGE_SECONDS, within=OUTAGE_SECONDS + 5, what="the outage's end")
    stack.simulator.delete("faults")
    thread.join(PATIENCE_SECONDS)
    assert len(callers.taken) == MESSAGES * len(STATUSES)

    pending = select(func.count()).where(WebhookEvent.c.forward_state.in_(ON_ITS_WAY))
    eventually(lambda: stack.read(pending)[0][0] == 0, within=PATIENCE_SECONDS, every=0.5, what="everything is at AJO")
    told = [one for one in at_ajo(stack) if one in callers.taken]
    copies = sum(count - 1 for count in Counter(told).values())
    print(f"{len(callers.taken)} callbacks answered, {len(set(told))} at AJO, {copies} of them twice")  # noqa: T201
    assert set(told) == set(callers.taken)
    # AJO knows no key against duplicates: what had been posted and could not be recorded comes again.
    assert copies <= interruptions * int(stack.env["ONBOARD_WORKER_CONCURRENCY"])
    first: dict[str, list[str]] = {}
    for reference, status in dict.fromkeys(told):
        first.setdefault(reference, []).append(status)
    assert set(map(tuple, first.values())) == {STATUSES}
    assert gateway.child.poll() is None
    assert worker.child.poll() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_forged_callbacks_store_nothing_and_leave_the_gateway_well(stack):
    stack.spawn("gateway", "gateway")
    url = f"http://127.0.0.1:{stack.gateway_port}"
    eventually(lambda: fetch(f"{url}/healthz"), within=30, what="the gateway answers")
    stack.spawn("beat", "beat")
    stack.onboard("start", stack.write_spec("sms", "acme"))
    token = stack.read(select(Onboarding.c.endpoint_token))[0][0]
    path = f"{url}/twilio/{token}/status"
    form = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "sent"}
    good = signature(path, form)
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    forged: list[tuple[dict[str, Any], Any]] = [
        ({"data": form}, 403),
        ({"data": form, "headers": {"X-Twilio-Signature": "AAAA"}}, 403),
        ({"data": form | {"MessageStatus": "read"}, "headers": {"X-Twilio-Signature": good}}, 403),
        ({"data": form, "headers": {"X-Twilio-Signature": good, "Host": "evil.example"}, "params": {"x": "1"}}, 403),
        ({"content": b"MessageSid=%ff%fe&MessageStatus=\xff", "headers": form_type}, (400, 403)),
        ({"content": b"a=" + b"x" * 70_000, "headers": form_type}, 413),
        ({"content": b"&".join(b"a=%d" % n for n in range(600)), "headers": form_type}, 400),
        ({"json": form}, 403),
        ({"content": b"<a/>", "headers": {"Content-Type": "text/xml"}}, 415),
        ({"content": b""}, 415),
        ({"content": b"", "headers": form_type}, 403),
    ]
    with httpx.Client(timeout=10, trust_env=False) as http:
        for _ in range(FORGED // len(forged)):
            for options, expected in forged:
                answer = http.post(path, **options)
                assert answer.status_code in (expected if isinstance(expected, tuple) else (expected,)), options
                assert "Traceback" not in answer.text
        assert http.post(path, data=form, headers={"X-Twilio-Signature": good}).status_code == 204
    assert stack.read(select(func.count()).select_from(WebhookEvent))[0][0] == 1
    assert "Traceback" not in stack.processes[0].output
