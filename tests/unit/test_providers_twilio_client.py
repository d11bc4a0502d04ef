from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs

import httpx
import pytest

from providers.errors import NeedsPerson, Retryable
from providers.twilio import api as api_module
from providers.twilio.messages import Outgoing
from providers.twilio.types import Alert, CarrierStatus, CountryStatus
from tests.unit.providers_world import ACCOUNT, AUTH_TOKEN, Vendor, twilio

SIMULATOR = "http://127.0.0.1:8800"
SERVICE = {"sid": "MG1", "friendly_name": "Brand"}


def json(body, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def form_of(request: httpx.Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.content.decode(), keep_blank_values=True).items()}


def test_the_2010_apis_relative_next_page_is_joined_to_the_base_url_with_its_prefix():
    path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    number = "+14155550100"
    vendor = Vendor(
        json({"incoming_phone_numbers": [], "next_page_uri": f"{path}?PageSize=1000&Page=1&PageToken=PT1"}),
        json({"incoming_phone_numbers": [{"sid": "PN1", "phone_number": number}], "next_page_uri": None}),
    )
    found = twilio(vendor, twilio_api_url=f"{SIMULATOR}/api.twilio.com").find_number(number)
    assert found is not None
    assert vendor.paths == [
        f"/api.twilio.com{path}?PageSize=1000&PhoneNumber=%2B14155550100",
        f"/api.twilio.com{path}?PageSize=1000&Page=1&PageToken=PT1",
    ]


def test_the_newer_apis_absolute_next_page_is_followed_on_the_same_host():
    base = f"{SIMULATOR}/messaging.twilio.com"
    following = f"{base}/v1/Services?PageSize=1000&Page=1"
    vendor = Vendor(
        json({"services": [SERVICE], "meta": {"next_page_url": following}}),
        json({"services": [{"sid": "MG2"}], "meta": {"next_page_url": None}}),
    )
    services = twilio(vendor, twilio_messaging_url=base).list_services()
    assert [service.sid for service in services] == ["MG1", "MG2"]
    assert str(vendor.requests[1].url) == following


@pytest.mark.parametrize("elsewhere", ["https://evil.test/v1/Services", "https://messaging.twilio.com.evil.test/v1"])
def test_a_next_page_on_another_host_gets_no_credentials(elsewhere):
    vendor = Vendor(json({"services": [SERVICE], "meta": {"next_page_url": elsewhere}}))
    with pytest.raises(NeedsPerson, match="another host"):
        twilio(vendor).list_services()
    assert len(vendor.requests) == 1


def test_a_page_that_repeats_ends_the_list():
    again = "https://messaging.twilio.com/v1/Services?Page=1"
    vendor = Vendor(json({"services": [SERVICE], "meta": {"next_page_url": again}}))
    assert len(twilio(vendor).list_services()) == 2
    assert len(vendor.requests) == 2


def test_a_list_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(api_module, "MOST_PAGES", 3)
    numbers = iter(range(100))

    def page(_: httpx.Request) -> httpx.Response:
        return json({"services": [], "meta": {"next_page_url": f"https://messaging.twilio.com/v1?{next(numbers)}"}})

    vendor = Vendor(page)
    with pytest.raises(Retryable, match="does not end"):
        twilio(vendor).list_services()
    assert len(vendor.requests) == 3


def test_an_account_is_read():
    body = {"sid": ACCOUNT, "status": "active", "type": "Full", "friendly_name": None}
    account = twilio(Vendor(json(body))).fetch_account()
    assert (account.sid, account.status, account.type, account.friendly_name) == (ACCOUNT, "active", "Full", "")


def test_a_number_is_found_by_its_whole_self_and_knows_what_it_can():
    other = {"sid": "PN1", "phone_number": "+141555501001", "capabilities": {}}
    ours = {
        "sid": "PN2",
        "phone_number": "+14155550100",
        "capabilities": {"SMS": True, "MMS": False, "voice": True},
        "sms_url": "",
        "status_callback": "https://gateway.test/s",
    }
    vendor = Vendor(json({"incoming_phone_numbers": [other, ours]}))
    number = twilio(vendor).find_number("+14155550100")
    assert number is not None
    assert (number.sid, number.capabilities) == ("PN2", {"sms", "voice"})
    assert (number.sms_url, number.status_callback) == (None, "https://gateway.test/s")
    assert vendor.requests[0].url.params["PhoneNumber"] == "+14155550100"
    assert twilio(vendor).find_number("+1415555010") is None


def test_a_new_service_wins_over_its_numbers_webhooks():
    vendor = Vendor(json(SERVICE, 201))
    twilio(vendor).create_service(
        friendly_name="Brand", inbound_request_url="https://g/i", status_callback="https://g/s"
    )
    twilio(vendor).create_service(friendly_name="Brand")
    full, least = (form_of(request) for request in vendor.requests)
    assert full == {
        "FriendlyName": "Brand",
        "InboundRequestUrl": "https://g/i",
        "InboundMethod": "POST",
        "StatusCallback": "https://g/s",
        "UseInboundWebhookOnNumber": "false",
    }
    assert least == {"FriendlyName": "Brand", "UseInboundWebhookOnNumber": "false"}


def test_an_update_sends_only_what_changes():
    vendor = Vendor(json(SERVICE))
    twilio(vendor).update_service("MG1", status_callback="")
    assert vendor.requests[0].url.path == "/v1/Services/MG1"
    assert form_of(vendor.requests[0]) == {"StatusCallback": ""}


def test_pool_members_are_listed_added_and_removed():
    vendor = Vendor(
        json({"phone_numbers": [{"sid": "PN1", "phone_number": "+14155550100"}], "meta": {}}),
        json({"senders": [{"sid": "XE1", "sender": "rcs:brand", "sender_type": "RCS"}], "meta": {}}),
        json({"sid": "PN1"}, 201),
        json({"sid": "XE1"}, 201),
        httpx.Response(204),
    )
    api = twilio(vendor)
    assert api.list_service_numbers("MG1")[0].phone_number == "+14155550100"
    sender = api.list_channel_senders("MG1")[0]
    assert (sender.sid, sender.sender, sender.sender_type) == ("XE1", "rcs:brand", "RCS")
    api.add_service_number("MG1", "PN1")
    api.add_channel_sender("MG1", "XE1")
    api.remove_service_number("MG1", "PN1")
    api.remove_channel_sender("MG1", "XE1")
    api.delete_service("MG1")
    assert [f"{request.method} {request.url.path}" for request in vendor.requests[2:]] == [
        "POST /v1/Services/MG1/PhoneNumbers",
        "POST /v1/Services/MG1/ChannelSenders",
        "DELETE /v1/Services/MG1/PhoneNumbers/PN1",
        "DELETE /v1/Services/MG1/ChannelSenders/XE1",
        "DELETE /v1/Services/MG1",
    ]


def test_a_senders_country_uk_is_read_as_gb_and_unknown_words_are_kept():
    carriers = [{"name": "Vodafone", "status": "ON_THE_MOON"}, {"name": None}]
    body = {
        "sid": "XE1",
        "sender_id": "rcs:brand",
        "status": "FROZEN",
        "compliance": {"countries": [{"country": "UK", "status": "MAYBE", "carriers": carriers}, {"country": "US"}]},
        "offline_reasons": [{"code": "63020", "message": "not accepted"}, {"code": 63021}],
    }
    sender = twilio(Vendor(json(body))).fetch_sender("XE1")
    assert sender.status == "FROZEN"
    assert sender.countries == (
        CountryStatus("GB", "MAYBE", (CarrierStatus("Vodafone", "ON_THE_MOON"), CarrierStatus("?", "UNKNOWN"))),
        CountryStatus("US", "UNKNOWN", ()),
    )
    assert sender.offline_reasons == ("not accepted", "63021")
    assert (sender.profile, sender.webhook) == ({}, {})


def test_senders_are_listed_for_rcs_and_found_by_id():
    vendor = Vendor(json({"senders": [{"sid": "XE1", "sender_id": "rcs:a"}, {"sid": "XE2", "sender_id": "rcs:b"}]}))
    found = twilio(vendor).find_sender("rcs:b")
    assert found is not None
    assert found.sid == "XE2"
    assert vendor.requests[0].url.params["Channel"] == "rcs"
    assert twilio(vendor).find_sender("rcs:c") is None


def test_a_new_keys_secret_shows_in_no_text():
    vendor = Vendor(json({"sid": "SK1", "secret": "the-new-keys-secret"}, 201))
    key = twilio(vendor).create_restricted_key(friendly_name="bridge", permissions=["/twilio/messaging/messages/read"])
    assert key.secret == "the-new-keys-secret"
    assert "the-new-keys-secret" not in repr(key)
    assert form_of(vendor.requests[0])["Policy"] == '{"allow": ["/twilio/messaging/messages/read"]}'
    assert vendor.requests[0].url.host == "iam.twilio.com"
    assert "the-new-keys-secret" not in Retryable("the-new-keys-secret leaked").message


def test_a_message_is_sent_as_form_data_with_what_is_given():
    vendor = Vendor(json({"sid": "SM1", "status": "accepted", "from": None, "error_code": None}, 201))
    api = twilio(vendor)
    message = api.send_message(Outgoing("rcs:+14155551234", "MG1", "Hi"))
    api.send_message(Outgoing("+14155551234", "MG1", "Hi", media_urls=["https://m"], status_callback="https://s"))
    least, full = (form_of(request) for request in vendor.requests)
    assert least == {"To": "rcs:+14155551234", "MessagingServiceSid": "MG1", "Body": "Hi"}
    assert full.keys() - least.keys() == {"MediaUrl", "StatusCallback"}
    assert (message.sid, message.status, message.sender, message.error_code) == ("SM1", "accepted", None, None)


def test_a_failed_message_tells_its_code_and_time():
    body = {
        "sid": "SM1",
        "status": "undelivered",
        "from": "rcs:brand",
        "to": "rcs:+14155551234",
        "body": "Hi",
        "error_code": 63036,
        "error_message": "unreachable",
        "date_created": "Mon, 23 Nov 2026 10:00:00 +0000",
    }
    message = twilio(Vendor(json(body))).fetch_message("SM1")
    assert (message.sender, message.error_code, message.error_message) == ("rcs:brand", 63036, "unreachable")
    assert message.date_created == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_messages_are_looked_up_by_twilios_day():
    vendor = Vendor(json({"messages": []}))
    late_in_new_york = datetime(2026, 11, 22, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert twilio(vendor).list_messages(to="+14155551234", sent_after=late_in_new_york) == []
    assert vendor.requests[0].url.params["DateSent>"] == "2026-11-23"


def test_alerts_are_read_with_a_code_even_when_it_is_no_number():
    base = {"sid": "NO1", "log_level": "error", "alert_text": "t", "request_url": "https://g", "resource_sid": "SM1"}
    vendor = Vendor(
        json(
            {
                "alerts": [
                    {**base, "error_code": "11200", "date_generated": "2026-11-23T10:00:00Z"},
                    {"sid": "NO2", "error_code": "soon"},
                ],
                "meta": {},
            }
        )
    )
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert twilio(vendor).list_alerts(since=at) == [
        Alert("NO1", 11200, "error", "t", "https://g", "SM1", at),
        Alert("NO2", None, "", "", None, None, None),
    ]
    assert vendor.requests[0].url.params["StartDate"] == "2026-11-23T10:00:00Z"


EVENT = {"event_type": "phone-number.updated", "event_date": "2026-11-23T10:00:00Z", "actor_type": "user"}


def events_of(*bodies, following=None):
    vendor = Vendor(json({"events": list(bodies), "meta": {"next_page_url": following}}))
    at = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=2)))
    return twilio(vendor).list_events(resource_sid="PN1", since=at), vendor


def test_an_event_names_the_properties_with_another_value_also_within_another_and_without_their_wrapping():
    changed = {
        "sms_url": {"previous": "a", "updated": "b"},
        "same": {"previous": 1, "updated": 1},
        "new": {"updated": "x"},
        "webhook": {"previous": {"url": "a", "method": "POST"}, "updated": {"url": "b", "method": "POST"}},
        "no change": "text",
    }
    named = {"sms_url", "new", "webhook.url"}
    wrapped, bare, without, odd = events_of(
        EVENT | {"event_data": {"resource_properties": changed}},
        EVENT | {"event_data": changed},
        EVENT | {"event_data": None, "actor_sid": None, "source_ip_address": None},
        EVENT | {"event_data": {"resource_properties": ["?"]}},
    )[0]
    assert (wrapped.changed, bare.changed, without.changed, odd.changed) == (named, named, set(), set())
    assert (without.at, without.actor_sid, without.source_address) == (datetime(2026, 11, 23, 10, tzinfo=UTC), "", "")


def test_events_are_read_in_one_call_and_say_nothing_where_the_newest_may_be_on_another_page():
    found, vendor = events_of(EVENT)
    assert len(found) == 1
    assert vendor.paths == ["/v1/Events?ResourceSid=PN1&StartDate=2026-11-23T10%3A00%3A00Z&PageSize=1000"]
    found, vendor = events_of(EVENT, following="https://monitor.twilio.com/v1/Events?Page=1")
    assert (found, len(vendor.paths)) == ([], 1)


@pytest.mark.parametrize(
    "answer", [httpx.Response(204), json({}), json({"sid": None, "status": None, "error_code": "x"})]
)
def test_an_answer_without_its_fields_is_retried_as_ambiguous_after_a_write(answer):
    with pytest.raises(Retryable, match="cannot be read") as caught:
        twilio(Vendor(answer)).send_message(Outgoing("+14155551234", "MG1", "Hi"))
    assert caught.value.ambiguous


def test_a_broken_item_of_a_list_is_retried():
    with pytest.raises(Retryable, match="cannot be read") as caught:
        twilio(Vendor(json({"services": [{"friendly_name": "no sid"}], "meta": {}}))).list_services()
    assert not caught.value.ambiguous


@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(204),
        json({}),
        json({"status": "ok"}),
        json({"services": None}),
        json({"services": 5}),
        json({"services": {"sid": "MG1"}}),
        json({"services": [], "meta": [1]}),
        json({"services": [], "meta": {"next_page_url": 7}}),
        json({"services": [], "next_page_uri": "/v1/Services\x00"}),
    ],
)
def test_a_page_of_another_shape_is_retried_and_never_taken_for_an_empty_list(page):
    with pytest.raises(Retryable, match="cannot be read"):
        twilio(Vendor(page)).list_services()


def test_the_account_signs_in_with_its_token():
    vendor = Vendor(json(SERVICE))
    twilio(vendor).fetch_service("MG1")
    expected = httpx.BasicAuth(ACCOUNT, AUTH_TOKEN)._auth_header
    assert vendor.requests[0].headers["authorization"] == expected
