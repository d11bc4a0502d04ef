"""Every request of the Twilio client is one that Twilio's API descriptions know, and their examples can be read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderList

from providers.twilio.client import TwilioClient
from providers.twilio.messages import Outgoing
from providers.twilio.types import ApiKey, NewKey, PoolSender
from settings import Settings
from tasks.steps.api_key import PERMISSIONS as KEY_PERMISSIONS
from tasks.steps.rcs_sender import profile_body
from tests.contract.openapi import FORM, load
from tests.factories import make_spec

if TYPE_CHECKING:
    from models.spec.onboarding import RcsSpec

ACCOUNT = "AC" + "a" * 32
SERVICE = "MG" + "a" * 32
NUMBER = "PN" + "a" * 32
SENDER = "XE" + "a" * 32
KEY = "SK" + "a" * 32
MESSAGE = "SM" + "a" * 32
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)

CORE, MESSAGING, SENDERS = "twilio_api_v2010.json", "twilio_messaging_v1.json", "twilio_messaging_v2.json"
IAM, MONITOR = "twilio_iam_v1.json", "twilio_monitor_v1.json"

SENDER_PROFILE = "POST /v2/Channels/Senders body.profile"
# What we send although the description lacks it, and why we may.
KNOWN_GAPS = {
    # In Twilio's newer library (9.13) only; below it is read from there.
    SENDER_PROFILE: {"use_case"},
}
PROFILE = profile_body(cast("RcsSpec", make_spec("rcs")))
WEBHOOK = {
    "callback_url": "https://gateway.test/i",
    "callback_method": "POST",
    "status_callback_url": "https://gateway.test/s",
    "status_callback_method": "POST",
}


class DescribedTwilio:
    """Twilio as its descriptions have it: each request is checked, each answer is an example."""

    def __init__(self, contract: str, example: str | None) -> None:
        self.contract = load(contract)
        self.example = example
        document = self.contract.document
        described = [document, *document["paths"].values()]
        self.hosts = {server["url"] for place in described for server in place.get("servers", [])}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        assert f"https://{request.url.host}" in self.hosts
        assert request.headers["authorization"].startswith("Basic ")
        operation = self.contract.check_request(request, gaps=KNOWN_GAPS)
        if len(self.requests) > 1:
            # The examples' second pages are not described: the first one's lists, empty.
            first: dict[str, Any] = self.contract.example(operation, self.example).json()
            return httpx.Response(200, json={name: [] for name, value in first.items() if isinstance(value, list)})
        return self.contract.example(operation, self.example)


Call = Callable[[TwilioClient], Any]
CALLS: dict[str, tuple[str, str | None, Call]] = {
    "fetch_account": (CORE, "fetch", lambda api: api.fetch_account().status),
    "find_number": (CORE, "readFull", lambda api: api.find_number("+18089255327")),
    "list_keys": (IAM, "readFull", lambda api: api.list_keys()),
    "fetch_key": (IAM, "fetchRestrictedKey", lambda api: api.fetch_key(KEY)),
    "update_key": (
        IAM,
        "updateRestrictedKey",
        lambda api: api.update_key(KEY, friendly_name="bridge", permissions=KEY_PERMISSIONS),
    ),
    "delete_key": (IAM, None, lambda api: api.delete_key(KEY)),
    "create_restricted_key": (
        IAM,
        "createRestrictedKey",
        lambda api: api.create_restricted_key(friendly_name="bridge", permissions=KEY_PERMISSIONS),
    ),
    "list_services": (MESSAGING, "readFull", lambda api: api.list_services()),
    "fetch_service": (MESSAGING, "fetch", lambda api: api.fetch_service(SERVICE)),
    "create_service": (
        MESSAGING,
        "create",
        lambda api: api.create_service(friendly_name="Acme", inbound_request_url="https://g.test", status_callback=""),
    ),
    "update_service": (
        MESSAGING,
        "update",
        lambda api: api.update_service(
            SERVICE,
            friendly_name="Acme",
            inbound_request_url="https://g.test/i",
            status_callback="https://g.test/s",
            use_inbound_webhook_on_number=False,
        ),
    ),
    "delete_service": (MESSAGING, None, lambda api: api.delete_service(SERVICE)),
    "list_service_numbers": (MESSAGING, "readFull", lambda api: api.list_service_numbers(SERVICE)),
    "add_service_number": (MESSAGING, "create", lambda api: api.add_service_number(SERVICE, NUMBER)),
    "remove_service_number": (MESSAGING, None, lambda api: api.remove_service_number(SERVICE, NUMBER)),
    "list_channel_senders": (MESSAGING, "readFull", lambda api: api.list_channel_senders(SERVICE)),
    "add_channel_sender": (MESSAGING, "creatercssender", lambda api: api.add_channel_sender(SERVICE, SENDER)),
    "remove_channel_sender": (MESSAGING, None, lambda api: api.remove_channel_sender(SERVICE, SENDER)),
    "list_senders": (SENDERS, "readEmpty", lambda api: api.list_senders()),
    "find_sender": (SENDERS, "readEmpty", lambda api: api.find_sender("rcs:acme_agent")),
    "fetch_sender": (SENDERS, "rcs_fetch", lambda api: api.fetch_sender(SENDER)),
    "create_sender": (
        SENDERS,
        "rcs_create",
        lambda api: api.create_sender(sender_id="rcs:acme_agent", profile=PROFILE, webhook=WEBHOOK),
    ),
    "send_message": (
        CORE,
        "createWithMessagingService",
        lambda api: api.send_message(
            Outgoing(
                to="rcs:+14155551234",
                service_sid=SERVICE,
                body="Hi",
                media_urls=["https://acme.test/a.png", "https://acme.test/b.png"],
                status_callback="https://g.test/s",
                content_sid="HX" + "a" * 32,
                content_variables={"1": "Ann"},
                fallback_from="+14155550100",
                validity_seconds=600,
            )
        ),
    ),
    "fetch_message": (CORE, "fetch", lambda api: api.fetch_message(MESSAGE)),
    "list_messages": (CORE, "readFullPage1", lambda api: api.list_messages(to="+14155551234", sent_after=AT)),
    "list_alerts": (MONITOR, "readFull", lambda api: api.list_alerts(since=AT)),
    "list_events": (MONITOR, "readFull", lambda api: api.list_events(resource_sid=SERVICE, since=AT)),
}


def call(name: str) -> tuple[Any, DescribedTwilio]:
    contract, example, run = CALLS[name]
    described = DescribedTwilio(contract, example)
    client = httpx.Client(transport=httpx.MockTransport(described))
    api = TwilioClient(Settings(), account_sid=ACCOUNT, username=ACCOUNT, password="auth-token-of-tests", client=client)
    return run(api), described


@pytest.mark.parametrize("name", CALLS)
def test_each_request_is_described_and_its_example_answer_is_read(name):
    _, described = call(name)
    assert described.requests


def test_every_method_of_the_client_is_checked():
    own = {name for part in TwilioClient.__mro__[1:8] for name in vars(part) if not name.startswith("_")}
    assert own - {"send_message_from_loop"} == set(CALLS)


def test_the_event_loop_sends_what_is_described_too():
    class Sender:
        async def post_form(self, http, path, form, *, operation):
            self.sent = http.base_url + path, form
            return {"sid": MESSAGE, "status": "accepted"}

    outgoing = Outgoing("rcs:+14155551234", SERVICE, "Hi", media_urls=["https://acme.test/a.png"])
    described = DescribedTwilio(*CALLS["send_message"][:2])
    client = httpx.Client(transport=httpx.MockTransport(described))
    api = TwilioClient(Settings(), account_sid=ACCOUNT, username=ACCOUNT, password="auth-token-of-tests", client=client)
    api.send_message(outgoing)
    sender = Sender()
    assert asyncio.run(api.send_message_from_loop(sender, outgoing)).sid == MESSAGE
    (request,) = described.requests
    url, form = sender.sent
    assert (url, urlencode(form, doseq=True)) == (str(request.url), request.content.decode())


def test_a_field_that_nobody_described_is_found_out():
    contract = load(SENDERS)
    request = httpx.Request(
        "POST", "https://messaging.twilio.com/v2/Channels/Senders", json={"sender_id": "rcs:a", "x": 1}
    )
    with pytest.raises(AssertionError, match=r"unknown in POST /v2/Channels/Senders body: \{'x'\}"):
        contract.check_request(request, gaps=KNOWN_GAPS)


def test_the_known_gaps_are_still_gaps():
    create = load(SENDERS).document["components"]["schemas"]["messaging.v2.channels_sender.profile"]
    assert not KNOWN_GAPS[SENDER_PROFILE] & set(create["properties"])


def test_twilios_own_library_sends_the_use_case_of_a_profile():
    profile = ChannelsSenderList.MessagingV2ChannelsSenderProfile(PROFILE)
    body = ChannelsSenderList.MessagingV2ChannelsSenderRequestsCreate(
        {"sender_id": "rcs:acme_agent", "profile": profile}
    )
    assert body.to_dict()["profile"]["use_case"] == PROFILE["use_case"] == "MULTI_USE"


def test_the_bridges_key_gets_permissions_of_the_described_form():
    """Only ``read`` is in the description of creating a key; ``create`` and ``list`` are not (docs/vendors.md)."""
    examples = load(IAM).document["paths"]["/v1/Keys"]["post"]["requestBody"]["content"][FORM]["examples"]
    described = json.loads(examples["createRestrictedKey"]["value"]["Policy"])["allow"]
    assert set(described) <= set(KEY_PERMISSIONS)
    stems = {permission.rpartition("/")[0] for permission in (*KEY_PERMISSIONS, *described)}
    assert stems == {"/twilio/messaging/messages"}
    _, twilio = call("create_restricted_key")
    assert parse_qs(twilio.requests[0].content.decode())["Policy"] == [json.dumps({"allow": list(KEY_PERMISSIONS)})]


def test_the_examples_arrive_with_their_meaning():
    assert call("fetch_account")[0] == "active"
    number = call("find_number")[0]
    assert number is not None
    assert number.capabilities == {"mms", "voice"}
    assert all(isinstance(key, ApiKey) for key in call("list_keys")[0])
    assert isinstance(call("create_restricted_key")[0], NewKey)
    service = call("fetch_service")[0]
    assert service.sid.startswith("MG")
    assert service.friendly_name
    rcs = next(sender for sender in call("list_channel_senders")[0] if sender.sender_type == "RCS")
    assert isinstance(rcs, PoolSender)
    assert rcs.sender.startswith("rcs:")
    made = call("create_sender")[0]
    assert (made.status, made.sender_id, made.countries) == ("CREATING", "rcs:twilio_agent", ())
    message = call("list_messages")[0][0]
    assert (message.status, message.sender, message.error_code) == ("sent", "+12019235161", None)
    assert message.date_created == datetime(2019, 5, 24, 17, 44, 46, tzinfo=UTC)
    assert call("list_alerts")[0][0].error_code is None
    (event,) = call("list_events")[0]
    assert (event.event_type, event.actor_type, event.changed) == ("account.updated", "account", {"friendly_name"})


def test_the_rcs_senders_example_tells_countries_and_carriers():
    sender = call("fetch_sender")[0]
    assert sender.sender_id.startswith("rcs:")
    countries = {country.country for country in sender.countries}
    assert countries
    assert "UK" not in countries
    assert all(carrier.status for country in sender.countries for carrier in country.carriers)


@pytest.mark.parametrize(
    ("schema", "known"),
    [
        ("channels_sender_enum_status", {"ONLINE", "ONLINE:UPDATING"}),
        ("messaging.v2.rcs_country_status", {"ONLINE"}),
        ("messaging.v2.rcs_carrier_status", {"APPROVED", "REJECTED", "SUSPENDED"}),
    ],
)
def test_the_status_words_the_project_builds_on_are_twilios(schema, known):
    assert known <= set(load(SENDERS).document["components"]["schemas"][schema]["enum"])
