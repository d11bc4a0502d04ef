"""Twilio's account, number, service, sender and key resources, on their own and through the vendor's SDK."""

import json
import re
import urllib.request
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderList

from tests.integration.simulator_fixture import (
    ACCOUNT,
    NUMBER,
    TOKEN,
    Simulator,
    check_contract,
    running_simulator,
)

API = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}"
SERVICES = "/messaging.twilio.com/v1/Services"
SENDERS = "/messaging.twilio.com/v2/Channels/Senders"
KEYS = "/iam.twilio.com/v1/Keys"
READ_MESSAGES = {"allow": ["/twilio/messaging/messages/read"]}


class RewritingClient(HttpClient):
    """Lets the vendor's SDK speak to the simulator: only the host changes."""

    def __init__(self, sim: Simulator) -> None:
        super().__init__(None, False, None)
        self.sim = sim

    def request(self, method: str, url: str, **options: Any) -> Response:
        address = f"{self.sim.url}/{url.removeprefix('https://')}"
        headers = options.get("headers") or {}
        body = {"json" if headers.get("Content-Type") == "application/json" else "data": options.get("data")}
        given = {"params": options.get("params"), "headers": headers, "auth": options.get("auth")}
        answer = self.sim.http.request(method, address, **given, **body)
        return Response(answer.status_code, answer.text, answer.headers)


@pytest.fixture
def sdk(sim: Simulator) -> Client:
    return Client(ACCOUNT, TOKEN, http_client=RewritingClient(sim))


def new_key(sim: Simulator, **form: str) -> Any:
    response = sim.call("POST", KEYS, data={"AccountSid": ACCOUNT, "FriendlyName": "bridge", **form})
    assert response.status_code == 201, response.text
    return response.json()


def assert_refused(response: httpx.Response, status: int, code: int) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.json().keys() == {"code", "message", "more_info", "status"}


def test_a_wrong_token_is_refused(sim: Simulator) -> None:
    assert_refused(sim.call("GET", f"{API}.json", auth=(ACCOUNT, "wrong")), 401, 20003)
    assert_refused(sim.call("GET", f"{API}.json", auth=None), 401, 20003)


def test_a_client_that_sends_credentials_only_when_asked_gets_in(sim: Simulator) -> None:
    handler = urllib.request.HTTPBasicAuthHandler()
    handler.add_password(realm="Twilio API", uri=sim.url, user=ACCOUNT, passwd=TOKEN)
    with urllib.request.build_opener(handler).open(f"{sim.url}{API}.json", timeout=20) as answer:
        assert json.load(answer)["sid"] == ACCOUNT


def test_the_account_is_active_and_full(sim: Simulator) -> None:
    account = sim.call("GET", f"{API}.json").json()
    assert (account["status"], account["type"]) == ("active", "Full")
    check_contract("twilio_api_v2010.json", "api.v2010.account", account)


def test_a_suspended_account_can_be_read_but_not_used(sim: Simulator) -> None:
    sim.control("POST", "accounts", {"sid": ACCOUNT, "status": "suspended"})
    assert sim.call("GET", f"{API}.json").json()["status"] == "suspended"
    assert_refused(sim.call("POST", SERVICES, data={"FriendlyName": "x"}), 403, 20005)


def test_an_account_can_be_added_with_numbers_of_its_own(sim: Simulator) -> None:
    sid = "AC" + "b" * 32
    body = {
        "sid": sid,
        "auth_token": "secret",
        "type": "Trial",
        "numbers": [{"phone_number": "+442071838750", "capabilities": {"mms": False}}],
    }
    sim.control("POST", "accounts", body)
    path = f"/api.twilio.com/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json"
    (number,) = sim.call("GET", path, auth=(sid, "secret")).json()["incoming_phone_numbers"]
    assert number["capabilities"] == {"voice": True, "sms": True, "mms": False, "fax": False}
    refused = sim.call("POST", SENDERS, auth=(sid, "secret"), json={"sender_id": "rcs:trial"})
    assert_refused(refused, 403, 20003)


def test_numbers_are_found_by_number_and_keep_their_webhook(sim: Simulator) -> None:
    sid = sim.number_sid("+14155550119")
    url = "https://gateway.example/in"
    updated = sim.call("POST", f"{API}/IncomingPhoneNumbers/{sid}.json", data={"SmsUrl": url}).json()
    assert (updated["phone_number"], updated["sms_url"]) == ("+14155550119", url)
    check_contract("twilio_api_v2010.json", "api.v2010.account.incoming_phone_number", updated)


def test_the_2010_pages_lead_to_each_other_by_relative_addresses(sim: Simulator) -> None:
    seen: list[str] = []
    uri: str | None = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json?PageSize=8"
    while uri is not None:
        assert uri.startswith("/2010-04-01/")
        page = sim.call("GET", f"/api.twilio.com{uri}").json()
        seen += [number["phone_number"] for number in page["incoming_phone_numbers"]]
        uri = page["next_page_uri"]
    assert len(seen) == len(set(seen)) == 20


def test_the_newer_pages_lead_to_each_other_by_absolute_addresses(sim: Simulator) -> None:
    made = {sim.new_service(f"s{index}") for index in range(5)}
    seen: list[str] = []
    url: str | None = f"{sim.url}{SERVICES}?PageSize=2"
    while url is not None:
        assert url.startswith(f"{sim.url}/messaging.twilio.com/")
        page = sim.call("GET", url).json()
        seen += [service["sid"] for service in page["services"]]
        url = page["meta"]["next_page_url"]
        sim.new_service("arrives while the pages are read")
    assert sorted(seen) == sorted(made)
    assert sim.call("GET", page["meta"]["previous_page_url"]).json()["meta"]["page"] == page["meta"]["page"] - 1


def test_a_service_is_made_from_a_form_and_never_from_json(sim: Simulator) -> None:
    assert_refused(sim.call("POST", SERVICES, json={"FriendlyName": "x"}), 400, 20001)
    assert_refused(sim.call("POST", SERVICES, data={"FriendlyName": "x" * 65}), 400, 20001)
    form = {"FriendlyName": "Brand", "InboundRequestUrl": "https://g.example/in", "Usecase": "marketing"}
    created = sim.call("POST", SERVICES, data=form)
    assert created.status_code == 201
    check_contract("twilio_messaging_v1.json", "messaging.v1.service", created.json())
    path = f"{SERVICES}/{created.json()['sid']}"
    sim.call("POST", path, data={"StatusCallback": "https://g.example/status"})
    fetched = sim.call("GET", path).json()
    assert fetched["inbound_request_url"] == "https://g.example/in"
    assert fetched["status_callback"] == "https://g.example/status"
    assert sim.call("DELETE", path).status_code == 204
    assert_refused(sim.call("GET", path), 404, 20404)


def test_a_number_is_in_one_pool_only(sim: Simulator) -> None:
    first, second, number = sim.new_service("a"), sim.new_service("b"), sim.number_sid()
    attached = sim.attach(first, PhoneNumberSid=number)
    assert attached.status_code == 201
    check_contract("twilio_messaging_v1.json", "messaging.v1.service.phone_number", attached.json())
    assert_refused(sim.attach(first, PhoneNumberSid=number), 409, 21710)
    assert_refused(sim.attach(second, PhoneNumberSid=number), 409, 21712)
    assert sim.call("DELETE", f"{SERVICES}/{first}/PhoneNumbers/{number}").status_code == 204
    assert sim.attach(second, PhoneNumberSid=number).status_code == 201


def test_an_rcs_sender_goes_through_review_to_online(sim: Simulator) -> None:
    webhook = {"callback_url": "https://g.example/in", "callback_method": "POST"}
    created = sim.new_sender("rcs:brand", webhook=webhook, profile={"name": "Brand"})
    assert created["status"] == "CREATING"
    seen: list[str] = []
    carriers: set[str] = set()

    for _ in range(5):
        sim.advance("1w")
        sender = sim.sender(created["sid"])
        seen.append(sender["status"])
        carriers.update(c["status"] for country in sender["compliance"]["countries"] for c in country["carriers"])
    assert list(dict.fromkeys(seen)) == ["TWILIO_REVIEW", "PENDING_VERIFICATION", "ONLINE"]
    assert {"CARRIER_REVIEW", "APPROVED"} <= carriers
    assert sender["webhook"]["callback_url"] == webhook["callback_url"]
    assert sender["profile"] == {"name": "Brand"}
    (country,) = sender["compliance"]["countries"]
    assert (country["country"], country["status"]) == ("US", "ONLINE")
    # friendly_name is newer than the contract that is at hand.
    sender.pop("friendly_name")
    check_contract("twilio_messaging_v2.json", "messaging.v2.channels_sender_response", sender)


def test_a_sender_is_made_from_json_and_never_from_a_form(sim: Simulator) -> None:
    assert sim.call("POST", SENDERS, data={"sender_id": "rcs:x"}).status_code == 415
    assert_refused(sim.call("POST", SENDERS, json={}), 400, 20001)
    sim.new_sender("rcs:taken")
    assert sim.call("POST", SENDERS, json={"sender_id": "rcs:taken"}).status_code == 409


def test_the_list_of_senders_needs_a_channel(sim: Simulator) -> None:
    sim.new_sender("rcs:one")
    assert_refused(sim.call("GET", SENDERS), 400, 20001)
    listed = sim.call("GET", SENDERS, params={"Channel": "rcs"}).json()
    assert [sender["sender_id"] for sender in listed["senders"]] == ["rcs:one"]
    assert listed["meta"]["key"] == "senders"


def test_an_rcs_sender_cannot_be_changed_by_api(sim: Simulator) -> None:
    sid = sim.new_sender("rcs:one")["sid"]
    assert_refused(sim.call("POST", f"{SENDERS}/{sid}", json={"profile": {"name": "New"}}), 400, 63008)


def test_a_person_sets_its_webhook_and_deletes_it_in_the_console(sim: Simulator) -> None:
    sid = sim.new_sender("rcs:one", webhook={"callback_url": "https://old.example.com"})["sid"]
    change = {"status_callback_url": "https://new.example.com"}
    assert sim.http.patch("/_sim/senders/rcs:one", json={"webhook": change}).status_code == 200
    webhook = sim.sender(sid)["webhook"]
    assert (webhook["callback_url"], webhook["status_callback_url"]) == (
        "https://old.example.com",
        "https://new.example.com",
    )
    assert sim.http.patch("/_sim/senders/rcs:one", content="[").status_code == 400
    assert sim.http.delete("/_sim/senders/rcs:one").status_code == 204
    assert sim.call("GET", f"{SENDERS}/{sid}").status_code == 404
    assert sim.ledger()["counts"]["rcs_sender"] == {"live": 0, "created": 1}


def test_a_rejected_sender_goes_offline_and_says_why(sim: Simulator) -> None:
    sid = sim.new_sender("rcs:reject_me")["sid"]
    sim.advance("29d")
    sender = sim.sender(sid)
    assert sender["status"] == "OFFLINE"
    assert {c["status"] for c in sender["compliance"]["countries"][0]["carriers"]} == {"REJECTED"}
    assert "US" in sender["offline_reasons"][0]["message"]


def test_a_review_can_be_scripted_carrier_by_carrier(sim: Simulator) -> None:
    sid = sim.new_sender("rcs:slow_one")["sid"]
    sim.advance("1s")
    assert sim.sender(sid)["status"] == "TWILIO_REVIEW"
    body = {"country": "US", "carrier": "Verizon", "status": "REJECTED"}
    sim.control("POST", f"senders/{sid}/review", body)
    sim.control("POST", f"senders/{sid}/review", {**body, "carrier": "AT&T", "status": "APPROVED"})
    after = sim.control("POST", f"senders/{sid}/review", {**body, "carrier": "T-Mobile", "status": "APPROVED"})
    (country,) = after["compliance"]["countries"]
    statuses = {carrier["name"]: carrier["status"] for carrier in country["carriers"]}
    assert statuses == {"AT&T": "APPROVED", "T-Mobile": "APPROVED", "Verizon": "REJECTED"}
    assert (country["status"], after["status"]) == ("ONLINE", "ONLINE")


def test_a_scripted_sender_status_stays(sim: Simulator) -> None:
    sid = sim.new_sender("rcs:held")["sid"]
    sim.control("POST", f"senders/{sid}/review", {"status": "TWILIO_REVIEW"})
    other = sim.new_sender("rcs:other")["sid"]
    sim.advance("29d")
    assert sim.sender(other)["status"] == "ONLINE"
    assert sim.sender(sid)["status"] == "TWILIO_REVIEW"


def test_without_auto_submit_a_sender_waits_for_a_person() -> None:
    with running_simulator("--no-auto-submit", "--speed", "0", "--review", "28d") as simulator:
        sid = simulator.new_sender("rcs:waits")["sid"]
        simulator.advance("90d")
        assert simulator.sender(sid)["status"] == "DRAFT"
        simulator.control("POST", f"senders/{sid}/submit", {"countries": ["GB", "DE"]})
        simulator.advance("28d")
        assert simulator.sender(sid)["status"] == "ONLINE"
        countries = simulator.sender(sid)["compliance"]["countries"]
        assert [country["country"] for country in countries] == ["GB", "DE"]


def test_a_sender_joins_one_service_only(sim: Simulator) -> None:
    service, sid = sim.new_service("a"), sim.new_sender()["sid"]
    attached = sim.attach(service, Sid=sid)
    assert attached.status_code == 201
    assert attached.json()["sender_type"] == "RCS"
    check_contract("twilio_messaging_v1.json", "messaging.v1.service.channel_sender", attached.json())
    assert_refused(sim.attach(sim.new_service("b"), Sid=sid), 409, 21712)
    listed = sim.call("GET", f"{SERVICES}/{service}/ChannelSenders").json()
    assert [sender["sid"] for sender in listed["senders"]] == [sid]


def test_a_restricted_key_does_only_what_its_policy_allows(sim: Simulator) -> None:
    key = new_key(sim, KeyType="restricted", Policy=json.dumps(READ_MESSAGES))
    check_contract("twilio_iam_v1.json", "iam.v1.new_key", key)
    auth = (key["sid"], key["secret"])
    sid = sim.send("+14155551234", From=NUMBER).json()["sid"]
    assert sim.call("GET", sim.messages_url(f"/{sid}.json"), auth=auth).status_code == 200
    assert_refused(sim.call("GET", sim.messages_url(), auth=auth), 401, 70051)
    form = {"To": "+14155551234", "From": NUMBER, "Body": "x"}
    assert_refused(sim.call("POST", sim.messages_url(), auth=auth, data=form), 401, 70051)
    assert_refused(sim.call("GET", f"{API}.json", auth=auth), 401, 20003)


def test_no_key_reads_the_account_or_its_keys(sim: Simulator) -> None:
    key = new_key(sim)
    auth = (key["sid"], key["secret"])
    assert sim.call("GET", SERVICES, auth=auth).status_code == 200
    assert_refused(sim.call("GET", f"{API}.json", auth=auth), 401, 20003)
    assert_refused(sim.call("GET", KEYS, auth=auth, params={"AccountSid": ACCOUNT}), 401, 20003)


def test_a_keys_secret_is_shown_once_and_a_removed_key_opens_nothing(sim: Simulator) -> None:
    key = new_key(sim)
    fetched = sim.call("GET", f"{KEYS}/{key['sid']}").json()
    assert "secret" not in fetched
    check_contract("twilio_iam_v1.json", "iam.v1.key", fetched)
    (listed,) = sim.call("GET", KEYS, params={"AccountSid": ACCOUNT}).json()["keys"]
    check_contract("twilio_iam_v1.json", "iam.v1.get_keys", listed)
    assert sim.call("DELETE", f"{API}/Keys/{key['sid']}.json").status_code == 204
    assert_refused(sim.call("GET", SERVICES, auth=(key["sid"], key["secret"])), 401, 20003)


@pytest.mark.parametrize("policy", ["", "[]", '{"allow": []}', json.dumps({"allow": ["/a"] * 101})])
def test_a_restricted_key_needs_a_sound_policy(sim: Simulator, policy: str) -> None:
    form = {"AccountSid": ACCOUNT, "KeyType": "restricted", "Policy": policy}
    assert_refused(sim.call("POST", KEYS, data=form), 400, 20001)


def test_sids_are_lowercase_hexadecimal(sim: Simulator) -> None:
    assert re.fullmatch(r"MG[0-9a-f]{32}", sim.new_service())
    assert re.fullmatch(r"XE[0-9a-f]{32}", sim.new_sender()["sid"])


def test_the_vendors_sdk_gets_along_with_it(sim: Simulator, sdk: Client) -> None:
    assert sdk.api.accounts(ACCOUNT).fetch().status == "active"
    service = sdk.messaging.v1.services.create(friendly_name="Brand", sticky_sender=False)
    assert service.date_created is not None
    assert service.sticky_sender is False
    service.phone_numbers.create(phone_number_sid=sim.number_sid())
    assert [number.phone_number for number in service.phone_numbers.list()] == [NUMBER]
    assert len(sdk.incoming_phone_numbers.list(page_size=7)) == 20
    message = sdk.messages.create(to="+14155551234", messaging_service_sid=service.sid, body="hi")
    assert message.status == "accepted"
    assert sdk.messages(message.sid).fetch().body == "hi"
    assert [found.sid for found in sdk.messages.list(to="+14155551234")] == [message.sid]
    with pytest.raises(TwilioRestException) as refused:
        sdk.messages.create(to="nonsense", messaging_service_sid=service.sid, body="hi")
    assert refused.value.code == 21211


def test_the_vendors_sdk_makes_and_lists_rcs_senders_and_keys(sim: Simulator, sdk: Client) -> None:
    api = sdk.messaging.v2.channels_senders
    request = ChannelsSenderList.MessagingV2ChannelsSenderRequestsCreate
    sender = api.create(request({"sender_id": "rcs:by_sdk"}))
    assert sender.sender_id == "rcs:by_sdk"
    assert [found.sid for found in api.list(channel="rcs")] == [sender.sid]
    key = sdk.iam.v1.new_api_key.create(ACCOUNT, friendly_name="k", key_type="restricted", policy=READ_MESSAGES)
    assert key.policy == READ_MESSAGES
    assert [found.sid for found in sdk.iam.v1.get_api_keys.list(account_sid=ACCOUNT)] == [key.sid]
