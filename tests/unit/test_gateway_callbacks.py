from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import gateway.app
import gateway.receiver
from engine import kinds
from engine.clock import now
from engine.start import start as start_onboarding
from engine.vault import Vault, new_key
from gateway.app import Gateway
from gateway.receiver import mask_number
from models.db import make_engine
from models.states import ForwardState
from models.tables import Onboarding, WebhookEvent, metadata
from providers.twilio.signature import sign
from settings import Settings
from tests.factories import make_spec
from tests.unit.engine_world import EngineWorld

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://gateway.example.com/onboard"
SID = "SM" + "0" * 32


@dataclass
class Woken:
    """Notes what it was asked to send; fails when told to."""

    forwards_sent: list[tuple[int, str]] = field(default_factory=list)
    fails: bool = False

    def forwards(self, due: Any) -> None:
        if self.fails:
            raise ConnectionError("no broker")
        self.forwards_sent.extend(due)

    def is_reachable(self) -> bool:
        return not self.fails


class InProcess:
    """Calls an ASGI application without a socket; returns once what it wakes is woken too."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.waits_for_waking = True

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.request(method, path, **options)

        response = asyncio.run(call())
        if self.waits_for_waking:
            self.app.waker.settle()
        return response

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)


async def chunks(*parts: bytes) -> Any:
    for part in parts:
        yield part


class Site:
    """A gateway with one onboarding called acme, and a Twilio that signs what it sends."""

    def __init__(self, folder: Any, *, auth_token: str | None = AUTH_TOKEN) -> None:
        self.db = make_engine(f"sqlite:///{folder / 'state.sqlite3'}")
        metadata.create_all(self.db)
        self.vault = Vault([new_key()])
        settings = Settings(public_url=PUBLIC_URL + "/")
        secrets = {} if auth_token is None else {"twilio.auth_token": auth_token}
        with self.db.begin() as connection:
            start_onboarding(
                connection,
                EngineWorld().catalogue,
                self.vault,
                make_spec("sms", "acme"),
                secrets,
                is_update=False,
                at=now(),
                grace_seconds=60,
            )
            row = connection.execute(select(Onboarding.c.id, Onboarding.c.endpoint_token)).one()
        self.id, self.token = row.id, row.endpoint_token
        self.woken = Woken()
        self.http = InProcess(Gateway(self.db, self.vault, settings, self.woken))

    def path(self, kind: str) -> str:
        return f"/twilio/{self.token}/{kind}"

    def post(
        self, kind: str = "status", *, signed_url: str | None = None, query: str = "", **form: str | list[str]
    ) -> Any:
        fields = {"MessageSid": SID, "From": "+14155550100", "To": "+12125550123"} | form
        signature = sign(AUTH_TOKEN, signed_url or PUBLIC_URL + self.path(kind) + query, fields)
        return self.http.post(self.path(kind) + query, data=fields, headers={"X-Twilio-Signature": signature})

    def stored(self) -> list[Any]:
        with self.db.connect() as connection:
            return list(connection.execute(select(WebhookEvent).order_by(WebhookEvent.c.id)).all())


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.db.dispose()


def test_a_genuine_status_is_stored_and_answered_with_nothing(site):
    answer = site.post(MessageStatus="sent")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [(row.kind, row.message_sid, row.payload["MessageStatus"]) for row in site.stored()] == [
        ("status", SID, "sent")
    ]


def test_a_genuine_inbound_message_is_answered_with_an_empty_reply(site):
    answer = site.post("inbound", Body="STOP")
    assert answer.status_code == 200
    assert answer.text == "<Response/>"
    assert answer.headers["content-type"].startswith("text/xml")
    assert site.stored()[0].payload["Body"] == "STOP"


def test_a_repeated_field_is_signed_with_all_its_values_and_stored_with_the_last(site):
    assert site.post(MessageStatus="sent", Tag=["one", "two"]).status_code == 204
    (event,) = site.stored()
    assert event.payload["Tag"] == "two"


def test_a_put_is_taken_like_a_post(site):
    fields = {"MessageSid": SID, "MessageStatus": "sent"}
    headers = {"X-Twilio-Signature": sign(AUTH_TOKEN, PUBLIC_URL + site.path("status"), fields)}
    assert site.http.put(site.path("status"), data=fields, headers=headers).status_code == 204


def test_a_wrong_signature_is_refused_and_the_log_names_the_url_that_was_checked(site, caplog):
    answer = site.post(MessageStatus="sent", signed_url="https://elsewhere.example.com" + site.path("status"))
    assert answer.status_code == 403
    assert site.stored() == []
    assert PUBLIC_URL + site.path("status") in caplog.text
    assert "acme" in caplog.text


def test_a_missing_signature_is_refused(site):
    assert site.http.post(site.path("status"), data={"MessageSid": SID}).status_code == 403
    assert site.stored() == []


def test_the_host_header_does_not_decide_what_is_checked(site):
    fields = {"MessageSid": SID, "MessageStatus": "sent"}
    forged = sign(AUTH_TOKEN, "http://evil.example.com" + site.path("status"), fields)
    headers = {"X-Twilio-Signature": forged, "Host": "evil.example.com"}
    assert site.http.post(site.path("status"), data=fields, headers=headers).status_code == 403


def test_the_query_is_part_of_what_was_signed(site):
    assert site.post(MessageStatus="sent", query="?a=b%20c&d=").status_code == 204
    assert site.post(MessageStatus="sent", signed_url=PUBLIC_URL + site.path("status"), query="?a=b").status_code == 403


def test_an_unknown_address_is_not_found(site):
    answer = site.http.post("/twilio/nobody/status", data={"MessageSid": SID})
    assert answer.status_code == 404


@pytest.mark.parametrize("declares_length", [True, False])
def test_a_body_that_is_too_large_is_refused(site, declares_length):
    body = b"Body=" + b"x" * 70_000
    content = body if declares_length else chunks(body[:35_000], body[35_000:])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.http.post(site.path("status"), content=content, headers=headers).status_code == 413


def test_anything_but_a_form_or_json_is_refused(site):
    headers = {"Content-Type": "text/plain"}
    assert site.http.post(site.path("status"), content=b"MessageSid=SM1", headers=headers).status_code == 415


def post_json(site, body, *, hashed=None, signature=None):
    """Twilio's JSON variant: the hash of the body is in the query, and only the address is signed."""
    digest = hashlib.sha256(body if hashed is None else hashed).hexdigest()
    path = f"{site.path('status')}?bodySHA256={digest}"
    signature = sign(AUTH_TOKEN, PUBLIC_URL + path, {}) if signature is None else signature
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature}
    return site.http.post(path, content=body, headers=headers)


def test_the_json_variant_is_taken_when_the_hash_of_its_body_is_signed(site):
    body = json.dumps({"MessageSid": SID, "MessageStatus": "failed", "ErrorCode": 30003}).encode()
    assert post_json(site, body).status_code == 204
    (event,) = site.stored()
    assert event.payload == {"MessageSid": SID, "MessageStatus": "failed", "ErrorCode": "30003"}


@pytest.mark.parametrize(
    ("body", "options", "status"),
    [
        (b'{"MessageSid": "SM1"}', {"hashed": b"another body"}, 403),
        (b'{"MessageSid": "SM1"}', {"signature": "AAAA"}, 403),
        (b'["MessageSid"]', {}, 400),
        (b"{", {}, 400),
        (b"\xff\xfe", {}, 403),
        (b"[" * 50_000, {}, 400),
    ],
)
def test_json_that_is_not_what_was_signed_or_no_object_is_refused(site, body, options, status):
    assert post_json(site, body, **options).status_code == status
    assert site.stored() == []


def test_json_without_the_hash_of_its_body_is_refused_although_the_address_is_signed(site):
    headers = {"X-Twilio-Signature": sign(AUTH_TOKEN, PUBLIC_URL + site.path("status"), {})}
    assert site.http.post(site.path("status"), json={"MessageSid": SID}, headers=headers).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_other_methods_are_refused(site, method):
    assert site.http.request(method, site.path("status")).status_code == 405


def test_a_body_that_is_no_text_is_refused(site):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.http.post(site.path("status"), content=b"\xff\xfe", headers=headers).status_code == 400


def test_a_genuine_event_without_a_message_is_refused(site):
    assert site.post(MessageSid="", MessageStatus="sent").status_code == 400
    assert site.stored() == []


def test_a_duplicate_gets_the_same_answer_and_is_stored_and_woken_once(site):
    answers = [site.post(MessageStatus="delivered") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert len(site.stored()) == 1
    assert site.woken.forwards_sent == [(site.id, "acme")]


def test_a_delivery_that_twilio_repeats_is_known_by_its_token(site):
    fields = {"MessageSid": SID, "MessageStatus": "sent"}
    signature = sign(AUTH_TOKEN, PUBLIC_URL + site.path("status"), fields)
    headers = {"X-Twilio-Signature": signature, "I-Twilio-Idempotency-Token": "t-1"}
    assert site.http.post(site.path("status"), data=fields, headers=headers).status_code == 204
    assert site.stored()[0].idempotency_token == "t-1"


def test_events_that_come_together_wake_once(site):
    async def burst():
        transport = httpx.ASGITransport(site.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            for number in range(20):
                fields = {"MessageSid": f"SM{number}", "MessageStatus": "sent"}
                headers = {"X-Twilio-Signature": sign(AUTH_TOKEN, PUBLIC_URL + site.path("status"), fields)}
                assert (await client.post(site.path("status"), data=fields, headers=headers)).status_code == 204

    held = threading.Event()
    site.woken.forwards = lambda due: (site.woken.forwards_sent.extend(due), held.wait(10))
    asyncio.run(burst())
    held.set()
    site.http.app.waker.settle()
    assert len(site.stored()) == 20
    assert len(site.woken.forwards_sent) == 2, "one while the broker was busy, one for all that came meanwhile"


def test_a_broker_that_is_away_changes_no_answer_and_loses_nothing(site, caplog):
    site.woken.fails = True
    assert site.post("inbound", Body="hello").status_code == 200
    assert [row.forward_state for row in site.stored()] == [ForwardState.ARRIVED]
    assert "1 onboardings could not be woken now" in caplog.text


def test_a_broker_that_hangs_holds_up_no_answer(site):
    hung = threading.Event()
    site.woken.forwards = lambda _: hung.wait(10)
    site.http.waits_for_waking = False
    answers = [site.post("inbound", Body="hello", MessageSid=f"SM{number:032}") for number in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    assert not hung.is_set()
    hung.set()


def test_a_database_that_is_away_asks_twilio_to_repeat(site, monkeypatch):
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("insert", {}, Exception("gone"))

    monkeypatch.setattr(gateway.receiver, "store", fail)
    assert site.post(MessageStatus="sent").status_code == 503


def test_an_onboarding_without_a_stored_token_asks_twilio_to_repeat(tmp_path, caplog):
    site = Site(tmp_path, auth_token=None)
    assert site.post(MessageStatus="sent").status_code == 503
    assert "onboard update FILE" in caplog.text
    site.db.dispose()


def test_a_changed_auth_token_is_believed_after_a_few_seconds(site, monkeypatch):
    time = 1000.0
    monkeypatch.setattr(gateway.receiver.time, "monotonic", lambda: time)
    assert site.post(MessageStatus="sent").status_code == 204
    with site.db.begin() as connection:
        site.vault.write(connection, site.id, "twilio.auth_token", "another" * 5, at=now())
    assert site.post(MessageStatus="delivered").status_code == 204
    time += gateway.receiver.TOKEN_SECONDS + 1
    assert site.post(MessageStatus="read").status_code == 403


@pytest.mark.parametrize(("hours", "status"), [(23, 204), (25, 403)])
def test_for_a_day_what_is_signed_with_the_former_auth_token_is_taken_too(site, hours, status):
    at = now() - timedelta(hours=hours)
    with site.db.begin() as connection:
        site.vault.move(connection, site.id, kinds.AUTH_TOKEN, kinds.FORMER_AUTH_TOKEN, at=at)
        site.vault.write(connection, site.id, kinds.AUTH_TOKEN, "another" * 5, at=at)
    assert site.post(MessageStatus="sent").status_code == status


def test_the_log_names_onboarding_and_message_and_masks_phone_numbers(site, caplog):
    caplog.set_level(logging.INFO)
    site.post(MessageStatus="sent")
    assert f"acme {SID}: status sent from +*******0100 to +*******0123" in caplog.text
    assert "12125550123" not in caplog.text


def test_what_an_unproven_sender_writes_cannot_forge_log_lines(site, caplog):
    caplog.set_level(logging.INFO)
    site.http.post(site.path("status") + "?a=%0AINFO forged", data={"MessageSid": "SM1\nINFO forged"})
    assert "\nINFO forged" not in caplog.text
    assert "403" in caplog.text


def test_a_sender_id_stays_readable_when_numbers_are_masked():
    assert mask_number("rcs:brand_agent") == "rcs:brand_agent"
    assert mask_number("+12125550123") == "+*******0123"


def test_health_asks_no_database(site, monkeypatch):
    monkeypatch.setattr(site.db, "connect", lambda *_: pytest.fail("the database was asked"))
    answer = site.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def metrics(site):
    return generate_latest(site.http.app.metrics.registry).decode()


def test_the_metrics_sort_answers_by_the_time_they_took(site):
    counted = site.http.app.metrics
    for seconds in (0.001, 0.2, 20):
        counted.request("/x", 200, seconds)
    seen = metrics(site)
    for bound, count in (("0.001", 1), ("0.1", 1), ("0.25", 2), ("15.0", 2), ("+Inf", 3)):
        assert f'onboard_gateway_seconds_bucket{{le="{bound}",route="/x"}} {count}.0' in seen
    assert 'onboard_gateway_seconds_sum{route="/x"} 20.201' in seen


def test_some_metrics_can_be_asked_for_by_name(site):
    site.post(MessageStatus="sent")
    some = site.http.app.metrics.registry.restricted_registry(["onboard_events_total"])
    assert [line for line in generate_latest(some).decode().splitlines() if not line.startswith("#")] == [
        'onboard_events_total{kind="status",outcome="stored"} 1.0'
    ]


def test_the_metrics_tell_what_came_and_what_waits_without_any_token(site):
    for _ in range(2):
        site.post(MessageStatus="sent")
    site.http.post(site.path("status"), data={"MessageSid": SID})
    seen = metrics(site)
    for line in (
        'onboard_events_total{kind="status",outcome="stored"} 1.0',
        'onboard_events_total{kind="status",outcome="duplicate"} 1.0',
        'onboard_gateway_requests_total{route="/twilio/status",status="204"} 2.0',
        'onboard_gateway_requests_total{route="/twilio/status",status="403"} 1.0',
        'onboard_gateway_seconds_count{route="/twilio/status"} 3.0',
        'onboard_rejected_total{reason="signature"} 1.0',
        "onboard_events_waiting 1.0",
        "onboard_events_parked 0.0",
    ):
        assert line in seen
    assert site.token not in seen


def test_ready_means_that_the_database_answers(site, monkeypatch):
    monkeypatch.setattr(gateway.app, "READY_SECONDS", 0)
    site.post(MessageStatus="sent")
    ready = site.http.get("/readyz")
    assert ready.status_code == 200
    assert {name: ready.json()[name] for name in ("database", "broker", "events_waiting", "events_parked")} == {
        "database": "ok",
        "broker": "ok",
        "events_waiting": 1,
        "events_parked": 0,
    }
    site.woken.fails = True
    assert site.http.get("/readyz").json()["broker"] == "away"

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(gateway.app, "backlog", fail)
    assert site.http.get("/readyz").status_code == 503
    assert site.http.get("/healthz").status_code == 200


def test_paths_that_nobody_has_are_not_counted_by_name(site):
    site.http.get("/made/up/path")
    assert "made" not in metrics(site)
