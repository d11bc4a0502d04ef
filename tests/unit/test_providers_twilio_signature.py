from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from unittest import mock

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from providers.errors import NeedsPerson, Retryable
from providers.twilio.probe import post_callback
from providers.twilio.signature import is_genuine, sign
from settings import Settings
from tests.unit.providers_world import AUTH_TOKEN, Vendor

URL = "https://gateway.test/t/abc/status?x=1"
PARAMS = {"MessageSid": "SM1", "MessageStatus": "sent", "Body": "héllo"}


def by_hand(text: str) -> str:
    return base64.b64encode(hmac.new(AUTH_TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


def test_a_signature_made_by_hand_is_genuine():
    assert is_genuine(AUTH_TOKEN, URL, PARAMS, by_hand(URL + "BodyhélloMessageSidSM1MessageStatussent"))


@pytest.mark.parametrize(
    ("token", "url", "params", "signature"),
    [
        ("another", URL, PARAMS, None),
        (AUTH_TOKEN, URL.replace("x=1", "x=2"), PARAMS, None),
        (AUTH_TOKEN, URL.replace("gateway", "evil"), PARAMS, None),
        (AUTH_TOKEN, URL, {**PARAMS, "MessageStatus": "delivered"}, None),
        (AUTH_TOKEN, URL, {**PARAMS, "More": ""}, None),
        (AUTH_TOKEN, URL, PARAMS, ""),
        (AUTH_TOKEN, URL, PARAMS, "ünknown"),
    ],
)
def test_anything_that_was_not_signed_so_is_not_genuine(token, url, params, signature):
    assert not is_genuine(token, url, params, sign(AUTH_TOKEN, URL, PARAMS) if signature is None else signature)


def test_the_port_may_be_named_or_not():
    with_port = URL.replace("gateway.test", "gateway.test:443")
    assert is_genuine(AUTH_TOKEN, URL, PARAMS, sign(AUTH_TOKEN, with_port, PARAMS))
    assert is_genuine(AUTH_TOKEN, with_port, PARAMS, sign(AUTH_TOKEN, URL, PARAMS))


def test_repeated_names_count_each_distinct_value_once_and_sorted():
    signature = by_hand(URL + "MediaaMediabTo1")
    assert is_genuine(AUTH_TOKEN, URL, {"To": "1", "Media": ["b", "a", "b"]}, signature)
    assert sign(AUTH_TOKEN, URL, {"Media": ["a", "b"], "To": ["1"]}) == signature


texts = st.text(st.characters(codec="utf-8"), max_size=8)
forms = st.dictionaries(texts, st.lists(texts, min_size=1, max_size=2), max_size=4)


@settings(deadline=None)
@given(url=texts, form=st.dictionaries(texts, texts.map(lambda value: [value])))
def test_the_simplest_case_needs_nobody_else(url, form):
    signature = sign(AUTH_TOKEN, url, form)
    with mock.patch("providers.twilio.signature.RequestValidator", side_effect=AssertionError("it was asked")):
        assert is_genuine(AUTH_TOKEN, url, form, signature)


@settings(deadline=None)
@given(url=texts, form=forms, other_url=texts, other_form=forms)
def test_nothing_is_genuine_that_twilios_own_library_refuses(url, form, other_url, other_form):
    signature = sign(AUTH_TOKEN, url, form)
    for called, given_form in itertools.product((url, other_url), (form, other_form)):
        is_theirs = sign(AUTH_TOKEN, called, given_form) == signature
        with mock.patch.object(RequestValidator, "validate", return_value=False):
            assert is_genuine(AUTH_TOKEN, called, given_form, signature) <= is_theirs


def probe(monkeypatch, *answers, url: str = URL) -> Vendor:
    vendor = Vendor(*answers)
    monkeypatch.setattr("providers.http.thread_client", lambda: vendor.client)
    post_callback(url, PARAMS, AUTH_TOKEN, Settings())
    return vendor


def test_the_probe_is_signed_for_the_address_without_its_overrides(monkeypatch):
    vendor = probe(monkeypatch, httpx.Response(200, text="<Response/>"), url=URL + "#rc=5&rp=all")
    request = vendor.requests[0]
    assert str(request.url) == URL
    assert is_genuine(AUTH_TOKEN, URL, PARAMS, request.headers["X-Twilio-Signature"])


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_gateway_that_refuses_its_own_probe_needs_a_person(monkeypatch, status):
    with pytest.raises(NeedsPerson, match=f"answered {status} to its own signed probe") as caught:
        probe(monkeypatch, httpx.Response(status))
    assert "ONBOARD_PUBLIC_URL" in caught.value.cure


def test_a_gateway_behind_a_redirect_needs_a_person_who_is_told_the_url(monkeypatch):
    with pytest.raises(NeedsPerson, match="redirect") as caught:
        probe(monkeypatch, httpx.Response(301, headers={"Location": "https://elsewhere.test/"}))
    assert URL in caught.value.cure


def test_a_gateway_that_is_away_is_tried_again(monkeypatch):
    with pytest.raises(Retryable):
        probe(monkeypatch, httpx.ConnectError("refused"))
