"""Each rule across fields, broken once: the place and the words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.spec.onboarding import SPEC, spec_from_json, spec_to_json
from models.spec.outline import example_of
from tests.factories import make_spec, spec_data

PROFILE, US = "rcs.profile", "rcs.registration.us"
PROOF_ID = "verification.ajo_proof.campaign_id"
KEYWORDS = {"opt_in": ["START"], "opt_out": ["STOP"], "help": ["HELP"]}

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("sms", {"twilio.messaging_service": {}}, "twilio.messaging_service", "needs either"),
    ("sms", {"twilio.a2p_10dlc": None}, "twilio.a2p_10dlc", "is missing"),
    ("sms", {"twilio.a2p_10dlc.campaign_registered": False}, "twilio.a2p_10dlc.campaign_registered", "is false"),
    ("sms", {"twilio.numbers": ["+14155550101"] * 2}, "twilio.numbers.1", "twice"),
    ("sms", {"verification.to": ["+14155550101"]}, "verification.to.0", "is one of `twilio.numbers`"),
    ("rcs", {"rcs.test_devices": ["+14155550100"]}, "rcs.test_devices.0", "is one of `twilio.numbers`"),
    ("sms", {"ajo.channel_configuration.sender": "+14155550199"}, "ajo.channel_configuration.sender", "is not one of"),
    ("rcs", {"ajo.webhooks.keywords": KEYWORDS | {"opt_out": ["END"]}}, "ajo.webhooks.keywords.opt_out", "STOP is not"),
    ("rcs", {"ajo.webhooks.keywords": KEYWORDS | {"help": ["stop"]}}, "ajo.webhooks.keywords.help.0", "`opt_out` too"),
    ("rcs", {"ajo.webhooks.keywords": {"help": ["Quit"]}}, "ajo.webhooks.keywords.help.0", "`opt_out` too"),
    ("rcs", {"ajo.webhooks.feedback_name": "acme inbound"}, "ajo.webhooks.feedback_name", "same as"),
    ("rcs", {"ajo.webhooks": None}, "ajo.webhooks", "RCS needs it"),
    ("rcs", {"ajo.credential.vendor": "twilio"}, "ajo.credential.vendor", "another payload"),
    (
        "rcs",
        {"ajo.credential.headers": [{"name": "Authorization", "value": "x"}]},
        "ajo.credential.headers.0.name",
        "carries a secret",
    ),
    ("sms", {"ajo.credential.vendor": "custom"}, "ajo.credential.vendor", "is custom"),
    ("sms", {"ajo.credential.headers": [{"name": "X-A", "value": "x"}]}, "ajo.credential.headers", "is for RCS only"),
    ("sms", {"ajo.webhooks": {"inbound_name": "a", "feedback_name": "b"}}, "ajo.webhooks", "is for RCS only"),
    ("sms", {"verification.media_url": "https://a.example/x.png"}, "verification.media_url", "is for MMS only"),
    ("mms", {"verification.media_url": None}, "verification.media_url", "MMS needs it"),
    ("mms", {"verification.ajo_proof": {"campaign_id": "c-1", "user_id": "ann"}}, "verification.ajo_proof", "RCS only"),
    ("rcs", {"verification.ajo_proof": {"campaign_id": "Beans!", "user_id": "a"}}, PROOF_ID, "not an AJO campaign id"),
    ("mms", {"verification.required_status": "read"}, "verification.required_status", "no reading"),
    ("sms", {"verification.every": "0s"}, "verification.every", "out of range"),
    ("sms", {"verification.within": "999999d"}, "verification.within", "out of range"),
    ("rcs", {PROFILE + ".email": None}, PROFILE, "`phone` or an `email`"),
    ("rcs", {PROFILE + ".accent_color": "#ffffff"}, PROFILE + ".accent_color", "contrast 1.0:1"),
    ("rcs", {PROFILE + ".description": "<b>x</b>"}, PROFILE + ".description", "refuses HTML"),
    ("rcs", {PROFILE + ".logo_url": "http://10.0.0.1/x"}, PROFILE + ".logo_url", "not a public web address"),
    ("rcs", {PROFILE + ".logo_url": "http://["}, PROFILE + ".logo_url", "not a public web address"),
    ("rcs", {"rcs.countries": ["US", "JP"]}, "rcs.countries.1", "sends no RCS to JP"),
    ("rcs", {"rcs.countries": ["UK"]}, "rcs.countries.0", "not an ISO"),
    ("rcs", {"rcs.registration.us": None}, US, "country US needs it"),
    ("rcs", {US + ".attests_terms": False}, US + ".attests_terms", "is false"),
    ("rcs", {US + ".registration_number": "123"}, US + ".registration_number", "not an EIN"),
    ("rcs", {US + ".short_codes": ["12"]}, US + ".short_codes.0", "not a short code"),
]


def with_changes(channel: str, changes: dict[str, Any]) -> dict[str, Any]:
    data = spec_data(channel)
    for path, value in changes.items():
        *parents, last = path.split(".")
        holder = data
        for key in parents:
            holder = holder[key]
        holder[last] = value
    return data


def refused(data: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        SPEC.validate_python(data)
    # The first part is the union's own: the channel.
    return [(".".join(map(str, error["loc"][1:])), error["msg"]) for error in caught.value.errors()]


@pytest.mark.parametrize(("channel", "changes", "place", "words"), CASES, ids=[f"{c[0]}-{c[2]}-{c[3]}" for c in CASES])
def test_a_broken_rule_is_told_at_its_place(channel, changes, place, words):
    [(found, message)] = refused(with_changes(channel, changes))

    assert found == place
    problem, _, cure = message.partition(" || ")
    assert words in problem
    assert cure


def test_a_public_corporation_names_exchange_and_symbol():
    found = refused(with_changes("rcs", {US + ".company_type": "Public corporation"}))

    assert [place for place, _ in found] == [US + ".stock_exchange", US + ".stock_symbol"]


def test_a_british_profile_has_a_british_number():
    phone = {"phone_number": "+14155550199"}
    [(place, message)] = refused(with_changes("rcs", {"rcs.countries": ["GB"], PROFILE + ".phone": phone}))

    assert place == PROFILE + ".phone.phone_number"
    assert "+44" in message


def test_toll_free_numbers_need_no_10dlc():
    data = with_changes("sms", {"twilio.a2p_10dlc": None, "twilio.numbers": ["+18005550199"]})

    assert SPEC.validate_python(data).twilio.a2p_10dlc is None


def test_a_password_in_an_address_is_not_repeated():
    [(_, message)] = refused(with_changes("rcs", {PROFILE + ".logo_url": "https://jo:hunter22@a.example/x"}))

    assert "hunter22" not in message


@pytest.mark.parametrize("channel", ["rcs", "sms", "mms"])
def test_a_spec_survives_its_own_json(channel):
    spec = make_spec(channel)

    assert spec_from_json(spec_to_json(spec)) == spec


def test_every_field_says_what_to_write():
    fields = [
        field for model in (type(make_spec("rcs")), type(make_spec("rcs").rcs)) for field in model.model_fields.values()
    ]

    assert all(example_of(field) for field in fields)
