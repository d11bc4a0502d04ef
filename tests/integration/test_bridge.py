"""AJO's messages through the bridge to Twilio, and what Twilio says of them back to AJO: real HTTP, one process."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import delete, select

from engine import kinds
from engine.clock import now
from engine.limit_book import LimitBook
from models.tables import BridgeMessage, Onboarding, VendorLimit, WebhookEvent
from providers.errors import CallContext, RateLimited
from tests.factories import spec_data
from tests.integration.house import House
from tests.integration.services import Simulator, eventually

HANDSET = "+12125550177"
POST_MESSAGE = {"method": "POST", "path_regex": r"/Messages\.json$"}


class Ajo:
    """AJO's side of one active RCS onboarding."""

    def __init__(self, house, name="acme"):
        self.house, self.name = house, name
        house.start("rcs", name)
        assert house.run_to_end(name).status == "active", house.story()
        row = house.onboarding(name)
        self.onboarding_id = row.id
        self.url = f"http://127.0.0.1:{house.settings.gateway_port}/ajo/{row.endpoint_token}/messages"
        with house.db.begin() as connection:
            self.token = house.vault.read(connection, row.id, kinds.BRIDGE_TOKEN)
        self.begin_anew()

    def begin_anew(self):
        """As if nothing had been sent so far."""
        ledger = self.house.simulator.ledger
        self.before = {message["sid"] for message in ledger["messages"]}
        self.heard = len(ledger["events"])
        # The bridge looks for a message by its text.
        self.text = f"Your coffee is ready, number {len(self.before)}"
        self.house.simulator.delete("faults")
        with self.house.db.begin() as connection:
            connection.execute(delete(BridgeMessage))
            connection.execute(delete(WebhookEvent))

    def send(self, *, headers=None, content=None, **message):
        body = {"from": "+14155550100", "to": HANDSET, "message": self.text, "reference": "r-1"}
        options = {"content": content} if content is not None else {"json": body | message}
        given = {"X-Onboard-Token": self.token, "Content-Type": "application/json"} if headers is None else headers
        return httpx.post(self.url, headers=given, timeout=20, trust_env=False, **options)

    def send_until_taken(self, **message):
        return eventually(
            lambda: answer if (answer := self.send(**message)).status_code == 200 else None,
            within=15,
            every=0.2,
            what="the bridge sends it",
        )

    @property
    def sent(self):
        return [one for one in self.house.simulator.ledger["messages"] if one["sid"] not in self.before]

    @property
    def feedback(self):
        """What AJO was told, as (reference, status)."""
        self.house.turn()
        return [
            (event["body"]["clientReference"], event["body"]["statuses"][0]["status"])
            for event in self.house.simulator.ledger["events"][self.heard :]
            if event["type"] == "feedback" and event["body"]
        ]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Making an onboarding active takes seconds."""
    folder = tmp_path_factory.mktemp("bridge")
    simulator = Simulator(folder)
    house = House(folder, simulator)
    yield Ajo(house)
    house.close()
    simulator.stop()


@pytest.fixture
def ajo(shared):
    shared.begin_anew()
    return shared


@pytest.fixture
def own(house):
    """For what does not leave the onboarding as it was."""
    return Ajo(house)


pytestmark = pytest.mark.xdist_group("bridge")


def fault(ajo, **rule):
    ajo.house.simulator.post("faults", {"match": POST_MESSAGE, **rule})


def test_a_message_goes_out_over_rcs_and_its_feedback_comes_back_under_ajos_reference(ajo):
    answer = ajo.send()
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"sid": body["sid"], "status": "accepted", "reference": "r-1", "to": HANDSET}
    told = eventually(
        lambda: seen if ("r-1", "read") in (seen := ajo.feedback) else None, within=15, what="feedback at AJO"
    )
    assert [status for reference, status in told if reference == "r-1"] == [
        "queued",
        "sending",
        "sent",
        "delivered",
        "read",
    ]
    (message,) = ajo.sent
    assert (message["body"], message["from"]) == (ajo.text, "rcs:acme_agent")


def test_the_same_reference_gets_the_same_answer_and_no_second_message(ajo):
    first = ajo.send().json()
    answers = [ajo.send().json() for _ in range(3)]
    assert {answer["sid"] for answer in answers} == {first["sid"]}
    assert len(ajo.sent) == 1
    clash = ajo.send(message="Something else")
    assert (clash.status_code, clash.json()["error"]["code"]) == (409, "reference_used")


def test_many_at_once_with_one_reference_send_one_message(ajo):
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ajo.send(), range(24)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len({answer.json().get("sid") for answer in answers if answer.status_code == 200}) == 1
    assert len(ajo.sent) == 1


def test_without_a_reference_each_request_is_a_message_and_is_given_one(ajo):
    answers = [ajo.send(reference=reference).json() for reference in ("", "{{client_reference}}")]
    assert len({answer["reference"] for answer in answers}) == 2
    assert all(answer["reference"].startswith("onboard-") for answer in answers)
    assert len(ajo.sent) == 2


@pytest.mark.parametrize("action", ["reply_lost", "malformed"])
def test_a_lost_answer_is_found_again_and_nothing_is_sent_twice(ajo, action):
    fault(ajo, action=action)
    answer = ajo.send_until_taken()
    assert [one["sid"] for one in ajo.sent] == [answer.json()["sid"]]


@pytest.mark.parametrize("rule", [{"action": "reset"}, {"action": "status", "status": 500}])
def test_a_call_whose_end_is_unclear_is_made_again_only_after_a_look(ajo, rule):
    fault(ajo, **rule)
    unclear = ajo.send()
    assert (unclear.status_code, unclear.json()["error"]["code"]) == (503, "unclear")
    assert unclear.json()["error"]["retryable"]
    assert int(unclear.headers["Retry-After"]) >= 1
    ajo.send_until_taken()
    assert len(ajo.sent) == 1


def test_twilios_limit_is_passed_on_and_holds_for_workers_and_the_bridge_alike(own):
    def calls():
        return own.house.simulator.ledger["calls"]

    fault(own, action="status", status=429, code=20429, retry_after=2)
    busy = own.send()
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "2")
    before = calls()
    assert own.send(reference="r-2").status_code == 429
    assert calls() == before
    own.send_until_taken()
    assert len(own.sent) == 1

    (learned,) = own.house.read(select(VendorLimit).where(VendorLimit.c.vendor == "Twilio"))
    limit = LimitBook(own.house.db, now).limit(learned.vendor, learned.account, learned.ceiling)
    limit.failed(RateLimited("429", after=30, context=CallContext("Twilio", "a worker's call")))
    numbers = iter(range(3, 99))
    eventually(lambda: own.send(reference=f"r-{next(numbers)}").status_code == 429, within=5, what="the bridge knows")


def test_a_refused_message_gets_twilios_code_and_is_not_asked_again(ajo):
    calls = ajo.house.simulator.ledger["calls"]
    answers = [ajo.send(to="+12125550610") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["error"]["code"] == "21610"
    assert not answers[0].json()["error"]["retryable"]
    route = "POST /api.twilio.com/2010-04-01/Accounts/{AC}/Messages.json"
    assert ajo.house.simulator.ledger["calls"][route] == calls[route] + 1


def test_everything_twilio_can_take_is_passed_on(ajo):
    media = ["https://brand.example/a.png", "https://brand.example/b.png"]
    answer = ajo.send(to="12125550177", media=media, fallback_from="+14155550105", validity_seconds="600")
    assert (answer.status_code, answer.json()["to"]) == (200, HANDSET)
    (message,) = ajo.sent
    assert message["media"] == media
    content = ajo.send(
        reference="r-2", message="", content_sid="HX" + "a" * 32, content_variables='{"1": "Ann"}', to="(212) 555-0177"
    )
    assert (content.status_code, content.json()["to"]) == (200, HANDSET)


@pytest.mark.parametrize("sender", ["+14155550100", "14155550100", "rcs:acme_agent", "acme_agent", ""])
def test_the_sender_may_be_named_in_any_of_its_ways(shared, sender):
    assert shared.send(**{"from": sender, "reference": f"as {sender}"}).status_code == 200


def test_ajo_may_name_the_former_sender_until_its_configuration_is_changed(own):
    another = "+14155550101"
    twilio = spec_data()["twilio"] | {"numbers": [another]}
    own.house.start("rcs", own.name, is_update=True, twilio=twilio)
    # The gateway believes for some seconds what it knows.
    eventually(lambda: own.send(reference="new", **{"from": another}).status_code == 200, within=10, what="the new one")
    assert own.send(reference="former").status_code == 200
    assert own.house.run_to_end(own.name).status == "active"
    eventually(
        lambda: own.send(reference=str(time.monotonic())).json().get("error", {}).get("code") == "invalid_from",
        within=10,
        what="the former one is refused",
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"to": "nobody"}, "invalid_to"),
        ({"to": ""}, "invalid_to"),
        ({"from": "+14155559999"}, "invalid_from"),
        ({"message": ""}, "invalid_message"),
        ({"message": "x" * 1601}, "invalid_message"),
        ({"media": ["https://a.example/x.png"] * 11}, "invalid_media"),
        ({"content_sid": "HX1"}, "invalid_content_sid"),
        ({"content_variables": {"1": "x"}}, "invalid_content_variables"),
        ({"content_variables": "[1]"}, "invalid_content_variables"),
        ({"validity_seconds": 0}, "invalid_validity_seconds"),
        ({"reference": "r" * 101}, "invalid_reference"),
        ({"colour": "red"}, "invalid_colour"),
        ({"reference": "nul\0"}, "invalid_reference"),
        ({"content_variables": "[" * 20_000}, "invalid_content_variables"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused_by_its_field_before_twilio_is_asked(shared, wrong, code):
    def known():
        return len(shared.sent), len(shared.house.read(select(BridgeMessage)))

    before = known()
    answer = shared.send(**({"reference": "wrong"} | wrong))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert known() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"[" * 60_000])
def test_what_is_no_json_object_is_refused(shared, content):
    assert shared.send(content=content).status_code == 400


def test_only_ajo_may_send(ajo):
    def status(**headers):
        return ajo.send(headers={"Content-Type": "application/json", **headers}).status_code

    basic = base64.b64encode(f"acme:{ajo.token}".encode()).decode()
    assert status() == 401
    assert status(**{"X-Onboard-Token": "wrong"}) == 401
    assert status(Authorization="Bearer wrong") == 401
    assert status(Authorization="Basic !!!") == 401
    # Right, but not the declared way.
    assert status(Authorization=f"Bearer {ajo.token}") == 401
    assert status(Authorization=f"Basic {basic}") == 401
    assert ajo.sent == []
    assert status(**{"X-Onboard-Token": ajo.token}) == 200
    assert ajo.send(headers={"X-Onboard-Token": ajo.token, "Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(ajo.url.replace("/ajo/", "/ajo/x"), json={}, trust_env=False).status_code == 404


def test_a_cancelled_onboarding_sends_nothing(own):
    own.house.command("cancel", "acme")
    answer = own.send()
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_active")
    assert own.sent == []


def test_an_sms_channel_has_no_bridge(house):
    house.start("sms", "bistro")
    house.run_to_end("bistro")
    token = house.onboarding("bistro").endpoint_token
    url = f"http://127.0.0.1:{house.settings.gateway_port}/ajo/{token}/messages"
    answer = httpx.post(url, json={"to": HANDSET, "message": "x"}, trust_env=False)
    assert (answer.status_code, "no RCS channel" in answer.json()["error"]["message"]) == (404, True)


def test_statuses_that_come_late_are_kept_and_not_passed_on(ajo):
    answer = ajo.send(to="+12125557777").json()

    def all_arrived():
        seen = ajo.house.read(select(WebhookEvent).where(WebhookEvent.c.message_sid == answer["sid"]))
        return len(seen) == 5

    eventually(all_arrived, within=15, what="five statuses, the last one first")
    told = eventually(lambda: [one for one in ajo.feedback if one[0] == "r-1"], within=10, what="feedback")
    assert told == [("r-1", "read")]


def test_nothing_of_the_text_is_kept(ajo):
    ajo.send(message="the secret recipe")
    assert "secret recipe" not in repr(ajo.house.read(select(BridgeMessage)))


def test_a_proof_of_ajo_travels_the_whole_loop(ajo):
    """AJO's proof, bridge, Twilio, callback, AJO's feedback: nobody but the vendors' public sides takes part."""
    from tests.integration.simulator_fixture import CLIENT_ID, CLIENT_SECRET, ORGANIZATION

    simulator = ajo.house.simulator
    made = {"name": "hello", "channel_configuration": "acme_config", "text": "Hello from AJO"}
    campaign = simulator.post("campaigns", made)["campaign_id"]
    with httpx.Client(base_url=simulator.url, trust_env=False, timeout=20) as http:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        form["scope"] = "openid,additional_info.projectedProductContext"
        token = http.post("/ims-na1.adobelogin.com/ims/token/v3", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "x-api-key": CLIENT_ID}
        headers |= {"x-gw-ims-org-id": ORGANIZATION, "x-sandbox-name": "prod"}
        data = [{"channel": "sms", "phoneNumbers": [HANDSET]}]
        body = {"recipients": [{"userId": "ann", "namespace": "Email", "channelsData": data}]}
        path = f"/platform.adobe.io/ajo/simulations/campaigns/{campaign}/proofs"
        job = http.post(path, headers=headers, json=body).json()
        eventually(
            lambda: http.get(f"{path}/{job['proofJobId']}", headers=headers).json()["status"] == "SUBMITTED",
            within=15,
            what="the proof is submitted",
        )
    (sent,) = ajo.sent
    assert sent["body"] == "Hello from AJO"

    def heard():
        ajo.house.turn()
        (message,) = simulator.ledger["ajo_messages"]
        return message if [one["status"] for one in message["feedback"]][-1:] == ["read"] else None

    message = eventually(heard, within=15, what="AJO hears that it was read")
    assert message["message_id"] == sent["sid"]


def test_the_bridge_works_again_when_the_key_it_uses_was_replaced(own):
    own.send()
    with own.house.db.begin() as connection:
        own.house.vault.write(
            connection, own.onboarding_id, kinds.BRIDGE_TOKEN, "another-bridge-token", at=own.house.shop.now()
        )
    deadline = time.monotonic() + 10
    while own.send().status_code != 401:
        assert time.monotonic() < deadline
    own.token = "another-bridge-token"
    assert own.send().status_code == 200
    assert own.house.read(select(Onboarding.c.status))[0].status == "active"
