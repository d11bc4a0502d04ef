from __future__ import annotations

import functools

import httpx
import pytest

from providers.answers import LONGEST_REASON
from providers.errors import NeedsPerson, NotFound, RateLimited, Refused, Retryable
from providers.twilio.errors import DECISIONS, UNKNOWN, delivery_decision
from tests.unit.providers_world import AUTH_TOKEN, Vendor, error, twilio

CLASSES = {"retry": Retryable, "person": NeedsPerson, "final": Refused}

# The table of error codes as the project decided it, so that a slip of the hand in the code shows.
RETRY = "20429 20500 20503 21611 21730 30001 30003 30005 30008 30017 30410 63009 63010 63011 63012 63017 63018 63036 63037 63038"
PERSON = "11200 11205 11206 11210 11220 11235 11237 12300 20003 21408 21608 21702 21703 21704 21712 21714 30002 30034 63001 63002 63007 63008 63035 70051"
FINAL = "20404 21211 21606 21610 21612 21614 21617 21655 21656 21666 21667 21701 21705 21910 30004 30006 30007 63003 63005 63006 63013 63021 63024 63106"
KINDS = {
    **dict.fromkeys(map(int, RETRY.split()), "retry"),
    **dict.fromkeys(map(int, PERSON.split()), "person"),
    **dict.fromkeys(map(int, FINAL.split()), "final"),
}


def failing(answer: httpx.Response | Exception, *, method: str = "GET"):
    api = twilio(Vendor(answer))
    call = api.fetch_account if method == "GET" else functools.partial(api.create_service, friendly_name="x")
    with pytest.raises((Retryable, NeedsPerson, Refused)) as caught:
        call()
    return caught.value


def test_every_code_has_the_decision_that_was_made_for_it():
    assert {code: decision.kind for code, decision in DECISIONS.items()} == KINDS


@pytest.mark.parametrize("code", DECISIONS)
def test_every_decision_has_a_sentence_and_a_cure(code):
    decision = delivery_decision(code)
    assert decision.sentence[0].islower() or decision.sentence.split()[0] in {"Twilio"}
    assert not decision.sentence.endswith(".")
    assert decision.cure


@pytest.mark.parametrize("code", set(DECISIONS) - {20404, 20429})
def test_a_refused_request_with_a_known_code_follows_the_table(code):
    raised = failing(error(400, code), method="POST")
    decision = DECISIONS[code]
    assert type(raised) is CLASSES[decision.kind]
    assert (raised.context.code, raised.context.status) == (code, 400)
    assert f"(400, {code}: no)" in raised.message
    if decision.kind != "retry":
        assert decision.sentence in raised.message
        assert raised.cure == decision.cure


def test_a_wrong_token_needs_a_person_who_is_told_the_specs_field():
    raised = failing(error(401, 20003))
    assert type(raised) is NeedsPerson
    assert "twilio.auth_token" in raised.cure
    assert AUTH_TOKEN not in str(raised)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("code", [None, 99999])
def test_refused_credentials_are_seen_by_status_where_the_code_is_unknown(status, code):
    raised = failing(error(status, code))
    assert type(raised) is NeedsPerson
    assert raised.context.code == code


@pytest.mark.parametrize("code", [20404, None, 99999])
def test_404_is_not_found(code):
    assert type(failing(error(404, code))) is NotFound


def test_a_known_code_wins_over_404():
    assert type(failing(error(404, 21703))) is NeedsPerson


@pytest.mark.parametrize("status", [408, 409, 425])
def test_a_conflict_is_looked_at_again(status):
    raised = failing(error(status, 21710), method="POST")
    assert type(raised) is Retryable
    assert not raised.ambiguous


def test_a_number_in_another_pool_needs_a_person_though_it_is_a_conflict():
    assert type(failing(error(409, 21712), method="POST")) is NeedsPerson


@pytest.mark.parametrize("answer", [error(429, 20429), error(400, 20429), error(429)])
def test_too_many_requests_are_always_safe_to_repeat(answer):
    raised = failing(answer, method="POST")
    assert type(raised) is RateLimited
    assert not raised.ambiguous


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": "x"}'])
def test_a_refusal_without_twilios_shape_is_final(body):
    raised = failing(httpx.Response(400, content=body), method="POST")
    assert type(raised) is Refused
    assert "no code" in raised.message
    assert raised.cure == UNKNOWN.cure


def test_a_key_without_a_permission_is_not_mistaken_for_a_wrong_token():
    raised = failing(error(401, 70051))
    assert type(raised) is NeedsPerson
    assert "delete the key" in raised.cure
    assert "auth_token" not in raised.cure


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\nlines \x1b[31mred", "two lines [31mred"),
        ("x" * 10_000, "x" * LONGEST_REASON),
        (" \n", "no reason given"),
        ({"a": 1}, "no reason given"),
        (None, "no reason given"),
    ],
)
def test_what_twilio_says_is_one_line_and_not_without_end(said, shown):
    assert failing(httpx.Response(400, json={"message": said})).message.endswith(f"no code: {shown})")


def test_more_info_and_request_id_are_kept():
    body = {"code": 21211, "message": "bad", "more_info": "https://www.twilio.com/docs/errors/21211"}
    raised = failing(httpx.Response(400, json=body, headers={"Twilio-Request-Id": "RQ7"}))
    assert raised.context.more_info == body["more_info"]
    assert raised.context.request_id == "RQ7"


def test_what_twilio_says_is_redacted():
    raised = failing(httpx.Response(400, json={"message": f"no such token {AUTH_TOKEN}"}))
    assert AUTH_TOKEN not in raised.message


def test_a_secret_is_blanked_out_before_what_twilio_says_is_cut():
    said = "x" * (LONGEST_REASON - 10) + AUTH_TOKEN
    assert AUTH_TOKEN[:8] not in failing(httpx.Response(400, json={"message": said})).message


def test_unknown_delivery_codes_are_final_and_silence_is_retried():
    assert delivery_decision(99999) is UNKNOWN
    assert delivery_decision(0).kind == "retry"
