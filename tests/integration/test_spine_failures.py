"""What goes wrong at the vendors, one thing at a time, over real HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.tables import Message, Resource, Verification
from tasks.vendors import make_vendors
from tests.factories import make_spec, rcs_part, spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET

ENDLESS = "an answer that never ends"
FAULTS = {
    "429 with Retry-After": {"action": "status", "status": 429, "code": 20429, "retry_after": 0.2},
    "429 without Retry-After": {"action": "status", "status": 429, "code": 20429},
    "500": {"action": "status", "status": 500},
    "503": {"action": "status", "status": 503},
    "a dropped connection": {"action": "reset"},
    "a slow answer": {"action": "delay", "seconds": 0.9},
    ENDLESS: {"action": "slow_body", "seconds": 8},
    "an answer that got lost after the work was done": {"action": "reply_lost"},
    "an answer that breaks off after the work was done": {"action": "malformed"},
}
COMMON_CALLS = [
    ("GET", r"/Accounts/AC\w+\.json$"),
    ("GET", r"/v1/Services$"),
    ("POST", r"/v1/Services$"),
    ("GET", r"/v1/Services/MG\w+/PhoneNumbers$"),
    ("GET", r"/IncomingPhoneNumbers\.json$"),
    ("POST", r"/v1/Services/MG\w+/PhoneNumbers$"),
    ("POST", r"/ims/token/v3$"),
    ("GET", r"/automation/credentials$"),
    ("POST", r"/automation/credentials$"),
    ("GET", r"/automation/channel-configurations$"),
    ("POST", r"/automation/channel-configurations$"),
    ("GET", r"/metadata/surfaces$"),
    ("GET", r"/v1/Services/MG\w+$"),
    ("POST", r"/Messages\.json$"),
]
RCS_CALLS = [
    ("GET", r"/v2/Channels/Senders$"),
    ("POST", r"/v2/Channels/Senders$"),
    ("GET", r"/v2/Channels/Senders/XE\w+$"),
    ("GET", r"/v1/Services/MG\w+/ChannelSenders$"),
    ("POST", r"/v1/Services/MG\w+/ChannelSenders$"),
    ("POST", r"/v1/Services/MG\w+$"),
    ("GET", r"/automation/webhooks$"),
    ("POST", r"/automation/webhooks$"),
    ("POST", r"/ajo-webhooks/"),
    ("GET", r"/iam\.twilio\.com/v1/Keys$"),
    ("GET", r"/iam\.twilio\.com/v1/Keys/SK\w+$"),
    ("POST", r"/iam\.twilio\.com/v1/Keys$"),
]


# Each of these costs a wait a call; the longer list goes through them apart.
SLOW = {
    "a slow answer",
    "an answer that got lost after the work was done",
    "an answer that breaks off after the work was done",
}
# An endless answer costs a timeout a call, and the slow answer goes through the longer list already.
CASES = [
    pytest.param(channel, fault, marks=[pytest.mark.slow] if channel == "rcs" and fault in SLOW else [])
    for fault in FAULTS
    for channel in ("sms", "rcs")
    if (channel, fault) != ("rcs", ENDLESS)
]


@pytest.mark.parametrize(("channel", "fault"), CASES)
def test_each_vendor_call_survives(house, channel, fault):
    calls = COMMON_CALLS + (RCS_CALLS if channel == "rcs" else [])
    for method, path in calls:
        house.simulator.post("faults", {"match": {"method": method, "path_regex": path}, "times": 1, **FAULTS[fault]})
    house.start(channel, f"acme-{channel}")
    assert house.run_to_end(f"acme-{channel}", within=100).status == "active", house.story()
    not_hit = [rule["match"] for rule in house.simulator.faults if not rule["hits"]]
    assert not_hit == []
    ledger = house.simulator.ledger
    assert ledger["duplicates"] == []
    assert {kind: count["live"] for kind, count in ledger["counts"].items()} == expected_objects(channel)


def test_a_message_that_was_read_before_its_lost_answer_is_looked_up_still_proves_rcs(house):
    lost = {"match": {"method": "POST", "path_regex": r"/Messages\.json$"}, "action": "reply_lost"}
    # Longer than the message takes, shorter than our patience.
    late = {"match": {"method": "GET", "path_regex": r"/Messages\.json$"}, "action": "delay", "seconds": 0.45}
    for rule in (lost, late):
        house.simulator.post("faults", rule)
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    assert "is read (found again)" in house.story()
    assert len(house.simulator.ledger["messages"]) == 1


def test_twilio_has_time_to_list_a_message_from_the_end_of_the_unclear_call(house):
    lost = {"match": {"method": "POST", "path_regex": r"/Messages\.json$"}, "action": "delay", "seconds": 0.9}
    house.simulator.post("faults", lost)
    house.start("sms", "acme")
    house.run_until(lambda: house.steps("acme")[-1].state == "retrying", what="the call ends unclear")
    (message,) = house.of(Message, "acme")
    assert message.posted_at - message.created_at >= timedelta(seconds=house.settings.http_timeout_seconds)


def test_a_token_that_expires_in_mid_run_is_renewed_each_time(house):
    every_other_call = [{"action": "expire_tokens"}, {"action": "pass"}]
    match = {"path_regex": "^/(automation|platform.adobe.io)/"}
    house.simulator.post("faults", {"match": match, "script": every_other_call, "times": None})
    house.start("sms", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    assert house.simulator.ledger["duplicates"] == []


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_vendor_whose_clock_is_wrong_gets_no_message_twice(house, hours):
    house.simulator.put("clock", {"skew_seconds": hours * 3600})
    lost = {"match": {"method": "POST", "path_regex": r"/Messages\.json$"}, "action": "reply_lost"}
    house.simulator.post("faults", lost)
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    assert len(house.simulator.ledger["messages"]) == 1


def expected_objects(channel):
    common = {"messaging_service": 1, "credential": 1, "channel_configuration": 1, "message": 1}
    return common | ({"rcs_sender": 1, "api_key": 1, "webhook": 2} if channel == "rcs" else {})


def verification(**changes):
    return {"verification": spec_data()["verification"] | changes}


def test_a_wrong_token_waits_for_a_person_with_the_field_to_correct(house):
    house.start("sms", "acme", token="0" * 32)
    house.run_to_end("acme")
    reason = house.onboarding("acme").reason
    assert house.waits_for_person("acme")
    assert "twilio.auth_token" in reason
    assert "onboard update FILE" in reason
    house.start("sms", "acme", is_update=True, token=AUTH_TOKEN)
    assert house.run_to_end("acme").status == "active"


@pytest.mark.parametrize("channel", ["sms", "rcs"])
def test_a_sandbox_that_is_not_there_is_found_before_anything_is_made(house, channel):
    house.start(channel, "acme", ajo=spec_data(channel)["ajo"] | {"sandbox": "nowhere"})
    onboarding = house.run_to_end("acme")
    assert (onboarding.status, house.steps("acme")[0].state) == ("failed", "failed")
    assert "The sandbox nowhere does not exist): check names and sandbox in the spec" in onboarding.reason
    assert house.of(Resource, "acme") == []
    assert not any(count["live"] for count in house.simulator.ledger["counts"].values())


def test_a_rejected_sender_waits_for_a_person_who_can_take_the_country_out(house):
    house.start("rcs", "acme", rcs=rcs_part("acme_reject"))
    house.run_to_end("acme")
    reason = house.onboarding("acme").reason
    assert house.waits_for_person("acme")
    assert "no carrier accepts the sender in US" in reason
    assert "REJECTED" in reason
    assert "rcs.countries" in reason


@pytest.mark.simulator("--countries", "US,DE")
@pytest.mark.parametrize(("go_live", "is_live"), [("all_countries", False), ("any_carrier", True)])
def test_a_country_that_rejects_the_sender_holds_up_what_the_spec_says(house, go_live, is_live):
    house.simulator.post("verdicts", {"sender_id_regex": "acme", "country": "DE", "status": "REJECTED"})
    house.start("rcs", "acme", rcs=rcs_part(countries=("US", "DE")) | {"go_live": go_live})
    assert (house.run_to_end("acme").status == "active") is is_live, house.story()
    if not is_live:
        assert house.waits_for_person("acme")
        assert "no carrier accepts the sender in DE" in house.onboarding("acme").reason


def test_carriers_that_suspend_a_launched_sender_degrade_it_until_they_take_it_back(house):
    def verify() -> None:
        runs = len(house.of(Verification, "acme"))
        house.command("verify", "acme", sends_message=False)
        house.run_until(lambda: len(house.of(Verification, "acme")) > runs and house.last_run("acme").finished_at)

    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active"
    for status, before, after in (("SUSPENDED", "active", "degraded"), ("APPROVED", "degraded", "active")):
        decision = {"country": "US", "status": status, "after": "14d"}
        house.simulator.post("senders/rcs:acme_agent/review", decision)
        verify()
        assert house.onboarding("acme").status == before
        house.simulator.post("clock/advance", {"duration": "15d"})
        verify()
        assert house.onboarding("acme").status == after, house.story()


def test_a_recipient_who_opted_out_fails_and_is_not_sent_to_again(house):
    house.start("sms", "acme", **verification(to=["+12125550610"]))
    assert house.run_to_end("acme").status == "failed"
    assert "opted out" in house.onboarding("acme").reason
    assert house.simulator.live("message") == 0


def test_a_filtered_message_fails_with_what_to_do(house):
    house.start("sms", "acme", **verification(to=["+12125550007"]))
    assert house.run_to_end("acme").status == "failed"
    assert "the carrier filtered the message" in house.onboarding("acme").reason
    assert house.last_run("acme").state == "failed"


def test_an_unreachable_handset_is_tried_as_often_as_the_spec_says(house):
    house.start("sms", "acme", **verification(to=["+12125550003"], retries=1))
    assert house.run_to_end("acme").status == "failed"
    assert house.simulator.live("message") == 2


def test_a_handset_without_rcs_is_no_success_by_sms_fallback(house):
    house.start("rcs", "acme", **verification(to=["+12125553106"]))
    assert house.run_to_end("acme").status == "failed"
    assert "63106" in house.onboarding("acme").reason


def test_a_delivery_without_any_callback_is_found_by_asking(house):
    house.start("sms", "acme", **verification(to=["+12125558888"]))
    assert house.run_to_end("acme").status == "active"


def test_callbacks_out_of_order_and_twice_change_nothing(house):
    house.start("sms", "acme", **verification(to=["+12125557777"]))
    assert house.run_to_end("acme").status == "active"


def test_a_message_that_never_arrives_fails_after_its_time(house):
    house.start("sms", "acme", **verification(to=["+12125559999"], within="2s"))
    assert house.run_to_end("acme").status == "failed"
    assert "is sent after" in house.onboarding("acme").reason


def test_a_failed_channel_configuration_waits_for_a_person_with_adobes_reason(house):
    ajo = spec_data()["ajo"]
    ajo["channel_configuration"]["name"] = "acme_fail"
    house.start("sms", "acme", ajo=ajo)
    house.run_to_end("acme")
    assert house.waits_for_person("acme")
    assert "acme_fail is Failed" in house.onboarding("acme").reason


@pytest.mark.parametrize(
    ("account", "words"), [({"type": "Trial"}, "upgrade it"), ({"status": "suspended"}, "reactivate it")]
)
def test_an_account_that_cannot_do_it_fails_with_what_to_do(house, account, words):
    house.simulator.post("accounts", {"sid": "AC5105a7e0000000000000000000000001", **account})
    house.start("sms", "acme")
    assert house.run_to_end("acme").status == "failed"
    assert words in house.onboarding("acme").reason


def test_a_number_that_is_not_owned_fails_with_the_field_to_correct(house):
    twilio = spec_data()["twilio"] | {"numbers": ["+14155550177"]}
    house.start("sms", "acme", twilio=twilio)
    assert house.run_to_end("acme").status == "failed"
    assert "+14155550177: not owned by the account" in house.onboarding("acme").reason
    assert "twilio.numbers" in house.onboarding("acme").reason


def test_a_foreign_service_of_the_same_name_is_never_taken_silently(house):
    from providers.twilio.client import TwilioClient

    sid = "AC5105a7e0000000000000000000000001"
    twilio = TwilioClient(house.settings, account_sid=sid, username=sid, password=AUTH_TOKEN)
    foreign = twilio.create_service(friendly_name="Acme acme")
    house.start("sms", "acme")
    house.run_to_end("acme")
    assert house.waits_for_person("acme")
    assert f"`sid: {foreign.sid}`" in house.onboarding("acme").reason
    adopted = spec_data()["twilio"] | {"messaging_service": {"sid": foreign.sid}}
    house.start("sms", "acme", is_update=True, twilio=adopted)
    assert house.run_to_end("acme").status == "active"
    assert house.resource("acme", "twilio_messaging_service").provenance == "adopted"
    assert house.simulator.live("messaging_service") == 1


def test_a_foreign_credential_of_the_same_name_is_never_taken_silently(house):
    spec = make_spec("sms", "acme")
    secrets = {"twilio.auth_token": AUTH_TOKEN, "ajo.client_secret": CLIENT_SECRET}
    automation = make_vendors(house.settings, spec, secrets.__getitem__).ajo.automation
    theirs = {
        "name": "acme credential",
        "vendor": "twilio",
        "channel_type": "SMS",
        "account_sid": spec.twilio.account_sid,
        "auth_token": "theirs",
        "message_sid": f"MG{1:032x}",
        "inbound_number": "+14155550177",
    }
    foreign = automation.create("credentials", theirs)
    house.start("sms", "acme")
    house.run_to_end("acme")
    assert house.waits_for_person("acme")
    assert "that onboard did not make and that differs (message_sid is" in house.onboarding("acme").reason
    assert "ajo_credential" not in {row.kind for row in house.of(Resource, "acme")}
    assert automation.fetch("credentials", foreign["id"]) == foreign
    assert house.simulator.live("credential") == 1


def test_a_wrong_public_url_is_found_before_any_message_is_lost(house):
    house.settings.__dict__["public_url"] = house.simulator.url
    house.start("rcs", "acme")
    house.run_to_end("acme")
    assert house.waits_for_person("acme")
    assert "ONBOARD_PUBLIC_URL" in house.onboarding("acme").reason
