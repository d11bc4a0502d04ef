"""Updates, scheduled checks and replies, over real HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from engine.clock import now
from models.tables import Message, Onboarding, Verification, WebhookEvent
from providers.twilio.client import TwilioClient
from tests.factories import spec_data
from tests.integration.house import AUTH_TOKEN
from tests.integration.services import eventually

ACCOUNT = "AC5105a7e0000000000000000000000001"


@pytest.fixture
def twilio(house):
    return TwilioClient(house.settings, account_sid=ACCOUNT, username=ACCOUNT, password=AUTH_TOKEN)


def with_authentication(word, **changes):
    data = spec_data("rcs")["ajo"] | changes
    return {"ajo": data | {"webhooks": data["webhooks"] | {"authentication": word}}}


def test_a_reply_from_the_handset_reaches_ajos_inbound_webhook_as_json(house):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    house.simulator.post(
        "inbound",
        {"to": "rcs:acme_agent", "from": "+12125550123", "body": "Yes please", "button_payload": "confirm-1"},
    )

    def replies():
        house.turn()
        return [event["body"] for event in house.simulator.ledger["events"] if "InboundMessage" in event["body"]]

    (reply,) = eventually(replies, within=10, what="the reply at AJO")
    assert reply["InboundMessage"] == "confirm-1"
    assert reply["ProfileNumber"] == "+12125550123"
    assert reply["InboundNumber"] == "+14155550100"
    assert reply["OriginTimestamp"].endswith("Z")


def test_when_ajo_comes_to_ask_for_a_token_events_carry_it_also_when_it_ends_on_the_way(house):
    house.start("rcs", "acme")
    house.run_to_end("acme")

    def replies():
        """What the inbound webhook answered to what."""
        house.turn()
        events = [event for event in house.simulator.ledger["events"] if event["type"] == "inbound"]
        return [(event["http_status"], (event["body"] or {}).get("InboundMessage")) for event in events]

    def probes():
        return [row for row in house.of(WebhookEvent, "acme") if row.message_sid.startswith("probe-")]

    assert len(probes()) == 1
    house.start("rcs", "acme", is_update=True, **with_authentication("ims"))
    assert house.run_to_end("acme").status == "active", house.story()
    assert [row.forward_state for row in probes()] == ["forwarded"] * 2
    rule = {"match": {"path_regex": "^/ajo-webhooks/"}, "times": None}
    house.simulator.post("faults", rule | {"script": [{"action": "expire_tokens"}, {"action": "pass"}]})
    for number in range(3):
        house.simulator.post("inbound", {"to": "rcs:acme_agent", "from": "+12125550123", "body": f"Reply {number}"})

    eventually(lambda: len(replies()) == 6, within=10, what="three replies, each refused once")
    assert sorted(replies(), key=str) == [(200, f"Reply {number}") for number in range(3)] + [(401, None)] * 3
    stored = [row for row in house.of(WebhookEvent, "acme") if row.kind == "inbound"]
    assert [(row.forward_state, row.forward_tries) for row in stored] == [("forwarded", 1)] * 3


def test_delivery_reports_reach_ajo_in_order_with_its_own_reference(house):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    reference = house.of(Message, "acme")[0].client_reference

    def reports():
        house.turn()
        bodies = [event["body"] for event in house.simulator.ledger["events"]]
        return [body["statuses"][0]["status"] for body in bodies if body.get("clientReference") == reference]

    statuses = eventually(lambda: "read" in reports() and reports(), within=10, what="the read report at AJO")
    assert statuses == ["queued", "sending", "sent", "delivered", "read"]


def due_now(house):
    with house.db.begin() as connection:
        connection.execute(update(Onboarding).values(next_verification_at=now()))


def recheck(house, name="acme"):
    runs = len(house.of(Verification, name))
    due_now(house)
    house.run_until(
        lambda: (
            len(house.of(Verification, name)) > runs
            and house.last_run(name).state in {"passed", "failed"}
            and house.steps(name)[4].state in {"succeeded", "failed", "waiting_person"}
        ),
        what="the check ends",
    )
    return house.last_run(name)


def test_a_scheduled_check_of_an_unchanged_channel_passes_without_sending(house):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    run = recheck(house)
    assert (run.trigger, run.state, run.findings) == ("schedule", "passed", [])
    assert house.onboarding("acme").status == "active"
    assert house.onboarding("acme").next_verification_at > now()
    assert house.simulator.live("message") == 1


def test_a_scheduled_check_sends_a_message_when_the_spec_asks_for_it(house):
    verification = spec_data()["verification"] | {"send_on_schedule": True}
    house.start("sms", "acme", verification=verification)
    house.run_to_end("acme")
    assert recheck(house).state == "passed"
    assert house.simulator.live("message") == 2


def test_a_webhook_changed_in_the_console_degrades_and_retry_mends_it(house, twilio):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    service = house.resource("acme", "twilio_messaging_service").external_id
    twilio.update_service(
        service,
        inbound_request_url="https://elsewhere.example.com/in",
        status_callback="https://elsewhere.example.com/st",
        use_inbound_webhook_on_number=True,
    )
    run = recheck(house)
    assert run.state == "failed"
    assert len(run.findings) == 3
    assert "elsewhere.example.com" in house.onboarding("acme").reason
    assert house.onboarding("acme").status == "degraded"
    house.command("retry", "acme")
    house.run_until(lambda: house.onboarding("acme").status == "active", what="mended")
    assert twilio.fetch_service(service).inbound_request_url.startswith(house.settings.resolved_public_url)
    assert recheck(house).state == "passed"


def test_a_deleted_key_degrades_and_retry_mints_another(house, twilio):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    twilio.delete_key(house.resource("acme", "twilio_api_key").external_id)
    run = recheck(house)
    assert [finding["problem"] for finding in run.findings] == ["does not exist any more"]
    house.command("retry", "acme")
    house.run_until(lambda: house.onboarding("acme").status == "active", what="mended")
    assert house.simulator.live("api_key") == 1


def test_a_deleted_messaging_service_is_one_finding_with_the_right_cure(house, twilio):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    twilio.delete_service(house.resource("acme", "twilio_messaging_service").external_id)
    run = recheck(house)
    assert [finding["problem"] for finding in run.findings] == ["does not exist any more"]
    assert "`onboard drift acme --fix`" in run.findings[0]["cure"]


def test_a_suspended_carrier_degrades_and_its_return_restores(house):
    house.start("rcs", "acme")
    house.run_to_end("acme")
    sender = house.resource("acme", "twilio_rcs_sender").external_id
    house.simulator.post(f"senders/{sender}/review", {"country": "US", "status": "SUSPENDED"})
    assert recheck(house).state == "failed"
    assert "launch.US is OFFLINE" in house.onboarding("acme").reason
    house.simulator.post(f"senders/{sender}/review", {"country": "US", "status": "APPROVED"})
    assert recheck(house).state == "passed"
    assert house.onboarding("acme").status == "active"


def test_an_update_of_the_credentials_name_touches_the_credential_and_what_follows_from_it(house):
    house.start("sms", "acme")
    house.run_to_end("acme")
    ajo = spec_data()["ajo"]
    ajo["credential"] = {"name": "acme credential 2"}
    started = house.start("sms", "acme", is_update=True, ajo=ajo)
    assert started.reruns == ["credential", "channel", "verification"]
    assert house.run_to_end("acme").status == "active"
    assert house.simulator.live("credential") == 1
    assert house.resource("acme", "ajo_credential").name == "acme credential 2"


def test_another_name_for_the_messaging_service_renames_it(house, twilio):
    house.start("sms", "acme")
    house.run_to_end("acme")
    changed = spec_data()["twilio"] | {"messaging_service": {"friendly_name": "Acme renamed"}}
    house.start("sms", "acme", is_update=True, twilio=changed)
    assert house.run_to_end("acme").status == "active"
    (service,) = twilio.list_services()
    assert service.friendly_name.startswith("Acme renamed [onb-")


def test_events_with_a_forged_signature_are_refused(house):
    import urllib.error
    import urllib.request

    house.start("sms", "acme")
    token = house.onboarding("acme").endpoint_token
    url = f"{house.settings.resolved_public_url}/twilio/{token}/status"
    request = urllib.request.Request(url, b"MessageSid=SM1&MessageStatus=delivered", {"X-Twilio-Signature": "Zm9yZ2Vk"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=5)
    assert house.of(WebhookEvent, "acme") == []
