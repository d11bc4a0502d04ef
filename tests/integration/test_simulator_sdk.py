"""Twilio's own Python library, unchanged, against the simulator: it knows nothing of it but the address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderList

from tests.integration.simulator_fixture import (
    ACCOUNT,
    HANDSET,
    NUMBER,
    TOKEN,
    Simulator,
    callback_site,
)

AGENT = "rcs:brand_agent"


class PointedAt(TwilioHttpClient):
    """The library's own client; each vendor host becomes a path of the simulator."""

    def __init__(self, url: str) -> None:
        super().__init__(pool_connections=True, timeout=20)
        self.simulator = urlsplit(url)
        self.session.trust_env = False

    def request(self, method, url, *args, **options):
        wanted = urlsplit(url)
        # Where pages follow each other by full addresses, these lead to the simulator already.
        if wanted.netloc != self.simulator.netloc:
            wanted = self.simulator._replace(path=f"/{wanted.hostname}{wanted.path}", query=wanted.query)
        return super().request(method, urlunsplit(wanted), *args, **options)


@pytest.fixture
def twilio(sim: Simulator) -> Iterator[Client]:
    client = Client(ACCOUNT, TOKEN, http_client=PointedAt(sim.url))
    yield client
    client.http_client.session.close()


def online_sender(sim: Simulator, twilio: Client) -> str:
    body = ChannelsSenderList.MessagingV2ChannelsSenderRequestsCreate({"sender_id": AGENT, "friendly_name": "Brand"})
    sender = twilio.messaging.v2.channels_senders.create(messaging_v2_channels_sender_requests_create=body)
    assert sender.status == "CREATING"
    sim.advance("30d")
    return str(sender.sid)


def test_a_service_is_created_fetched_changed_and_listed(twilio: Client) -> None:
    made = twilio.messaging.v1.services.create(friendly_name="Brand", usecase="notifications")
    assert twilio.messaging.v1.services(made.sid).fetch().friendly_name == "Brand"
    changed = made.update(status_callback="https://brand.example/status")
    assert (changed.status_callback, changed.usecase) == ("https://brand.example/status", "notifications")
    assert isinstance(made.date_created, datetime)
    assert [service.sid for service in twilio.messaging.v1.services.list()] == [made.sid]
    assert made.delete() is True


def test_numbers_are_listed_with_what_they_can_do(twilio: Client) -> None:
    (number,) = twilio.incoming_phone_numbers.list(phone_number=NUMBER)
    assert number.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    assert isinstance(number.date_created, datetime)


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_pages_of_both_styles_follow_each_other_to_the_end(twilio: Client, page_size: int) -> None:
    assert len(twilio.incoming_phone_numbers.list(page_size=page_size)) == 20
    for index in range(3):
        twilio.messaging.v1.services.create(friendly_name=f"Brand {index}")
    names = [service.friendly_name for service in twilio.messaging.v1.services.list(page_size=page_size)]
    assert names == ["Brand 2", "Brand 1", "Brand 0"]


def test_an_rcs_sender_is_created_goes_online_and_is_attached(sim: Simulator, twilio: Client) -> None:
    sid = online_sender(sim, twilio)
    fetched = twilio.messaging.v2.channels_senders(sid).fetch()
    assert (fetched.status, fetched.sender_id) == ("ONLINE", AGENT)
    assert fetched.compliance["countries"][0]["status"] == "ONLINE"
    assert [sender.sid for sender in twilio.messaging.v2.channels_senders.list(channel="rcs")] == [sid]
    service = twilio.messaging.v1.services.create(friendly_name="Brand")
    attached = service.channel_senders.create(sid=sid)
    assert (attached.sender, attached.sender_type) == (AGENT, "RCS")
    assert [sender.sid for sender in service.channel_senders.list()] == [sid]
    with pytest.raises(TwilioRestException) as refused:
        service.channel_senders.create(sid=sid)
    assert (refused.value.status, refused.value.code) == (409, 21710)


def test_a_restricted_key_sends_and_may_not_read_the_account(sim: Simulator, twilio: Client) -> None:
    allow = ["/twilio/messaging/messages/create", "/twilio/messaging/messages/read"]
    key = twilio.iam.v1.new_api_key.create(
        account_sid=ACCOUNT, friendly_name="bridge", key_type="restricted", policy={"allow": allow}
    )
    assert key.policy == {"allow": allow}
    limited = Client(key.sid, key.secret, ACCOUNT, http_client=PointedAt(sim.url))
    sent = limited.messages.create(to=HANDSET, from_=NUMBER, body="hello")
    assert limited.messages(sent.sid).fetch().body == "hello"
    with pytest.raises(TwilioRestException) as refused:
        limited.api.v2010.accounts(ACCOUNT).fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)
    with pytest.raises(TwilioException, match="70051"):
        limited.messages.list()
    limited.http_client.session.close()
    assert twilio.iam.v1.api_key(key.sid).delete() is True


def test_a_message_is_sent_followed_listed_by_date_and_redacted(sim: Simulator, twilio: Client) -> None:
    sent = twilio.messages.create(to=HANDSET, from_=NUMBER, body="hello")
    assert (sent.status, sent.direction) == ("queued", "outbound-api")
    sim.advance("1h")
    done = sent.fetch()
    assert done.status == "delivered"
    assert isinstance(done.date_sent, datetime)
    today = datetime.now(UTC)
    assert [message.sid for message in twilio.messages.list(to=HANDSET, date_sent_after=today - timedelta(days=1))] == [
        sent.sid
    ]
    assert twilio.messages.list(date_sent_before=today - timedelta(days=2)) == []
    assert [message.sid for message in twilio.messages.list(date_sent=done.date_sent.date())] == [sent.sid]
    assert twilio.messages.list(date_sent=today - timedelta(days=2)) == []
    assert twilio.messages.list(to="+14155559999") == []
    assert done.update(body="").body == ""
    assert done.delete() is True
    with pytest.raises(TwilioRestException) as gone:
        sent.fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_a_scheduled_message_waits_goes_out_on_its_day_or_is_cancelled(sim: Simulator, twilio: Client) -> None:
    service = twilio.messaging.v1.services.create(friendly_name="Brand")
    service.phone_numbers.create(phone_number_sid=sim.number_sid())
    when = datetime.now(UTC) + timedelta(days=3)

    def schedule():
        return twilio.messages.create(
            to=HANDSET, messaging_service_sid=service.sid, body="later", schedule_type="fixed", send_at=when
        )

    first, second = schedule(), schedule()
    assert (first.status, first.date_sent) == ("scheduled", None)
    assert second.update(status="canceled").status == "canceled"
    sim.advance("4d")
    assert first.fetch().status == "delivered"
    assert second.fetch().status == "canceled"
    with pytest.raises(TwilioRestException) as too_late:
        first.update(status="canceled")
    assert too_late.value.code == 30409


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"send_at": None}, 35111),
        ({"send_at": timedelta(minutes=1)}, 35114),
        ({"send_at": timedelta(days=36)}, 35114),
        ({"schedule_type": "monthly"}, 35126),
    ],
)
def test_a_schedule_that_twilio_would_not_keep_is_refused(
    sim: Simulator, twilio: Client, change: dict[str, object], code: int
) -> None:
    service = twilio.messaging.v1.services.create(friendly_name="Brand")
    service.phone_numbers.create(phone_number_sid=sim.number_sid())
    form = {"schedule_type": "fixed", "send_at": timedelta(days=1)} | change
    if form["send_at"] is None:
        del form["send_at"]
    else:
        form["send_at"] = datetime.now(UTC) + form["send_at"]
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=HANDSET, messaging_service_sid=service.sid, body="x", **form)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_the_librarys_validator_accepts_every_callback_and_no_changed_one(sim: Simulator, twilio: Client) -> None:
    validator = RequestValidator(TOKEN)
    with callback_site() as site:
        address = f"{site.url}/status?brand=a%20b&x=1#rc=2&rp=all"
        sid = online_sender(sim, twilio)
        service = twilio.messaging.v1.services.create(
            friendly_name="Brand", status_callback=address, inbound_request_url=f"{site.url}/in"
        )
        service.channel_senders.create(sid=sid)
        sent = twilio.messages.create(to=HANDSET, messaging_service_sid=service.sid, body="Größe ✓")
        for copies in (1, 2):
            body = {"from": HANDSET, "to": AGENT, "body": "ja & nein + ü", "copies": copies, "button_payload": "p=1"}
            sim.control("POST", "inbound", body)
        sim.advance("1h")
        assert "read" in site.statuses(sent.sid)
        assert len(site.received) == 5 + 3
        for callback in site.received:
            signature = callback.headers["X-Twilio-Signature"]
            assert validator.validate(site.url + callback.path, callback.fields, signature)
            assert not validator.validate(site.url + callback.path, callback.fields | {"To": "x"}, signature)


def test_the_errors_of_the_library_carry_code_and_more_info(twilio: Client) -> None:
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to="nonsense", from_=NUMBER, body="x")
    assert (refused.value.status, refused.value.code) == (400, 21211)
    assert "nonsense" in refused.value.msg
    stranger = Client(ACCOUNT, "wrong", http_client=twilio.http_client)
    with pytest.raises(TwilioRestException) as unknown:
        stranger.api.v2010.accounts(ACCOUNT).fetch()
    assert (unknown.value.status, unknown.value.code) == (401, 20003)


def test_alerts_tell_of_webhooks_that_failed(sim: Simulator, twilio: Client) -> None:
    with callback_site() as site:
        site.answers = [500]
        (number,) = twilio.incoming_phone_numbers.list(phone_number=NUMBER)
        number.update(sms_url=f"{site.url}/in")
        sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
        (alert,) = twilio.monitor.v1.alerts.list(log_level="error")
        assert (alert.error_code, alert.request_url) == ("11200", f"{site.url}/in")
        assert alert.fetch().alert_text == alert.alert_text
        assert twilio.monitor.v1.alerts.list(log_level="warning") == []


def test_events_tell_who_changed_a_number_and_when_but_not_to_a_key_that_may_not_read_them(
    sim: Simulator, twilio: Client
) -> None:
    (number,) = twilio.incoming_phone_numbers.list(phone_number=NUMBER)
    number.update(sms_url="https://acme.test/a")
    allow = ["/twilio/phone-numbers/incoming/update"]

    def signed_in() -> Client:
        policy = {"allow": allow}
        key = twilio.iam.v1.new_api_key.create(
            account_sid=ACCOUNT, friendly_name="k", key_type="restricted", policy=policy
        )
        return Client(key.sid, key.secret, ACCOUNT, http_client=PointedAt(sim.url))

    limited = signed_in()
    limited.incoming_phone_numbers(number.sid).update(sms_url="https://acme.test/b")
    with pytest.raises(TwilioException, match="70051"):
        limited.monitor.v1.events.list()
    limited.http_client.session.close()
    allow.append("/twilio/monitor/events/read")
    reading = signed_in()
    by_key, by_account = reading.monitor.v1.events.list(resource_sid=number.sid)
    reading.http_client.session.close()
    assert (by_key.actor_type, by_key.actor_sid, by_key.source) == ("api-key", limited.username, "api")
    assert (by_account.actor_type, by_account.actor_sid) == ("account", ACCOUNT)
    changed = {"sms_url": {"previous": "https://acme.test/a", "updated": "https://acme.test/b"}}
    assert by_key.event_data == {"resource_properties": changed}
    assert by_key.fetch().event_date == by_key.event_date
