from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from providers.ajo.templates import (
    FEEDBACK_TEMPLATE,
    INBOUND_TEMPLATE,
    OUTBOUND_TEMPLATE,
    feedback_event,
    inbound_event,
    plain_address,
)
from providers.ajo.webhook import post_event
from providers.errors import NeedsPerson, RateLimited, Refused, Retryable
from settings import Settings
from tests.unit.providers_world import Vendor

URL = "https://ajo.test/webhooks/abc?code=1"
AT = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)


def post(monkeypatch, *answers, url: str = URL) -> Vendor:
    vendor = Vendor(*answers)
    monkeypatch.setattr("providers.http.thread_client", lambda: vendor.client)
    post_event(url, {"a": 1}, Settings())
    return vendor


@pytest.mark.parametrize("answer", [httpx.Response(200, text="OK"), httpx.Response(202), httpx.Response(204)])
def test_any_success_will_do_and_the_url_is_called_as_it_is(monkeypatch, answer):
    request = post(monkeypatch, answer).requests[0]
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "application/json"
    assert request.content == b'{"a":1}'


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 415])
def test_a_refused_event_is_final(monkeypatch, status):
    with pytest.raises(Refused, match="InboundMessage is missing") as caught:
        post(monkeypatch, httpx.Response(status, json={"title": "InboundMessage is missing"}))
    assert "Journey Optimizer" in caught.value.cure


@pytest.mark.parametrize(
    ("answer", "expected", "is_ambiguous"),
    [
        (httpx.Response(408), Retryable, False),
        (httpx.Response(429, headers={"Retry-After": "9"}), RateLimited, False),
        (httpx.Response(500), Retryable, True),
        (httpx.ReadTimeout("slow"), Retryable, True),
        (httpx.ConnectError("away"), Retryable, False),
    ],
)
def test_what_passes_is_tried_again(monkeypatch, answer, expected, is_ambiguous):
    with pytest.raises(expected) as caught:
        post(monkeypatch, answer)
    assert type(caught.value) is expected
    assert caught.value.ambiguous is is_ambiguous


def test_a_redirected_webhook_needs_a_person(monkeypatch):
    with pytest.raises(NeedsPerson):
        post(monkeypatch, httpx.Response(302, headers={"Location": "https://elsewhere.test"}))


@pytest.mark.parametrize("url", ["", "ajo.test/webhooks", "see the ticket"])
def test_a_url_that_is_none_is_final(monkeypatch, url):
    with pytest.raises(Refused, match="no http:// or https:// URL"):
        post(monkeypatch, httpx.Response(204), url=url)


def test_the_templates_are_json_with_the_fields_that_ajo_demands():
    outbound = json.loads(OUTBOUND_TEMPLATE)
    assert set(outbound.values()) == {"{{fromNumber}}", "{{toNumber}}", "{{message}}", "{{client_reference}}"}
    inbound = json.loads(INBOUND_TEMPLATE)
    assert inbound.keys() == {"InboundMessage", "ProfileNumber", "RequestID", "OriginTimestamp", "InboundNumber"}
    assert json.loads(FEEDBACK_TEMPLATE) == {
        "clientReference": "{{client_reference}}",
        "statuses": [{"code": "{{failureCode}}", "status": "{{feedbackStatus}}"}],
    }


def test_a_reply_over_rcs_becomes_an_inbound_event():
    params = {"MessageSid": "SM1", "From": "rcs:+14155551234", "To": "rcs:brand_agent", "Body": "STOP"}
    assert inbound_event(params, received_at=AT, inbound_number="+14155550100") == {
        "InboundMessage": "STOP",
        "ProfileNumber": "+14155551234",
        "RequestID": "SM1",
        "OriginTimestamp": "2026-11-23T10:00:00.123Z",
        "InboundNumber": "+14155550100",
    }
    assert inbound_event(params, received_at=AT, inbound_number="x").keys() == json.loads(INBOUND_TEMPLATE).keys()


def test_a_picture_without_words_counts_as_its_address():
    params = {
        "From": "rcs:+14155551234",
        "MessageSid": "MM1",
        "Body": "",
        "NumMedia": "1",
        "MediaUrl0": "https://m.example/1",
    }
    assert inbound_event(params, received_at=AT, inbound_number="x")["InboundMessage"] == "https://m.example/1"


def test_a_pressed_button_counts_as_its_payload():
    params = {"MessageSid": "SM1", "From": "+1", "Body": "Yes, please", "ButtonPayload": "opt_in"}
    assert inbound_event(params, received_at=AT, inbound_number="x")["InboundMessage"] == "opt_in"


def test_times_go_out_in_utc_and_a_bare_callback_breaks_nothing():
    at = AT.astimezone(timezone(timedelta(hours=9)))
    event = inbound_event({"SmsSid": "SM9"}, received_at=at, inbound_number="x")
    assert event["OriginTimestamp"] == "2026-11-23T10:00:00.123Z"
    assert (event["RequestID"], event["ProfileNumber"], event["InboundMessage"]) == ("SM9", "", "")


@pytest.mark.parametrize(
    ("params", "code", "status"),
    [
        ({"MessageStatus": "delivered"}, "0", "delivered"),
        ({"MessageStatus": "undelivered", "ErrorCode": "63036"}, "63036", "undelivered"),
        ({"SmsStatus": "sent", "ErrorCode": ""}, "0", "sent"),
    ],
)
def test_a_status_becomes_a_feedback_event(params, code, status):
    assert feedback_event(params, "ref-1") == {
        "clientReference": "ref-1",
        "statuses": [{"code": code, "status": status}],
    }


def test_addresses_lose_their_channel():
    assert plain_address("rcs:+14155551234") == "+14155551234"
    assert plain_address("rcs:brand_agent") == "brand_agent"
    assert plain_address("+14155551234") == "+14155551234"
