"""Journey Optimizer really sends: a proof or an execution goes through the credential, and feedback comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.simulator_fixture import ACCOUNT, NUMBER, TOKEN, Simulator, until
from tests.integration.test_simulator_ajo import CUSTOM, INBOUND, configuration, make, sign_in

# pytest finds fixtures by their names in this module.
from tests.integration.test_simulator_ajo import headers as headers  # noqa: PLC0414

PROOFS = "/platform.adobe.io/ajo/simulations/campaigns"
UNITARY = "/platform.adobe.io/ajo/im/executions/unitary"
TO = "+14155551234"
TEMPLATE = (
    '{"from": "{{fromNumber}}", "to": "{{ toNumber }}", "message": "{{message}}", "reference": "{{client_reference}}"}'
)
Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


class Provider:
    """Somebody else's SMS provider: keeps what it was asked, answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answer: Answer = lambda _: (200, b'{"messages": [{"id": "m-1"}]}')
        self.url = ""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            provider.asked.append((dict(self.headers), body))
            status, answer = provider.answer(body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}/send"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def campaign(sim: Simulator, headers: dict[str, str], provider: Provider) -> str:
    return new_campaign(sim, headers, provider_url=provider.url)


def new_campaign(sim: Simulator, signed: dict[str, str], text: str = "Hello", **credential: Any) -> str:
    """A campaign whose configuration is active; its id."""
    body = CUSTOM | {"payload_template": TEMPLATE, "message_id_path": "messages.0.id"} | credential
    make(sim, signed, "channel-configurations", configuration(make(sim, signed, "credentials", body)))
    sim.advance("10s")
    made = {"name": "hello", "channel_configuration": "brand-rcs", "text": text}
    return str(sim.control("POST", "campaigns", made)["campaign_id"])


def prove(sim: Simulator, headers: dict[str, str], campaign: str, *numbers: str) -> Any:
    """A proof job, followed to its end."""
    data = [{"channel": "sms", "phoneNumbers": list(numbers or (TO,))}]
    recipients = [{"userId": "ann@brand.example", "namespace": "Email", "channelsData": data}]
    response = sim.http.post(f"{PROOFS}/{campaign}/proofs", headers=headers, json={"recipients": recipients})
    assert response.status_code == 200, response.text
    job = response.json()
    assert job["status"] == "CREATED"
    path = f"{PROOFS}/{campaign}/proofs/{job['proofJobId']}"
    sim.advance("1s")
    return sim.http.get(path, headers=headers).json()


def failure(job: Any) -> str:
    return str(job["proofs"][0]["proofFailureReasons"][0]["failureReasons"][0]["title"])


def test_a_proof_calls_the_provider_with_the_rendered_template_and_the_credentials_key(
    sim: Simulator, headers: dict[str, str], provider: Provider
) -> None:
    campaign = new_campaign(
        sim,
        headers,
        text='Say "hi"\nto Größe\\x',
        provider_url=provider.url,
        headers=[{"name": "X-Brand", "value": "acme"}],
    )
    job = prove(sim, headers, campaign)
    assert job["status"] == "SUBMITTED"
    assert (job["proofs"][0]["targeted"], job["proofs"][0]["submitted"]) == (1, 1)
    ((sent_headers, body),) = provider.asked
    (message,) = sim.ledger()["ajo_messages"]
    assert body == {"from": NUMBER, "to": TO, "message": 'Say "hi"\nto Größe\\x', "reference": message["reference"]}
    assert sent_headers["Content-Type"].startswith("application/json")
    assert (sent_headers["x-onboard-token"], sent_headers["X-Brand"]) == ("very-secret", "acme")
    assert (message["message_id"], message["http_status"]) == ("m-1", 200)


@pytest.mark.parametrize("name", ["reference", "message_id"])
def test_feedback_joins_the_message_by_ajos_reference_or_by_the_providers_id(
    sim: Simulator, headers: dict[str, str], campaign: str, name: str
) -> None:
    prove(sim, headers, campaign)
    (message,) = sim.ledger()["ajo_messages"]
    webhook = make(sim, headers, "webhooks", {"name": "f", "vendor": "custom", "type": "feedback"})
    body = {"clientReference": message[name], "statuses": [{"code": "0", "status": "delivered"}]}
    assert sim.http.post(webhook["url"], json=body).status_code == 200
    assert sim.http.post(webhook["url"], json=body | {"clientReference": "nobody's"}).status_code == 200
    ledger = sim.ledger()
    (after,) = ledger["ajo_messages"]
    assert [one["status"] for one in after["feedback"]] == ["delivered"]
    assert [event["message"] for event in ledger["events"]] == [message["reference"], None]


@pytest.mark.parametrize(
    "answered",
    [
        (500, b"out of order", "answered 500: out of order"),
        (200, b"<html>", "not JSON"),
        (200, b'{"messages": []}', "no message id at messages.0.id"),
    ],
)
def test_a_provider_that_does_not_take_the_message_fails_the_proof_with_its_words(
    sim: Simulator, headers: dict[str, str], provider: Provider, campaign: str, answered: tuple[int, bytes, str]
) -> None:
    status, body, words = answered
    provider.answer = lambda _: (status, body)
    job = prove(sim, headers, campaign)
    assert job["status"] == "FAILED"
    assert words in failure(job)


def test_a_proof_to_some_who_fail_is_partially_failed(
    sim: Simulator, headers: dict[str, str], provider: Provider, campaign: str
) -> None:
    provider.answer = lambda body: (200, b'{"messages": [{"id": 7}]}') if body["to"] == TO else (422, b"no")
    job = prove(sim, headers, campaign, TO, "+14155550000")
    assert (job["status"], job["proofs"][0]["submitted"], job["proofs"][0]["status"]) == (
        "PARTIALLY_FAILED",
        1,
        "SUBMITTED",
    )


def test_nobody_listening_fails_the_proof(sim: Simulator, headers: dict[str, str]) -> None:
    job = prove(sim, headers, new_campaign(sim, headers, provider_url="http://127.0.0.1:9/x"))
    assert (job["status"], "could not be called" in failure(job)) == ("FAILED", True)


def test_the_native_vendor_sends_through_twilio_itself(sim: Simulator, headers: dict[str, str]) -> None:
    service = sim.new_service()
    sim.attach(service, PhoneNumberSid=sim.number_sid())
    twilio = {"name": "sms", "vendor": "twilio", "account_sid": ACCOUNT, "auth_token": TOKEN, "message_sid": service}
    make(sim, headers, "channel-configurations", configuration(make(sim, headers, "credentials", twilio)))
    sim.advance("10s")
    body = {"name": "hello", "channel_configuration": "brand-rcs", "text": "Hello from AJO"}
    job = prove(sim, headers, sim.control("POST", "campaigns", body)["campaign_id"])
    assert job["status"] == "SUBMITTED"
    ledger = sim.ledger()
    (message,) = ledger["messages"]
    assert (message["body"], message["messaging_service_sid"]) == ("Hello from AJO", service)
    assert ledger["ajo_messages"][0]["message_id"] == message["sid"]


def test_a_configuration_that_is_not_active_sends_nothing_and_the_validation_says_so(
    sim: Simulator, headers: dict[str, str], provider: Provider
) -> None:
    credential = make(sim, headers, "credentials", CUSTOM | {"provider_url": provider.url})
    make(sim, headers, "channel-configurations", configuration(credential, "brand-fail"))
    sim.advance("10s")
    made = {"name": "hello", "channel_configuration": "brand-fail", "text": "Hello"}
    campaign = sim.control("POST", "campaigns", made)["campaign_id"]
    job = prove(sim, headers, campaign)
    assert (job["status"], "Failed, not Active" in failure(job)) == ("FAILED", True)
    assert provider.asked == []
    path = f"/platform.adobe.io/journey/campaigns/service/campaigns/{campaign}/publish/validation"
    (problem,) = sim.http.get(path, headers=headers).json()["data"]
    assert problem["errorSource"] == "SURFACE"


def test_an_execution_sends_too(sim: Simulator, headers: dict[str, str], provider: Provider, campaign: str) -> None:
    recipient = {"type": "external", "userId": "ann", "namespace": "Phone", "channelData": {"mobilePhoneNumber": TO}}
    body = {"requestId": "r-1", "campaignId": campaign, "recipients": [recipient]}
    answer = sim.http.post(UNITARY, headers=headers, json=body)
    assert (answer.status_code, answer.json()["requestId"]) == (202, "r-1")
    until(lambda: provider.asked)
    assert provider.asked[0][1]["to"] == TO
    crowd = sim.http.post(UNITARY, headers=headers, json=body | {"recipients": [recipient] * 21})
    assert crowd.status_code == 400
    refused = sim.http.post(UNITARY, headers=headers, json=body | {"campaignId": "nothing"})
    assert (refused.status_code, refused.json()["report"]["additionalContext"]["requestId"]) == (400, "r-1")


def test_campaigns_and_proofs_belong_to_one_sandbox(sim: Simulator, headers: dict[str, str], campaign: str) -> None:
    elsewhere = headers | {"x-sandbox-name": "dev"}
    path = f"/platform.adobe.io/journey/campaigns/service/campaigns/{campaign}"
    assert sim.http.get(path, headers=headers).json()["name"] == "hello"
    assert sim.http.get(path, headers=elsewhere).status_code == 404
    assert sim.http.post(f"{PROOFS}/{campaign}/proofs", headers=elsewhere, json={}).status_code == 404
    body = {"name": "x", "sandbox": "dev", "channel_configuration": "brand-rcs", "text": "x"}
    assert sim.http.post("/_sim/campaigns", json=body).status_code == 404


@pytest.mark.parametrize(
    ("recipient", "words"),
    [
        ({}, "userId"),
        ({"userId": "a", "namespace": "Email"}, "channelsData"),
        ({"userId": "a", "namespace": "Email", "channelsData": [{"channel": "email"}]}, "channel must be sms"),
        (
            {"userId": "a", "namespace": "Email", "channelsData": [{"channel": "sms", "phoneNumbers": []}]},
            "phoneNumbers",
        ),
    ],
)
def test_a_wrong_recipient_is_refused_by_the_field(
    sim: Simulator, headers: dict[str, str], campaign: str, recipient: dict[str, Any], words: str
) -> None:
    response = sim.http.post(f"{PROOFS}/{campaign}/proofs", headers=headers, json={"recipients": [recipient]})
    assert response.status_code == 400
    assert words in response.json()["title"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ('{"to": "{{toNumber}}", "m": "{{message}}"}', "lacks {{fromNumber}}"),
        (TEMPLATE.replace("client_reference", "colour"), "{{colour}} is not known"),
        (TEMPLATE[:-1], "is not JSON"),
    ],
)
def test_a_template_that_could_not_be_rendered_is_refused_at_once(
    sim: Simulator, headers: dict[str, str], template: str, words: str
) -> None:
    body = CUSTOM | {"payload_template": template}
    response = sim.http.post("/automation/credentials", headers=headers, json=body)
    assert (response.status_code, words in response.json()["title"]) == (400, True)


@pytest.mark.parametrize(
    ("keywords", "text", "consent"),
    [
        (None, "stop", "opt_out"),
        (None, " Subscribe ", "opt_in"),
        (None, "stop it", None),
        (None, "help", None),
        ({"opt_out": ["ALTO"]}, "alto", "opt_out"),
        # Own words take the place of the defaults, as Adobe's page warns.
        ({"opt_out": ["ALTO"]}, "stop", None),
    ],
)
def test_keywords_change_the_consent_of_the_profile(
    sim: Simulator, headers: dict[str, str], keywords: Any, text: str, consent: str | None
) -> None:
    body = {"name": "in", "vendor": "custom", "type": "inbound"} | ({"keywords": keywords} if keywords else {})
    webhook = make(sim, headers, "webhooks", body)
    assert sim.http.post(webhook["url"], json=INBOUND | {"InboundMessage": text}).status_code == 200
    assert [one["consent"] for one in sim.ledger()["consents"]] == ([consent] if consent else [])


def test_replies_of_profiles_that_had_no_message_are_not_captured(
    sim: Simulator, headers: dict[str, str], campaign: str
) -> None:
    webhook = make(sim, headers, "webhooks", {"name": "in", "vendor": "custom", "type": "inbound"})
    reply = INBOUND | {"InboundMessage": "hello"}
    assert sim.http.post(webhook["url"], json=reply).status_code == 200
    prove(sim, headers, campaign)
    assert sim.http.post(webhook["url"], json=reply).status_code == 200
    assert [event["is_captured"] for event in sim.ledger()["events"]] == [False, True]


def test_a_webhook_can_ask_for_a_token_of_its_organization(sim: Simulator, headers: dict[str, str]) -> None:
    body = {"name": "in", "vendor": "custom", "type": "inbound", "authentication": "ims"}
    webhook = make(sim, headers, "webhooks", body)
    assert sim.http.post(webhook["url"], json=INBOUND).status_code == 401
    bearer = {"Authorization": f"Bearer {sign_in(sim).json()['access_token']}"}
    assert sim.http.post(webhook["url"], json=INBOUND, headers=bearer).status_code == 200
