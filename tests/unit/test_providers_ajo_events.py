from __future__ import annotations

import itertools
import json

import httpx
import pytest

from providers.ajo.ims import ImsTokens
from providers.ajo.mapping import FeedbackFields, InboundFields, StatusFields
from providers.ajo.templates import FEEDBACK_TEMPLATE, INBOUND_TEMPLATE, OUTBOUND_TEMPLATE
from providers.ajo.webhook import post_event
from providers.errors import NeedsPerson, RateLimited, Refused, Retryable
from settings import Settings
from tests.unit.providers_world import Vendor

URL = "https://ajo.test/webhooks/abc?code=1"
_numbers = itertools.count()


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


def issued(value: str) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "token_type": "bearer", "expires_in": 86399})


def post_with_token(monkeypatch, *answers, ims: list[httpx.Response]) -> Vendor:
    """Tokens are kept per client id, so each call takes its own."""
    vendor = Vendor(*answers)
    monkeypatch.setattr("providers.http.thread_client", lambda: vendor.client)
    tokens = ImsTokens(
        Settings(), f"client-{next(_numbers)}", "a-secret-of-the-tests", ["s"], client=Vendor(*ims).client
    )
    post_event(URL, {"a": 1}, Settings(), tokens)
    return vendor


def bearers(vendor: Vendor) -> list[str]:
    return [request.headers["authorization"] for request in vendor.requests]


def test_without_being_asked_no_token_is_sent(monkeypatch):
    assert "authorization" not in post(monkeypatch, httpx.Response(200)).requests[0].headers


def test_a_webhook_that_asks_for_a_token_gets_the_organisations(monkeypatch):
    vendor = post_with_token(monkeypatch, httpx.Response(200), ims=[issued("first-token")])
    assert bearers(vendor) == ["Bearer first-token"]
    assert vendor.requests[0].content == b'{"a":1}'


def test_a_token_that_the_webhook_refuses_is_renewed_once(monkeypatch):
    two = [issued("first-token"), issued("second-token")]
    vendor = post_with_token(monkeypatch, httpx.Response(401), httpx.Response(200), ims=two)
    assert bearers(vendor) == ["Bearer first-token", "Bearer second-token"]


def test_an_event_that_is_refused_with_a_new_token_too_is_final(monkeypatch):
    refusal = httpx.Response(401, json={"title": "who are you"})
    with pytest.raises(Refused, match=r"401: who are you\); ajo\.webhooks\.authentication") as caught:
        post_with_token(monkeypatch, refusal, ims=[issued("one-token"), issued("another-token")])
    assert "authentication" in caught.value.cure


def test_an_event_is_kept_while_ims_refuses_the_credentials(monkeypatch):
    """They are mended by a person, and the event is as good as ever."""
    refusal = httpx.Response(401, json={"error_description": "the secret has expired"})
    with pytest.raises(Retryable, match=r"the secret has expired.*check ajo\.client_id"):
        post_with_token(monkeypatch, httpx.Response(200), ims=[refusal])


def test_a_redirect_gets_no_second_chance_with_a_token(monkeypatch):
    with pytest.raises(NeedsPerson, match="redirect"):
        post_with_token(monkeypatch, httpx.Response(302), ims=[issued("some-token")])


def test_the_templates_are_json_with_the_fields_that_ajo_demands():
    outbound = json.loads(OUTBOUND_TEMPLATE)
    assert set(outbound.values()) == {"{{fromNumber}}", "{{toNumber}}", "{{message}}", "{{client_reference}}"}
    inbound = json.loads(INBOUND_TEMPLATE)
    assert inbound.keys() == {"InboundMessage", "ProfileNumber", "RequestID", "OriginTimestamp", "InboundNumber"}
    assert inbound.keys() == InboundFields.model_fields.keys()
    assert json.loads(FEEDBACK_TEMPLATE).keys() == FeedbackFields.model_fields.keys()
    assert json.loads(FEEDBACK_TEMPLATE)["statuses"][0].keys() == StatusFields.model_fields.keys()
    assert json.loads(FEEDBACK_TEMPLATE) == {
        "clientReference": "{{client_reference}}",
        "statuses": [{"code": "{{failureCode}}", "status": "{{feedbackStatus}}"}],
    }
