"""Every answer of the simulator, and every request of ours to it, is one that the vendors' descriptions know.

The simulator runs in this process, without sockets. One walk exercises each of its operations that a public contract
describes; the contracts check each request and each answer on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from providers.ajo.client import AjoClient
from providers.twilio.client import TwilioClient
from providers.twilio.messages import Outgoing
from settings import Settings
from simulator.config import Config
from simulator.server import create_app
from simulator.world import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    NUMBERS,
    ORGANIZATION_ID,
    SCOPES,
    USER_SID,
    World,
)
from tasks.steps.api_key import PERMISSIONS as KEY_PERMISSIONS
from tests.contract.in_process import simulator_client
from tests.contract.openapi import load
from tests.contract.test_contract_twilio import CALLS, KNOWN_GAPS, PROFILE, WEBHOOK

# Where each contract's paths begin at the simulator, in the order in which they are tried.
PLACES = {
    "/api.twilio.com": "twilio_api_v2010.json",
    "/messaging.twilio.com/v1": "twilio_messaging_v1.json",
    "/messaging.twilio.com/v2": "twilio_messaging_v2.json",
    "/iam.twilio.com": "twilio_iam_v1.json",
    "/monitor.twilio.com": "twilio_monitor_v1.json",
    "/platform.adobe.io/journey/campaigns": "ajo_campaigns-retrieve.yaml",
    "/platform.adobe.io/ajo/simulations": "ajo_simulations.yaml",
    "/platform.adobe.io/ajo": "ajo_messaging.yaml",
}
# What the simulator answers although the description lacks it, and why it may.
_SENDER_ANSWERS = (
    "POST /v2/Channels/Senders 202",
    "GET /v2/Channels/Senders/{Sid} 200",
    "GET /v2/Channels/Senders 200.senders",
)
ANSWER_GAPS = {
    # In Twilio's newer library (9.13) only.
    **{place: {"friendly_name"} for place in _SENDER_ANSWERS},
    **{f"{place}.profile": {"use_case"} for place in _SENDER_ANSWERS},
}
# Routes that no contract at hand describes, and why they are there.
NOT_DESCRIBED = {
    "GET /api.twilio.com/2010-04-01/Accounts.json": "left out of the copy at hand; Twilio's own library calls it",
}
API = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}"
SERVICES = "/messaging.twilio.com/v1/Services"
SENDERS = "/messaging.twilio.com/v2/Channels/Senders"
KEYS = "/iam.twilio.com/v1/Keys"
EVENTS = "/monitor.twilio.com/v1/Events"
CAMPAIGNS = "/platform.adobe.io/journey/campaigns/service/campaigns"
SURFACES = "/platform.adobe.io/journey/campaigns/service/metadata/surfaces"
PROOFS = "/platform.adobe.io/ajo/simulations/campaigns"
HANDSET = "+14155551234"


def place_of(path: str) -> tuple[str, str] | None:
    """The prefix and the contract that a path belongs to; None for what nobody describes (IMS, our own)."""
    for place, contract in PLACES.items():
        if path.startswith(place + "/"):
            prefix = re.sub(r"/v[12]$", "", place)
            return prefix, contract
    return None


class Walk:
    """A client of an in-process simulator; contracts check everything that passes."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client
        self.seen: set[str] = set()
        self.checks_requests = True
        client.event_hooks = {"response": [self._check]}

    def _check(self, response: httpx.Response) -> None:
        request = response.request
        response.read()
        place = place_of(request.url.path)
        route = self._route(request.method, request.url.path)
        self.seen.add(f"{route} {response.status_code // 100}xx")
        if place is None or route in NOT_DESCRIBED:
            return
        prefix, name = place
        contract = load(name)
        is_error = response.status_code >= 400
        if ".twilio.com/" in request.url.path:
            assert re.fullmatch("RQ[0-9a-f]{32}", response.headers["Twilio-Request-Id"])
            assert response.headers["Twilio-Concurrent-Requests"].isdigit()
            assert 0 <= float(response.headers["Twilio-Request-Duration"]) < 10
            if is_error:
                # The descriptions tell only of success; the body of an error is documented in prose.
                body = response.json()
                assert body.keys() == {"code", "message", "more_info", "status"}
                assert body["status"] == response.status_code
                return
        operation = contract.operation(request.method, request.url.path, prefix)
        if self.checks_requests and not is_error:
            contract.check_request(request, prefix, gaps=KNOWN_GAPS)
        if is_error and str(response.status_code) not in contract.answers(operation):
            # Adobe's front door refuses before the described service is asked.
            assert {"type", "title", "status"} <= response.json().keys()
            return
        contract.check_response(operation, response, gaps=ANSWER_GAPS)

    def _route(self, method: str, path: str) -> str:
        for route in ROUTES:
            if method in route.methods and route.path_regex.fullmatch(path):
                return f"{method} {route.path}"
        return f"{method} {path}"

    def twilio(self, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        options.setdefault("auth", (ACCOUNT_SID, AUTH_TOKEN))
        return self._call(method, path, status, options)

    def adobe(self, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        options["headers"] = self.adobe_headers | options.get("headers", {})
        return self._call(method, path, status, options)

    def _call(self, method: str, path: str, status: int, options: Any) -> Any:
        response = self.http.request(method, path, **options)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def sign_in(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": ",".join(SCOPES),
        }
        token = self.http.post("/ims-na1.adobelogin.com/ims/token/v3", data=form).json()["access_token"]
        self.adobe_headers = {
            "Authorization": f"Bearer {token}",
            "x-api-key": CLIENT_ID,
            "x-gw-ims-org-id": ORGANIZATION_ID,
            "x-sandbox-name": "prod",
        }

    def advance(self) -> None:
        """As long as everything takes, and less than a token lives."""
        assert self.http.post("/_sim/clock/advance", json={"duration": "1h"}).is_success


ROUTES = create_app(Config()).app.routes


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    # Whoever the simulator calls back is out of order; nothing goes over a network.
    broken = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500)))
    monkeypatch.setattr(World, "http_client", lambda _: broken)
    # Standing still: what is seen does not depend on how fast the machine is.
    with simulator_client(Config(speed=0, seed=1)) as client:
        yield Walk(client)


def make_configuration(walk: Walk) -> None:
    """What the automation contract makes, and the campaign that a person would make."""
    walk.sign_in()
    credential = {"name": "acme", "vendor": "twilio", "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
    made = walk.adobe("POST", "/automation/credentials", status=201, json=credential)
    configuration = {
        "name": "acme",
        "channel": "sms",
        "message_type": "transactional",
        "credential_id": made["id"],
        "sender": NUMBERS[0],
    }
    walk.adobe("POST", "/automation/channel-configurations", status=201, json=configuration)


def walk_accounts_and_numbers(walk: Walk) -> None:
    walk.twilio("GET", f"{API}.json")
    walk.twilio("GET", "/api.twilio.com/2010-04-01/Accounts.json")
    walk.twilio("POST", f"{API}.json", data={"FriendlyName": "Acme"})
    walk.twilio("GET", f"{API}/Balance.json")
    assert len(walk.twilio("GET", f"{API}/IncomingPhoneNumbers.json")["incoming_phone_numbers"]) == len(NUMBERS)
    bought = walk.twilio("POST", f"{API}/IncomingPhoneNumbers.json", status=201, data={"PhoneNumber": "+15005550006"})
    one = f"{API}/IncomingPhoneNumbers/{bought['sid']}.json"
    walk.twilio("GET", one)
    walk.twilio("POST", one, data={"SmsUrl": "https://acme.test/in"})
    walk.twilio("DELETE", one, status=204)
    walk.twilio("GET", one, status=404)


def walk_keys(walk: Walk) -> None:
    policy = json.dumps({"allow": ["/twilio/messaging/messages/read"]})
    form = {"AccountSid": ACCOUNT_SID, "FriendlyName": "bridge", "KeyType": "restricted", "Policy": policy}
    key = walk.twilio("POST", KEYS, status=201, data=form)
    walk.twilio("GET", KEYS, params={"AccountSid": ACCOUNT_SID})
    walk.twilio("GET", f"{KEYS}/{key['sid']}")
    walk.twilio("POST", f"{KEYS}/{key['sid']}", data={"FriendlyName": "bridge 2"})
    walk.twilio("POST", f"{API}/Messages.json", status=401, auth=(key["sid"], key["secret"]), data={"To": HANDSET})
    walk.twilio("DELETE", f"{KEYS}/{key['sid']}", status=204)
    old = walk.twilio("POST", f"{API}/Keys.json", status=201, data={"FriendlyName": "old"})
    walk.twilio("GET", f"{API}/Keys.json")
    walk.twilio("GET", f"{API}/Keys/{old['sid']}.json")
    walk.twilio("POST", f"{API}/Keys/{old['sid']}.json", data={"FriendlyName": "older"})
    walk.twilio("GET", f"{API}.json", status=401, auth=(old["sid"], old["secret"]))
    walk.twilio("DELETE", f"{API}/Keys/{old['sid']}.json", status=204)


def walk_services(walk: Walk) -> None:
    service = walk.twilio("POST", SERVICES, status=201, data={"FriendlyName": "Acme"})
    one = f"{SERVICES}/{service['sid']}"
    walk.twilio("GET", SERVICES)
    walk.twilio("GET", one)
    walk.twilio("POST", one, data={"StatusCallback": "https://acme.test/s"})
    number = walk.twilio("GET", f"{API}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][0]["sid"]
    sender = walk.twilio("POST", SENDERS, status=202, json={"sender_id": "rcs:acme_agent", "profile": PROFILE})["sid"]
    for part, field, sid in (("PhoneNumbers", "PhoneNumberSid", number), ("ChannelSenders", "Sid", sender)):
        walk.twilio("POST", f"{one}/{part}", status=201, data={field: sid})
        walk.twilio("POST", f"{one}/{part}", status=409, data={field: sid})
        walk.twilio("GET", f"{one}/{part}")
        walk.twilio("GET", f"{one}/{part}/{sid}")
        walk.twilio("DELETE", f"{one}/{part}/{sid}", status=204)
    walk.twilio("DELETE", one, status=204)


def walk_senders(walk: Walk) -> None:
    body = {"sender_id": "rcs:other_agent", "profile": PROFILE, "webhook": WEBHOOK}
    one = f"{SENDERS}/{walk.twilio('POST', SENDERS, status=202, json=body)['sid']}"
    assert walk.twilio("GET", one)["status"] == "CREATING"
    walk.advance()
    fetched = walk.twilio("GET", one)
    assert (fetched["status"], fetched["compliance"]["countries"][0]["status"]) == ("ONLINE", "ONLINE")
    walk.twilio("GET", SENDERS, params={"Channel": "rcs"})
    walk.twilio("GET", SENDERS, status=400)
    walk.twilio("POST", one, status=400, json={"webhook": WEBHOOK})
    walk.twilio("DELETE", one, status=400)


def walk_messages(walk: Walk) -> None:
    sent = walk.twilio("POST", f"{API}/Messages.json", status=201, data=outbound(From=NUMBERS[0]))
    walk.advance()
    one = f"{API}/Messages/{sent['sid']}.json"
    assert walk.twilio("GET", one)["status"] == "delivered"
    walk.twilio("POST", one, data={"Body": ""})
    walk.twilio("DELETE", one, status=204)
    service = walk.twilio("POST", SERVICES, status=201, data={"FriendlyName": "Later"})["sid"]
    number = walk.twilio("GET", f"{API}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][0]["sid"]
    walk.twilio("POST", f"{SERVICES}/{service}/PhoneNumbers", status=201, data={"PhoneNumberSid": number})
    now = datetime.fromisoformat(walk.http.get("/_sim/clock").json()["now"])
    at = (now + timedelta(days=1)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    form = outbound(MessagingServiceSid=service, ScheduleType="fixed", SendAt=at)
    later = walk.twilio("POST", f"{API}/Messages.json", status=201, data=form)
    assert (later["status"], later["from"], later["num_segments"]) == ("scheduled", None, "0")
    canceled = walk.twilio("POST", f"{API}/Messages/{later['sid']}.json", data={"Status": "canceled"})
    assert canceled["status"] == "canceled"
    walk.twilio("GET", f"{API}/Messages.json", params={"To": HANDSET, "PageSize": 20})


def walk_alerts(walk: Walk) -> None:
    hook = {"SmsUrl": "https://acme.test/nobody"}
    number = walk.twilio("GET", f"{API}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][1]["sid"]
    walk.twilio("POST", f"{API}/IncomingPhoneNumbers/{number}.json", data=hook)
    walk.http.post("/_sim/inbound", json={"from": HANDSET, "to": NUMBERS[1], "body": "hello"})
    (alert,) = walk.twilio("GET", "/monitor.twilio.com/v1/Alerts")["alerts"]
    walk.twilio("GET", f"/monitor.twilio.com/v1/Alerts/{alert['sid']}")


def walk_events(walk: Walk) -> None:
    service = walk.twilio("POST", SERVICES, status=201, data={"FriendlyName": "Logged"})["sid"]
    walk.twilio("POST", f"{SERVICES}/{service}", data={"StatusCallback": "https://acme.test/s"})
    sender = walk.twilio("POST", SENDERS, status=202, json={"sender_id": "rcs:logged", "webhook": WEBHOOK})["sid"]
    edit = {"webhook": {"callback_url": "https://elsewhere.test/"}}
    assert walk.http.patch(f"/_sim/senders/{sender}", json=edit).is_success
    for sid in (service, sender):
        updated, _created = walk.twilio("GET", EVENTS, params={"ResourceSid": sid})["events"]
        assert walk.twilio("GET", f"{EVENTS}/{updated['sid']}") == updated


def outbound(**fields: str) -> dict[str, str]:
    return {"To": HANDSET, "Body": "hello", **fields}


def walk_adobe(walk: Walk) -> None:
    make_configuration(walk)
    body = {"name": "hello", "channel_configuration": "acme", "text": "Hello"}
    campaign = walk.http.post("/_sim/campaigns", json=body).json()["campaign_id"]
    not_active = walk.adobe("GET", f"{CAMPAIGNS}/{campaign}/publish/validation")["data"]
    assert [problem["errorSource"] for problem in not_active] == ["SURFACE"]
    walk.advance()
    assert walk.adobe("GET", f"{CAMPAIGNS}/{campaign}/publish/validation")["data"] == []
    (surface,) = walk.adobe("GET", SURFACES, params={"channel": "sms"})["data"]
    walk.adobe("GET", f"{SURFACES}/sms/{surface['id']}")
    walk.adobe("GET", CAMPAIGNS)
    walk.adobe("GET", f"{CAMPAIGNS}/{campaign}")
    person = {"userId": "ann@acme.test", "namespace": "Email"}
    recipients = [{**person, "channelsData": [{"channel": "sms", "phoneNumbers": [HANDSET]}]}]
    walk.adobe("POST", f"{PROOFS}/{campaign}/previews", json={"previewRequestItems": [person]})
    job = walk.adobe("POST", f"{PROOFS}/{campaign}/proofs", json={"recipients": recipients})
    walk.adobe("GET", f"{PROOFS}/{campaign}/proofs/{job['proofJobId']}")
    walk.advance()
    # The provider is out of order, so the job tells of failures too.
    failed = walk.adobe("GET", f"{PROOFS}/{campaign}/proofs/{job['proofJobId']}")
    assert (failed["status"], len(failed["proofs"][0]["proofFailureReasons"])) == ("FAILED", 1)
    walk.adobe("POST", f"{PROOFS}/{campaign}/proofs", status=400, json={"recipients": []})
    walk.adobe("GET", f"{PROOFS}/{campaign}/proofs/{campaign}", status=404)
    walk.adobe("GET", "/platform.adobe.io/ajo/im/health")
    execution = {
        "requestId": "r1",
        "campaignId": campaign,
        "recipients": [{"type": "external", "channelData": {"mobilePhoneNumber": HANDSET}, **person}],
    }
    unitary = "/platform.adobe.io/ajo/im/executions/unitary"
    walk.adobe("POST", unitary, status=202, json=execution)
    walk.adobe("POST", unitary, status=400, json={**execution, "recipients": []})
    walk.adobe("POST", unitary, status=401, json=execution, headers={"Authorization": "Bearer stale"})


WALKS = (
    *(walk_accounts_and_numbers, walk_keys, walk_services, walk_senders, walk_messages, walk_alerts, walk_events),
    walk_adobe,
)


def test_every_operation_of_the_simulator_answers_as_the_vendors_describe_it(walk):
    for one in WALKS:
        one(walk)
    described = {f"{method} {route.path}" for route in ROUTES if place_of(route.path) for method in route.methods}
    # GET routes answer HEAD too; no contract and no client speaks of it.
    wanted = {name for name in described if not name.startswith("HEAD ")}
    refused = {f"POST {SENDERS}/{{sid}}", f"DELETE {SENDERS}/{{sid}}"}
    missing = {name for name in wanted - refused if f"{name} 2xx" not in walk.seen}
    assert missing == set()


class Noted:
    """Our client, with a note of each method that was used."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(self._client, name)


def test_our_twilio_client_and_the_simulator_agree_with_the_contract_in_every_call(walk):
    settings = Settings(
        twilio_api_url="http://testserver/api.twilio.com",
        twilio_messaging_url="http://testserver/messaging.twilio.com",
        twilio_iam_url="http://testserver/iam.twilio.com",
        twilio_monitor_url="http://testserver/monitor.twilio.com",
    )
    client = TwilioClient(
        settings, account_sid=ACCOUNT_SID, username=ACCOUNT_SID, password=AUTH_TOKEN, client=walk.http
    )
    api = Noted(client)
    before = datetime.now(UTC) - timedelta(days=1)
    assert api.fetch_account().status == "active"
    number = api.find_number(NUMBERS[0])
    service = api.create_service(friendly_name="Acme", inbound_request_url="https://g.test/i", status_callback="")
    assert [one.sid for one in api.list_services()] == [service.sid]
    api.update_service(service.sid, status_callback="https://g.test/s", use_inbound_webhook_on_number=False)
    assert api.fetch_service(service.sid).status_callback == "https://g.test/s"
    api.add_service_number(service.sid, number.sid)
    assert [one.sid for one in api.list_service_numbers(service.sid)] == [number.sid]
    sender = api.create_sender(sender_id="rcs:acme_agent", profile=PROFILE, webhook=WEBHOOK)
    api.add_channel_sender(service.sid, sender.sid)
    assert [one.sid for one in api.list_channel_senders(service.sid)] == [sender.sid]
    walk.advance()
    assert api.fetch_sender(sender.sid).status == "ONLINE"
    assert api.find_sender("rcs:acme_agent") == api.list_senders()[0]
    key = api.create_restricted_key(friendly_name="bridge", permissions=KEY_PERMISSIONS)
    assert api.fetch_key(key.sid).friendly_name == api.list_keys()[0].friendly_name == "bridge"
    changed = api.update_key(key.sid, friendly_name="bridge 2", permissions=KEY_PERMISSIONS[:1])
    assert api.fetch_key(key.sid) == changed
    assert (changed.friendly_name, changed.permissions) == ("bridge 2", KEY_PERMISSIONS[:1])
    api.update_key(key.sid, friendly_name="bridge", permissions=KEY_PERMISSIONS)
    sent = api.send_message(Outgoing(HANDSET, service.sid, "Hi", status_callback="https://g.test/s"))
    walk.advance()
    assert api.fetch_message(sent.sid).status == "read"
    assert [one.sid for one in api.list_messages(to=HANDSET, sent_after=before)] == [sent.sid]
    assert {alert.error_code for alert in api.list_alerts(since=before)} == {11200}
    events = api.list_events(resource_sid=service.sid, since=before)
    assert {event.event_type for event in events} == {"messaging-service.created", "messaging-service.updated"}
    named = frozenset({"status_callback"})
    assert [event.actor_sid for event in events if event.changed == named] == [ACCOUNT_SID]
    api.delete_key(key.sid)
    api.remove_channel_sender(service.sid, sender.sid)
    api.remove_service_number(service.sid, number.sid)
    api.delete_service(service.sid)
    assert api.used == set(CALLS)


def test_our_adobe_client_and_the_simulator_agree_with_the_contract(walk):
    make_configuration(walk)
    walk.advance()
    settings = Settings(
        adobe_ims_url="http://testserver/ims-na1.adobelogin.com",
        adobe_platform_url="http://testserver/platform.adobe.io",
    )
    client = AjoClient(
        settings,
        organization_id=ORGANIZATION_ID,
        sandbox="prod",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes=SCOPES,
        client=walk.http,
    )
    surface = client.surfaces.find_surface("acme")
    assert surface is not None
    assert surface.status == "Active"
    assert client.surfaces.find_surface("nobody") is None


def test_a_configuration_that_is_processing_cannot_be_edited(walk):
    make_configuration(walk)
    (item,) = walk.adobe("GET", "/automation/channel-configurations")["items"]
    body = {name: value for name, value in item.items() if name not in ("id", "status", "status_reason")}
    path = f"/automation/channel-configurations/{item['id']}"
    walk.adobe("PUT", path, json=body)
    assert walk.http.post("/_sim/clock/advance", json={"duration": "0.5s"}).is_success
    assert walk.adobe("GET", path)["status"] == "Processing"
    walk.adobe("PUT", path, status=409, json=body)


def test_alerts_are_listed_by_date(walk):
    walk_alerts(walk)
    alerts = "/monitor.twilio.com/v1/Alerts"
    today = walk.http.get("/_sim/clock").json()["now"][:10]
    assert len(walk.twilio("GET", alerts, params={"StartDate": today, "EndDate": today})["alerts"]) == 1
    assert walk.twilio("GET", alerts, params={"StartDate": "2999-01-01T00:00:00Z"})["alerts"] == []
    assert walk.twilio("GET", alerts, params={"EndDate": "2001-01-01"})["alerts"] == []


def test_events_are_listed_by_object_actor_type_address_and_date_for_30_days(walk):
    walk_events(walk)

    def listed(**filters):
        return [event["event_type"] for event in walk.twilio("GET", EVENTS, params=filters)["events"]]

    everything = [
        f"{kind}.{action}" for kind in ("rcs-sender", "messaging-service") for action in ("updated", "created")
    ]
    assert listed() == everything
    assert listed(ActorSid=USER_SID) == ["rcs-sender.updated"]
    assert listed(EventType="rcs-sender.created") == ["rcs-sender.created"]
    assert listed(SourceIpAddress="203.0.113.7") == []
    today = walk.http.get("/_sim/clock").json()["now"][:10]
    assert listed(StartDate=today, EndDate=today) == everything
    assert listed(StartDate="2999-01-01T00:00:00Z") == listed(EndDate="2001-01-01") == []
    assert walk.http.post("/_sim/clock/advance", json={"duration": "31d"}).is_success
    assert listed() == []


def test_an_answer_that_nobody_described_is_found_out(walk):
    contract = load("twilio_messaging_v1.json")
    operation = contract.operation("GET", "/v1/Services")
    with pytest.raises(AssertionError, match="unknown in GET /v1/Services 200"):
        contract.check_response(operation, httpx.Response(200, json={"services": [], "more": 1}))
    with pytest.raises(AssertionError, match="is not among"):
        contract.check_response(operation, httpx.Response(201, json={}))
    with pytest.raises(AssertionError, match=r"services\.0\.sid"):
        contract.check_response(operation, httpx.Response(200, json={"services": [{"sid": 1}]}))
