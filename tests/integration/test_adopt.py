"""Taking over what was set up by hand: all of it found, every difference named, nothing changed at a vendor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.adopt import adopt, rehearse
from engine.commands import NotPossible
from engine.endpoints import send_url
from engine.plan import LATER
from models.states import OnboardingState, Provenance
from models.tables import Event, OperatorTask, Resource
from providers.ajo.client import AjoClient
from providers.errors import OnboardingError
from providers.http import ReadOnly
from providers.twilio.client import TwilioClient
from tasks.adoption import find_objects
from tasks.vendors import make_readers
from tests.factories import ACCOUNT_SID, make_spec, spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.test_teardown import begin, live, open_task, run_until_removed, say_done

SECRETS = {"twilio.auth_token": AUTH_TOKEN, "ajo.client_secret": CLIENT_SECRET}


@pytest.fixture
def house(empty_house):
    return empty_house


def take_over(house, spec):
    vendors = make_readers(house.settings, spec, SECRETS.__getitem__)
    shop = replace(house.shop, make_vendors=make_readers)
    look = find_objects(vendors, spec, by="Jo Doe")
    rehearsed = rehearse(shop, spec, SECRETS, look)
    adopted = adopt(shop, spec, SECRETS, look)
    token = house.onboarding(spec.name).endpoint_token
    told = [{key: value.replace(token, LATER) for key, value in one.items()} for one in adopted.findings]
    # A review may have moved between the two looks.
    first, second = ([one for one in each if "launch." not in one["problem"]] for each in (rehearsed.findings, told))
    assert first == second, "a dry run says the same"
    assert rehearsed.status is adopted.status
    return adopted


def writes(house):
    """Calls that are none of reading or signing in, as the simulator counts them."""
    calls = house.simulator.ledger["calls"]
    return {key: count for key, count in calls.items() if not key.startswith("GET ") and "/ims/" not in key}


def set_up_by_hand(house, channel="sms"):
    """A working channel that carries no mark of ours."""
    twilio = TwilioClient(house.settings, account_sid=ACCOUNT_SID, username=ACCOUNT_SID, password=AUTH_TOKEN)
    spec = make_spec(channel)
    ajo = AjoClient(
        house.settings,
        organization_id=spec.ajo.organization_id,
        sandbox="prod",
        client_id=spec.ajo.client_id,
        client_secret=CLIENT_SECRET,
        scopes=spec.ajo.scopes,
    ).automation
    service = twilio.create_service(friendly_name="Acme acme")
    number = twilio.find_number(spec.twilio.numbers[0])
    twilio.add_service_number(service.sid, number.sid)
    credential = {"name": "acme credential", "vendor": "twilio", "channel_type": channel.upper()}
    credential |= {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "message_sid": service.sid}
    credential |= {"inbound_number": spec.sender}
    if channel == "rcs":
        credential = {"name": "acme credential", "vendor": "custom", "channel_type": "RCS"}
        template = '{"from": "{{fromNumber}}", "to": "{{toNumber}}", "text": "{{message}}"}'
        credential |= {"provider_url": "https://relay.example.com/send", "payload_template": template}
        sender = twilio.create_sender(
            sender_id=spec.rcs.sender_id, profile={}, webhook={"callback_url": "https://relay.example.com/in"}
        )
        twilio.add_channel_sender(service.sid, sender.sid)
    credential_id = ajo.create("credentials", credential)["id"]
    configuration = {"name": "acme_config", "channel": "sms", "message_type": "transactional", "sender": spec.sender}
    configuration |= {"credential_id": credential_id, "subdomain": None, "execution_field": None, "dataset": None}
    ajo.create("channel-configurations", configuration | {"marketing_actions": []})
    house.run_until(lambda: _is_active(house), what="the configuration is active")
    return twilio, service, ajo


def _is_active(house):
    spec = make_spec("sms")
    vendors = make_readers(house.settings, spec, SECRETS.__getitem__)
    surface = vendors.ajo.surfaces.find_surface("acme_config")
    return surface is not None and surface.status == "Active"


def test_a_channel_as_declared_is_active_at_once_and_teardown_leaves_it_alone(house):
    set_up_by_hand(house)
    before, there = writes(house), live(house)
    adopted = take_over(house, make_spec("sms"))
    assert adopted.findings == []
    assert adopted.status is OnboardingState.ACTIVE
    assert {row.provenance for row in house.of(Resource, "acme")} == {Provenance.ADOPTED}
    assert [step.state for step in house.steps("acme")] == ["succeeded", "skipped", *["succeeded"] * 3]
    assert house.onboarding("acme").next_verification_at is not None
    with pytest.raises(NotPossible, match="is here already"):
        take_over(house, make_spec("sms"))
    house.command("verify", "acme", sends_message=False)
    assert house.run_to_end("acme").status == "active", house.story()
    begin(house, "acme")
    run_until_removed(house, "acme")
    assert writes(house) == before, "not a single write"
    assert live(house) == there


def test_every_difference_is_named_and_a_retry_mends_what_it_can(house):
    twilio, service, _ = set_up_by_hand(house)
    number = twilio.find_number("+14155550101")
    twilio.remove_service_number(service.sid, number.sid)
    before = writes(house)
    configuration = spec_data("sms")["ajo"]["channel_configuration"] | {"message_type": "marketing"}
    adopted = take_over(house, make_spec("sms", ajo=spec_data("sms")["ajo"] | {"channel_configuration": configuration}))
    assert adopted.status is OnboardingState.DEGRADED
    assert [finding["problem"] for finding in adopted.findings] == [
        "numbers is (none), wanted +14155550101",
        "message_type is transactional, wanted marketing",
    ]
    assert writes(house) == before
    house.command("retry", "acme")
    house.run_until(lambda: house.waits_for_person("acme"), what="AJO's difference needs a person")
    assert [each.phone_number for each in twilio.list_service_numbers(service.sid)] == ["+14155550101"]
    assert live(house) == {"messaging_service": 1, "credential": 1, "channel_configuration": 1}
    begin(house, "acme")
    run_until_removed(house, "acme")
    assert twilio.list_service_numbers(service.sid) == [], "what onboard put in is taken out"


def test_an_rcs_channel_on_another_relay_is_taken_over_with_what_leads_elsewhere(house):
    set_up_by_hand(house, "rcs")
    before = writes(house)
    adopted = take_over(house, make_spec("rcs"))
    assert adopted.status is OnboardingState.DEGRADED
    said = " | ".join(f"{finding['subject']} {finding['problem']}" for finding in adopted.findings)
    for words in (
        "Twilio key of the bridge does not exist",
        "AJO inbound webhook acme inbound does not exist",
        "AJO feedback webhook acme feedback does not exist",
        "AJO credential acme credential sends to https://relay.example.com/send, not to the gateway",
        "callback_url is https://relay.example.com/in, wanted",
        "inbound_request_url is (none), wanted",
    ):
        assert words in said
    assert writes(house) == before
    assert "onboarding:adopted" in [row.kind for row in house.of(Event, "acme")]


def test_an_adopted_credential_that_was_pointed_at_the_gateway_is_not_left_with_a_dead_address(house):
    ajo = set_up_by_hand(house, "rcs")[2]
    take_over(house, make_spec("rcs"))
    gateway = send_url(house.settings.resolved_public_url, house.onboarding("acme").endpoint_token)
    found = ajo.find("credentials", "acme credential")
    body = {key: value for key, value in found.items() if key != "id"}
    ajo.update("credentials", found["id"], body | {"provider_url": gateway})
    begin(house, "acme")
    house.run_until(lambda: open_task(house, "acme"), what="a person is asked")
    (task,) = [row for row in house.of(OperatorTask, "acme") if row.state == "open"]
    assert task.key == "restore-credential"
    assert task.fields == [{"label": "Provider URL", "value": "https://relay.example.com/send"}]
    say_done(house, "acme", task.key)
    house.run_until(lambda: "still sends to onboard" in house.story(), what="a word alone is not believed")
    ajo.update("credentials", found["id"], body)
    say_done(house, "acme", "credential-url")
    run_until_removed(house, "acme")


def test_what_cannot_be_found_or_asked_is_not_taken_over(house):
    with pytest.raises(NotPossible, match="nothing of acme is there"):
        take_over(house, make_spec("sms"))
    house.simulator.post("faults", {"match": {"path_regex": "/v1/Services"}, "action": "status", "status": 503})
    with pytest.raises(OnboardingError):
        take_over(house, make_spec("sms"))
    assert house.read(Resource.select()) == []
    vendors = make_readers(house.settings, make_spec("sms"), SECRETS.__getitem__)
    with pytest.raises(ReadOnly):
        vendors.twilio.create_service(friendly_name="x")
    with pytest.raises(ReadOnly):
        vendors.ajo.automation.create("credentials", {"name": "x"})
