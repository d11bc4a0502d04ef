"""Taken down over real HTTP: what onboard made is gone, what was there before is as it was, whatever comes between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from engine import teardown, wake
from engine.clock import now
from engine.context import StepContext
from engine.endpoints import inbound_url, status_url
from engine.operator_commands import report_done
from engine.removal import Choice
from engine.runner import run_step
from models.states import OnboardingState, StepState
from models.tables import Event, Onboarding, OperatorTask, Resource, Secret, Step
from providers.ajo.client import AjoClient
from providers.http import Http
from providers.twilio.client import TwilioClient
from tasks.steps import CATALOGUE
from tasks.vendors import make_readers
from tests.factories import ACCOUNT_SID, spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.services import eventually

ORGANIZATION = "5105A7E0C0FFEE@AdobeOrg"
REMOVED = OnboardingState.REMOVED


def begin(house, name, **choice):
    with house.db.begin() as connection:
        teardown.begin(connection, CATALOGUE, name, Choice(**choice), actor="jo", at=now(), grace_seconds=2)


def live(house):
    counts = house.simulator.ledger["counts"]
    return {kind: count["live"] for kind, count in counts.items() if kind != "message" and count["live"]}


def removed(house, name):
    return house.onboarding(name).status is REMOVED


def run_until_removed(house, name):
    house.run_until(lambda: removed(house, name), what=f"{name} is removed")


def open_task(house, name):
    rows = house.read(
        select(OperatorTask.c.key)
        .join(Onboarding, Onboarding.c.id == OperatorTask.c.onboarding_id)
        .where(Onboarding.c.name == name, OperatorTask.c.state == "open")
    )
    return rows[0].key if rows else None


def say_done(house, name, key, **values):
    with house.db.begin() as connection:
        report_done(
            connection, name, key, values=values, exhibits=(), vault=house.vault, by="Jo Doe", at=now(), grace_seconds=2
        )


def test_what_three_channels_made_is_gone_and_the_name_is_free_again(house):
    names = {channel: f"acme-{channel}" for channel in ("sms", "mms", "rcs")}
    for channel, name in names.items():
        house.start(channel, name)
    for name in names.values():
        assert house.run_to_end(name).status == "active", house.story()
    gateway = f"{house.settings.resolved_public_url}/twilio/{house.onboarding('acme-rcs').endpoint_token}/status"
    first = house.onboarding("acme-sms").id
    for name in names.values():
        begin(house, name)
    house.run_until(lambda: open_task(house, "acme-rcs"), what="a person has to delete the sender")
    assert open_task(house, "acme-rcs") == "remove-rcs-sender"
    assert live(house) == {"rcs_sender": 1}, "the sender alone is left to a person"
    assert post_status(gateway) == 403, "Twilio is still listened to"
    house.simulator.delete("senders/rcs:acme_rcs_agent")
    say_done(house, "acme-rcs", "remove-rcs-sender")
    for name in names.values():
        run_until_removed(house, name)
    assert live(house) == {}
    assert house.simulator.ledger["duplicates"] == []
    assert house.read(select(Secret)) == []
    assert {row.state for row in house.read(select(Resource))} == {"gone"}
    eventually(lambda: post_status(gateway) == 404, within=10, what="the address is nobody's any more")
    house.start("sms", "acme-sms")
    assert house.run_to_end("acme-sms").status == "active", house.story()
    assert house.onboarding(f"acme-sms~{first}").status is REMOVED


def post_status(url):
    """What the gateway answers to an unsigned status event."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return httpx.post(url, content="MessageSid=SM1&MessageStatus=sent", headers=form).status_code


def twilio(house):
    return TwilioClient(house.settings, account_sid=ACCOUNT_SID, username=ACCOUNT_SID, password=AUTH_TOKEN)


def before_onboard(house):
    """A service and a sender that somebody set up by hand, with addresses of their own."""
    api = twilio(house)
    service = api.create_service(friendly_name="Acme by hand", status_callback="https://old.example.com/status")
    form = {
        "InboundRequestUrl": "https://old.example.com/in",
        "InboundMethod": "GET",
        "UseInboundWebhookOnNumber": "true",
    }
    api.messaging.request("POST", f"/v1/Services/{service.sid}", form=form, operation="set it up")
    sender = api.create_sender(
        sender_id="rcs:acme_agent",
        profile={"name": "Acme Coffee"},
        webhook={"callback_url": "https://old.example.com/in", "status_callback_url": None},
    )
    return service.sid, sender.sid


def as_it_is(house, service_sid, sender_sid):
    api = twilio(house)
    service = api.messaging.request("GET", f"/v1/Services/{service_sid}", operation="look")
    sender = api.messaging.request("GET", f"/v2/Channels/Senders/{sender_sid}", operation="look")
    pool = [*api.list_service_numbers(service_sid), *api.list_channel_senders(service_sid)]
    return {key: value for key, value in service.items() if key != "date_updated"}, sender["webhook"], pool


def adopted_spec(service_sid):
    return spec_data("rcs")["twilio"] | {"messaging_service": {"sid": service_sid}}


def point_sender_at_the_gateway(house, name):
    token, url = house.onboarding(name).endpoint_token, house.settings.resolved_public_url
    webhook = {"callback_url": inbound_url(url, token), "status_callback_url": status_url(url, token)}
    webhook |= {"callback_method": "POST", "status_callback_method": "POST"}
    house.simulator.patch("senders/rcs:acme_agent", {"webhook": webhook})


def test_what_was_there_before_is_as_it_was(house):
    """A person puts back the sender's addresses: Twilio's API cannot. The service's are ours to put back."""
    sids = before_onboard(house)
    before = as_it_is(house, *sids)
    house.start("rcs", "acme", twilio=adopted_spec(sids[0]))
    house.run_until(lambda: house.waits_for_person("acme"), what="the sender's webhooks have to be set by hand")
    point_sender_at_the_gateway(house, "acme")
    house.command("retry", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    assert as_it_is(house, *sids) != before
    begin(house, "acme")
    house.run_until(lambda: open_task(house, "acme"), what="a person is asked")
    (task,) = house.read(select(OperatorTask).where(OperatorTask.c.state == "open"))
    assert task.key == "restore-rcs-sender"
    assert [field.get("value") for field in task.fields] == ["https://old.example.com/in", None]
    say_done(house, "acme", task.key)
    house.run_until(lambda: "still reports to onboard" in house.story(), what="a word alone is not believed")
    old = {"callback_url": "https://old.example.com/in", "callback_method": None}
    old |= {"status_callback_url": None, "status_callback_method": None}
    house.simulator.patch("senders/rcs:acme_agent", {"webhook": old})
    say_done(house, "acme", "sender-callbacks")
    run_until_removed(house, "acme")
    assert as_it_is(house, *sids) == before
    assert live(house) == {"messaging_service": 1, "rcs_sender": 1}


def test_what_another_onboarding_uses_stays_until_that_goes(house):
    house.start("sms", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    service = house.resource("acme", "twilio_messaging_service").external_id
    shared = spec_data("sms")["twilio"] | {"messaging_service": {"sid": service}, "numbers": ["+14155550102"]}
    house.start("sms", "bistro", twilio=shared)
    assert house.run_to_end("bistro").status == "active", house.story()
    begin(house, "acme")
    run_until_removed(house, "acme")
    assert "kept, used by bistro too" in house.steps("acme")[0].reason
    assert live(house) == {"messaging_service": 1, "credential": 1, "channel_configuration": 1}
    begin(house, "bistro", adopted=True)
    run_until_removed(house, "bistro")
    assert live(house) == {}


CALLS = [
    ("GET", r"/iam\.twilio\.com/v1/Keys$"),
    ("DELETE", r"/iam\.twilio\.com/v1/Keys/SK\w+$"),
    ("GET", r"/automation/channel-configurations/"),
    ("DELETE", r"/automation/channel-configurations/"),
    ("DELETE", r"/automation/credentials/"),
    ("DELETE", r"/automation/webhooks/"),
    ("GET", r"/v1/Services$"),
    ("DELETE", r"/v1/Services/MG\w+$"),
]
FAULTS = {
    "429": {"action": "status", "status": 429, "code": 20429, "retry_after": 0.05},
    "500": {"action": "status", "status": 500},
    "a dropped connection": {"action": "reset"},
    "an answer that got lost after the work was done": {"action": "reply_lost"},
}


@pytest.fixture
def house(empty_house):
    return empty_house


@pytest.fixture
def torn(house):
    """An RCS onboarding whose sender a person has deleted beforehand."""
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    house.simulator.delete("senders/rcs:acme_agent")
    return house


def test_the_plan_only_reads_and_comes_true_though_every_call_fails_in_many_ways(torn):
    shop = replace(torn.shop, make_vendors=make_readers)
    calls = torn.simulator.ledger["calls"]
    plan = teardown.plan(shop, "acme", Choice())
    made = {key for key, count in torn.simulator.ledger["calls"].items() if count != calls.get(key)}
    assert all("GET" in key or "ims" in key for key in made), made
    assert [(each.step, each.kind, each.fate.value) for each in plan.removals] == [
        ("verification", "twilio_api_key", "remove"),
        ("channel", "ajo_channel_configuration", "remove"),
        ("credential", "ajo_credential", "remove"),
        ("webhook", "ajo_feedback_webhook", "remove"),
        ("webhook", "ajo_inbound_webhook", "remove"),
        ("registration", "twilio_messaging_service", "remove"),
        ("registration", "twilio_rcs_sender", "gone"),
    ]
    assert torn.onboarding("acme").status == "active"
    for fault in FAULTS.values():
        for method, path in CALLS:
            torn.simulator.post("faults", {"match": {"method": method, "path_regex": path}, "times": 1, **fault})
    begin(torn, "acme")
    run_until_removed(torn, "acme")
    assert live(torn) == {}
    assert [rule["match"] for rule in torn.simulator.faults if not rule["hits"]] == []
    events = [row.text for row in torn.of(Event, "acme") if row.kind == "resource:removed"]
    assert [text.rpartition(": ")[2] for text in events] == ["removed"] * 6 + ["gone already"]


class Died(BaseException):
    """The process ends here."""


def test_its_process_may_die_before_and_after_each_call_and_each_commit(torn, monkeypatch):
    """Each attempt gets one vendor call or commit further than the one before; what it left is found again."""
    budget = {"left": 0, "deaths": 0}

    def spend():
        budget["left"] -= 1
        if budget["left"] < 0:
            budget["deaths"] += 1
            raise Died

    original_call, original_write = Http.request, StepContext.write

    def call(self, *args, **options):
        spend()
        answer = original_call(self, *args, **options)
        spend()
        return answer

    def write(self, work):
        spend()
        original_write(self, work)
        spend()

    begin(torn, "acme")
    monkeypatch.setattr(Http, "request", call)
    monkeypatch.setattr(StepContext, "write", write)
    for step in reversed(CATALOGUE.names):
        length = 0
        while {row.name: row.state for row in torn.steps("acme")}[step] != "succeeded":
            budget["left"] = length
            length += 1
            try:
                run_step(torn.shop, torn.onboarding("acme").id, step)
            except Died:
                take_over(torn)
    assert removed(torn, "acme")
    assert live(torn) == {}
    assert budget["deaths"] > 20
    gone = {row.kind: row.details["gone"] for row in torn.read(select(Resource))}
    assert gone == dict.fromkeys(gone, "removed") | {"twilio_rcs_sender": "gone already"}


def take_over(house):
    """As the sweep does once the dead worker's lease is over, without its count of lost leases."""
    with house.db.begin() as connection:
        connection.execute(update(Step).where(Step.c.state == StepState.RUNNING).values(due_at=now(), lost_leases=0))
        wake.sweep(connection, at=now() + timedelta(seconds=1), grace_seconds=2)


def test_a_live_campaign_holds_it_up_and_cancel_and_retry_build_it_up_again(house):
    house.start("sms", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    campaign = {"name": "Sale", "channel_configuration": "acme_config", "text": "Hi"}
    house.simulator.post("campaigns", campaign)
    begin(house, "acme")
    house.run_until(lambda: house.waits_for_person("acme"), what="AJO refuses")
    assert "The live campaign Sale uses this channel configuration" in house.onboarding("acme").reason
    house.command("cancel", "acme")
    assert house.onboarding("acme").status == "cancelled"
    house.command("retry", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    begin(house, "acme", keep=("channel-configuration", "credential"))
    run_until_removed(house, "acme")
    assert live(house) == {"channel_configuration": 1, "credential": 1}


def test_what_a_person_made_a_person_takes_away_and_adobe_is_asked_where_it_can_be(house):
    ajo = AjoClient(
        house.settings,
        organization_id=ORGANIZATION,
        sandbox="prod",
        client_id="onboard-simulator",
        client_secret=CLIENT_SECRET,
        scopes=["openid", "AdobeID", "read_organizations", "additional_info.projectedProductContext", "session"],
    )
    house.start("sms", "acme", ajo=spec_data("sms")["ajo"] | {"driver": "guided"})
    house.run_until(lambda: open_task(house, "acme") == "credential", what="the credential is asked for")
    body = {"name": "acme credential", "vendor": "twilio", "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
    credential = ajo.automation.create("credentials", body)
    say_done(house, "acme", "credential")
    house.run_until(lambda: open_task(house, "acme") == "channel-configuration", what="and the configuration")
    body = {"name": "acme_config", "channel": "sms", "message_type": "transactional", "sender": "+14155550101"}
    ajo.automation.create("channel-configurations", body | {"credential_id": credential["id"]})
    say_done(house, "acme", "channel-configuration")
    house.run_until(lambda: house.onboarding("acme").status == "active", what="active")
    begin(house, "acme")
    house.run_until(lambda: open_task(house, "acme"), what="a person is asked")
    assert open_task(house, "acme") == "remove-channel-configuration"
    say_done(house, "acme", "remove-channel-configuration")
    house.run_until(lambda: "still shows the channel configuration" in house.story(), what="Adobe says otherwise")
    house.simulator.post("channel-configurations/acme_config/deactivate", {})
    say_done(house, "acme", "still-active")
    house.run_until(lambda: open_task(house, "acme") == "remove-credential", what="the credential is next")
    say_done(house, "acme", "remove-credential")
    run_until_removed(house, "acme")
    gone = {row.kind: row.details["gone"] for row in house.read(select(Resource))}
    assert gone == {
        "twilio_messaging_service": "removed",
        "ajo_credential": "removed by hand, says Jo Doe",
        "ajo_channel_configuration": "deactivated; its name stays taken in AJO",
    }
    assert live(house) == {"credential": 1, "channel_configuration": 1}, "nobody deletes for a person who says so"
    made_by = {row.key: row.digest for row in house.of(OperatorTask, "acme") if not row.key.startswith("remove-")}
    assert made_by == {"credential": "", "channel-configuration": ""}, "built up again, a person would be asked again"
