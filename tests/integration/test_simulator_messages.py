"""Messages: which way they go, how they end, and what Twilio's signed callbacks say of it.

One file, because all of it is one object's life, told by the same few helpers.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from twilio.request_validator import RequestValidator

from tests.integration.simulator_fixture import (
    ACCOUNT,
    HANDSET,
    NUMBER,
    TOKEN,
    Callback,
    Simulator,
    Site,
    callback_site,
    check_contract,
    until,
)

AGENT = "rcs:brand_agent"


@pytest.fixture
def site() -> Iterator[Site]:
    with callback_site() as running:
        yield running


def sms_service(sim: Simulator, **form: str) -> str:
    service = sim.new_service(**form)
    assert sim.attach(service, PhoneNumberSid=sim.number_sid()).status_code == 201
    return service


def end_of(sim: Simulator, sid: str, status: str) -> dict[str, object]:
    sim.advance("1h")
    message = dict(sim.message(sid))
    assert message["status"] == status
    return message


def history_of(sim: Simulator, sid: str) -> list[str]:
    (entry,) = [message for message in sim.ledger()["messages"] if message["sid"] == sid]
    return [step["status"] for step in entry["history"]]


def is_genuine(site: Site, callback: Callback, token: str = TOKEN) -> bool:
    signature = callback.headers["X-Twilio-Signature"]
    fields = callback.fields if callback.method != "GET" else {}
    return bool(RequestValidator(token).validate(site.url + callback.path, fields, signature))


def test_an_sms_goes_from_accepted_to_delivered(sim: Simulator) -> None:
    service = sms_service(sim)
    created = sim.send(HANDSET, MessagingServiceSid=service)
    assert created.status_code == 201
    body = created.json()
    assert (body["status"], body["from"], body["messaging_service_sid"]) == ("accepted", None, service)
    check_contract("twilio_api_v2010.json", "api.v2010.account.message", body)
    assert end_of(sim, body["sid"], "delivered")["from"] == NUMBER
    assert history_of(sim, body["sid"]) == ["accepted", "queued", "sending", "sent", "delivered"]


def test_rcs_comes_first_where_the_pool_has_an_online_sender(sim: Simulator) -> None:
    sid = sim.send(HANDSET, MessagingServiceSid=sim.rcs_service()).json()["sid"]
    assert end_of(sim, sid, "read")["from"] == AGENT
    assert history_of(sim, sid)[-2:] == ["delivered", "read"]


def test_before_launch_others_get_sms_and_testers_get_rcs(sim: Simulator) -> None:
    service = sms_service(sim)
    sender = sim.new_sender(AGENT)
    sim.control("POST", f"senders/{sender['sid']}/review", {"status": "DRAFT"})
    sim.attach(service, Sid=sender["sid"])
    sms = sim.send(HANDSET, MessagingServiceSid=service).json()["sid"]
    assert end_of(sim, sms, "delivered")["from"] == NUMBER
    forced = sim.send(f"rcs:{HANDSET}", MessagingServiceSid=service).json()["sid"]
    assert end_of(sim, forced, "failed")["error_code"] == 63035
    sim.control("POST", "testers", {"sender_id": AGENT, "phone_number": HANDSET})
    tested = sim.send(f"rcs:{HANDSET}", MessagingServiceSid=service).json()["sid"]
    assert end_of(sim, tested, "read")["from"] == AGENT


def test_a_picture_makes_an_mms_and_needs_a_number_that_can(sim: Simulator) -> None:
    media = {"MediaUrl": "https://media.example/a.png"}
    sid = sim.send(HANDSET, MessagingServiceSid=sms_service(sim), **media).json()["sid"]
    assert sid.startswith("MM")
    assert end_of(sim, sid, "delivered")["num_media"] == "1"
    number = {"phone_number": "+14155559998", "capabilities": {"mms": False}}
    account = "AC" + "c" * 32
    sim.control("POST", "accounts", {"sid": account, "auth_token": "t", "numbers": [number]})
    path = f"/api.twilio.com/2010-04-01/Accounts/{account}/Messages.json"
    form = {"To": HANDSET, "From": "+14155559998", **media}
    assert sim.call("POST", path, auth=(account, "t"), data=form).json()["code"] == 21606


@pytest.mark.parametrize(
    ("to", "form", "code"),
    [
        ("nonsense", {}, 21211),
        ("+14155550610", {}, 21610),
        ("+14155550408", {}, 21408),
        (HANDSET, {"MessagingServiceSid": "MG" + "0" * 32}, 21701),
        (HANDSET, {"MessagingServiceSid": "", "From": "+14155559999"}, 21606),
        (HANDSET, {"MessagingServiceSid": ""}, 21603),
        (HANDSET, {"Body": ""}, 21602),
        (HANDSET, {"Body": "x" * 1601}, 21617),
        (HANDSET, {"StatusCallback": "http://under_score.example/"}, 21609),
        (HANDSET, {"MessagingServiceSid": "", "From": AGENT}, 21910),
        (HANDSET, {"FallbackFrom": NUMBER}, 21667),
        (HANDSET, {"MessagingServiceSid": "", "From": NUMBER, "FallbackFrom": NUMBER}, 21666),
        (f"rcs:{HANDSET}", {}, 21703),
    ],
)
def test_a_bad_message_is_refused_with_the_vendors_code(
    sim: Simulator, to: str, form: dict[str, str], code: int
) -> None:
    response = sim.send(to, **{"MessagingServiceSid": sms_service(sim), **form})
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert sim.ledger()["messages"] == []


def test_an_empty_pool_sends_nothing(sim: Simulator) -> None:
    assert sim.send(HANDSET, MessagingServiceSid=sim.new_service()).json()["code"] == 21703


def test_json_is_read_as_an_empty_form(sim: Simulator) -> None:
    response = sim.call("POST", sim.messages_url(), json={"To": HANDSET, "From": NUMBER, "Body": "x"})
    assert (response.status_code, response.json()["code"]) == (400, 21604)


@pytest.mark.parametrize(
    ("to", "status", "code", "from_"),
    [
        ("+14155553035", "failed", 63035, AGENT),
        ("+14155553036", "delivered", None, NUMBER),
        ("rcs:+14155553036", "undelivered", 63036, AGENT),
        ("+14155553106", "delivered", None, NUMBER),
        ("rcs:+14155553106", "undelivered", 63106, AGENT),
        ("+14155550003", "undelivered", 30003, AGENT),
        ("+14155550007", "undelivered", 30007, AGENT),
    ],
)
def test_the_magic_recipients_end_as_promised(
    sim: Simulator, to: str, status: str, code: int | None, from_: str
) -> None:
    sid = sim.send(to, MessagingServiceSid=sim.rcs_service()).json()["sid"]
    message = end_of(sim, sid, status)
    assert (message["error_code"], message["from"]) == (code, from_)
    assert (message["error_message"] is None) == (code is None)


def test_the_recipient_that_hangs_never_leaves_sent(sim: Simulator) -> None:
    service = sms_service(sim)
    hung = sim.send("+14155559999", MessagingServiceSid=service).json()["sid"]
    sim.advance("30d")
    assert history_of(sim, hung)[-1] == "sent"


def test_status_callbacks_are_signed_forms_and_never_tell_the_first_status(sim: Simulator, site: Site) -> None:
    service = sim.rcs_service(StatusCallback=f"{site.url}/service?x=1&y=2")
    sid = sim.send(HANDSET, MessagingServiceSid=service).json()["sid"]
    sim.advance("1h")
    assert site.statuses(sid) == ["queued", "sending", "sent", "delivered", "read"]
    assert all(is_genuine(site, callback) for callback in site.received)
    assert not any(is_genuine(site, callback, "other token") for callback in site.received)
    delivered, read = site.received[-2:]
    assert delivered.path == "/service?x=1&y=2"
    assert delivered.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert (delivered.fields["From"], delivered.fields["ChannelPrefix"]) == (AGENT, "rcs")
    assert (delivered.fields["EventType"], read.fields["EventType"]) == ("DELIVERED", "READ")
    assert delivered.headers["I-Twilio-Idempotency-Token"] != read.headers["I-Twilio-Idempotency-Token"]


def test_the_messages_own_callback_goes_before_the_services(sim: Simulator, site: Site) -> None:
    service = sms_service(sim, StatusCallback=f"{site.url}/service")
    own = f"{site.url}/own"
    sid = sim.send("+14155550007", MessagingServiceSid=service, StatusCallback=own).json()["sid"]
    sim.advance("1h")
    assert "undelivered" in site.statuses(sid)
    assert {callback.path for callback in site.received} == {"/own"}
    assert site.received[-1].fields["ErrorCode"] == "30007"
    assert "ChannelPrefix" not in site.received[-1].fields


def test_the_silent_recipient_is_delivered_without_a_callback(sim: Simulator, site: Site) -> None:
    service = sms_service(sim, StatusCallback=site.url)
    silent = sim.send("+14155558888", MessagingServiceSid=service).json()["sid"]
    loud = sim.send(HANDSET, MessagingServiceSid=service).json()["sid"]
    end_of(sim, silent, "delivered")
    assert "delivered" in site.statuses(loud)
    assert site.statuses(silent) == []


def test_the_disorderly_recipient_reports_twice_and_backwards(sim: Simulator, site: Site) -> None:
    service = sms_service(sim, StatusCallback=site.url)
    sid = sim.send("+14155557777", MessagingServiceSid=service).json()["sid"]
    order = ["delivered", "sent", "sending", "queued"]
    sim.advance("1h")
    assert site.statuses(sid) == [status for status in order for _ in range(2)]


def test_by_default_a_failed_callback_is_lost_and_leaves_an_alert(sim: Simulator, site: Site) -> None:
    site.answers = [500]
    sid = sim.send(HANDSET, From=NUMBER, StatusCallback=site.url).json()["sid"]
    sim.advance("1h")
    assert [entry["is_delivered"] for entry in sim.ledger()["callbacks"]] == [False, True, True]
    assert site.statuses(sid) == ["sending", "sent", "delivered"]
    lost = sim.ledger()["callbacks"][0]
    assert lost["attempts"] == [{"http_status": 500}]
    (alert,) = sim.call("GET", "/monitor.twilio.com/v1/Alerts", params={"LogLevel": "error"}).json()["alerts"]
    assert (alert["error_code"], alert["resource_sid"]) == ("11200", sid)
    check_contract("twilio_monitor_v1.json", "monitor.v1.alert", alert)


def test_connection_overrides_make_it_try_again_with_the_same_token(sim: Simulator, site: Site) -> None:
    site.answers = [500, 404]
    callback = f"{site.url}/cb#rc=5&rp=all"
    sim.send(HANDSET, From=NUMBER, StatusCallback=callback)
    sim.advance("1h")
    assert [entry["is_delivered"] for entry in sim.ledger()["callbacks"]] == [True] * 3
    tokens = [c.headers["I-Twilio-Idempotency-Token"] for c in site.received]
    assert (len(tokens), len(set(tokens))) == (5, 3)
    assert all(is_genuine(site, received) for received in site.received)


@pytest.mark.parametrize(
    ("policy", "status", "attempts"),
    [("4xx", 404, 2), ("4xx", 503, 1), ("5xx", 503, 2), ("5xx", 404, 1), ("ct", 503, 1)],
)
def test_the_retry_policy_names_the_failures_that_are_tried_again(
    sim: Simulator, site: Site, policy: str, status: int, attempts: int
) -> None:
    site.answers = [status]
    number_with_webhook(sim, f"{site.url}/in#rc=3&rp={policy}")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    assert len(site.received) == attempts


def test_a_webhook_that_never_accepts_is_given_up_after_its_own_time(sim: Simulator) -> None:
    with contextlib.ExitStack() as held, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        number_with_webhook(sim, f"http://127.0.0.1:{full.getsockname()[1]}/in#ct=100&rc=0")
        began = time.monotonic()
        sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
        assert time.monotonic() - began < 4, "the override went before the five seconds that are usual"
    (entry,) = sim.ledger()["callbacks"]
    assert "ConnectTimeout" in entry["attempts"][0]["error"]


def test_by_default_a_callback_is_tried_twice_when_nobody_listens(sim: Simulator) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        sim.send(HANDSET, From=NUMBER, StatusCallback=url)
        sim.advance("20m")
    callbacks = sim.ledger()["callbacks"]
    assert len(callbacks[0]["attempts"]) == 2
    assert "ConnectError" in callbacks[0]["attempts"][0]["error"]


def test_a_reply_reaches_the_senders_webhook_with_its_button(sim: Simulator, site: Site) -> None:
    service = sim.new_service(InboundRequestUrl=f"{site.url}/service")
    sender = sim.online_sender(AGENT, webhook={"callback_url": f"{site.url}/sender", "callback_method": "POST"})
    sim.attach(service, Sid=sender)
    button = {"button_payload": "yes-1", "button_text": "Yes!"}
    body = {"to": AGENT, "from": HANDSET, "body": "Yes please", **button}
    answer = sim.control("POST", "inbound", body)
    (callback,) = site.received
    assert answer["delivered_to"] == f"{site.url}/sender"
    assert is_genuine(site, callback)
    assert callback.fields["From"] == f"rcs:{HANDSET}"
    assert (callback.fields["Body"], callback.fields["ButtonPayload"]) == ("Yes please", "yes-1")
    assert callback.fields["ButtonText"] == "Yes!"
    assert (callback.fields["SmsStatus"], callback.fields["MessagingServiceSid"]) == ("received", service)
    assert sim.message(answer["sid"])["direction"] == "inbound"


@pytest.mark.parametrize(("use_number", "path"), [("false", "/service"), ("true", "/number")])
def test_a_reply_to_a_number_goes_where_the_service_says(
    sim: Simulator, site: Site, use_number: str, path: str
) -> None:
    sms_service(sim, InboundRequestUrl=f"{site.url}/service", UseInboundWebhookOnNumber=use_number)
    number = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{sim.number_sid()}.json"
    sim.call("POST", number, data={"SmsUrl": f"{site.url}/number"})
    sim.control("POST", "inbound", {"to": NUMBER, "from": HANDSET, "body": "hi"})
    assert [callback.path for callback in site.received] == [path]


def test_a_refused_reply_goes_to_the_fallback(sim: Simulator, site: Site) -> None:
    site.answers = [500]
    sms_service(sim, InboundRequestUrl=f"{site.url}/in", FallbackUrl=f"{site.url}/fallback", FallbackMethod="GET")
    answer = sim.control("POST", "inbound", {"to": NUMBER, "from": HANDSET, "body": "a b&c"})
    first, second = site.received
    assert (first.path, second.method) == ("/in", "GET")
    assert answer["delivered_to"] == f"{site.url}/fallback"
    assert "Body=a+b%26c" in second.path
    assert is_genuine(site, second)


def test_stop_ends_all_messages_until_start(sim: Simulator, site: Site) -> None:
    service = sms_service(sim, InboundRequestUrl=site.url)
    sim.control("POST", "inbound", {"to": NUMBER, "from": HANDSET, "body": " stop "})
    assert site.received[-1].fields["OptOutType"] == "STOP"
    for to in (HANDSET, f"rcs:{HANDSET}"):
        assert sim.send(to, MessagingServiceSid=service).json()["code"] == 21610
    sim.control("POST", "inbound", {"to": NUMBER, "from": HANDSET, "body": "START"})
    assert sim.send(HANDSET, MessagingServiceSid=service).status_code == 201


def test_messages_are_found_by_recipient_and_date(sim: Simulator) -> None:
    first = sim.send(HANDSET, From=NUMBER).json()["sid"]
    second = sim.send("+14155551111", From=NUMBER).json()["sid"]

    def found(**params: str) -> list[str]:
        return [m["sid"] for m in sim.call("GET", sim.messages_url(), params=params).json()["messages"]]

    assert found() == [second, first]
    assert found(To=HANDSET) == [first]
    today = sim.control("GET", "clock")["now"][:10]
    assert found(To=HANDSET, DateSent=today) == [first]
    assert found(DateSent="2020-01-01") == []
    eastward = (datetime.now(UTC) + timedelta(hours=1)).astimezone(timezone(timedelta(hours=9)))
    assert found(**{"To": HANDSET, "DateSent<": eastward.isoformat()}) == [first]
    assert found(**{"To": HANDSET, "DateSent>": eastward.isoformat()}) == []
    assert found(**{"To": HANDSET, "DateSent>": "2020-01-01"}) == [first]
    assert found(**{"To": HANDSET, "DateSent<": "2020-01-01T00:00:00Z"}) == []


def test_the_same_message_to_the_same_handset_shows_as_a_duplicate(sim: Simulator) -> None:
    service = sim.rcs_service()
    sim.send(HANDSET, MessagingServiceSid=service)
    sim.send(f"rcs:{HANDSET}", MessagingServiceSid=service)
    (duplicate,) = sim.ledger()["duplicates"]
    assert (duplicate["kind"], duplicate["to"], duplicate["count"]) == ("message", HANDSET, 2)


def number_with_webhook(sim: Simulator, url: str, number: str = NUMBER) -> None:
    path = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{sim.number_sid(number)}.json"
    assert sim.call("POST", path, data={"SmsUrl": url}).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body", "texts"),
    [
        ("text/xml", "<Response><Message>one</Message><Message><Body>two</Body></Message></Response>", ["one", "two"]),
        ("application/xml; charset=utf-8", "<?xml version='1.0'?><Response/>", []),
        ("text/plain", "just text", ["just text"]),
        ("text/html", "<p>page</p>", []),
    ],
)
def test_what_a_webhook_answers_is_sent_back_to_the_handset(
    sim: Simulator, site: Site, content_type: str, body: str, texts: list[str]
) -> None:
    site.bodies = [(content_type, body)]
    number_with_webhook(sim, f"{site.url}/in")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    replies = [m for m in sim.ledger()["messages"] if m["direction"] == "outbound-reply"]
    assert [(m["body"], m["to"], m["from"]) for m in replies] == [(text, HANDSET, NUMBER) for text in texts]


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [("text/xml", "<Response", "12100"), ("text/xml", "<Other/>", "12100"), ("application/json", "{}", "12300")],
)
def test_an_answer_that_twilio_cannot_read_raises_an_alert(
    sim: Simulator, site: Site, content_type: str, body: str, code: str
) -> None:
    site.bodies = [(content_type, body)]
    number_with_webhook(sim, f"{site.url}/in")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    (alert,) = sim.call("GET", "/monitor.twilio.com/v1/Alerts").json()["alerts"]
    assert alert["error_code"] == code


def test_no_reply_goes_to_whoever_has_just_said_stop(sim: Simulator, site: Site) -> None:
    site.bodies = [("text/plain", "sorry to hear that")]
    number_with_webhook(sim, f"{site.url}/in")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "STOP"})
    assert [m["direction"] for m in sim.ledger()["messages"]] == ["inbound"]
    (alert,) = sim.call("GET", "/monitor.twilio.com/v1/Alerts").json()["alerts"]
    assert alert["error_code"] == "21610"


@pytest.mark.parametrize(
    ("status", "method", "has_fields"),
    [(301, "GET", False), (302, "GET", False), (303, "GET", False), (307, "POST", True)],
)
def test_redirects_lose_method_and_fields_but_for_307(
    sim: Simulator, site: Site, status: int, method: str, has_fields: bool
) -> None:
    site.redirects = [(status, f"{site.url}/elsewhere")]
    number_with_webhook(sim, f"{site.url}/in")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    first, second = site.received
    assert (first.path, second.path, second.method) == ("/in", "/elsewhere", method)
    assert bool(second.fields) is has_fields
    assert is_genuine(site, second)


@pytest.mark.parametrize(("status", "calls"), [(304, 1), (307, 11)])
def test_a_redirect_to_nowhere_or_without_an_end_raises_an_alert(
    sim: Simulator, site: Site, status: int, calls: int
) -> None:
    site.redirects = [(status, f"{site.url}/in")] * 15
    number_with_webhook(sim, f"{site.url}/in")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    assert len(site.received) == calls
    (alert,) = sim.call("GET", "/monitor.twilio.com/v1/Alerts").json()["alerts"]
    assert alert["error_code"] == "11216"


def test_a_picture_from_a_handset_comes_with_its_address_and_type(sim: Simulator, site: Site) -> None:
    number_with_webhook(sim, f"{site.url}/in")
    media = ["https://media.example/a.png", "https://media.example/b"]
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "", "media": media, "copies": 2})
    first, second = site.received
    assert first.fields == second.fields
    assert (first.fields["NumMedia"], first.fields["MediaUrl1"]) == ("2", media[1])
    assert first.fields["MediaContentType0"] == "image/png"
    assert first.fields["MessageSid"].startswith("MM")
    assert first.headers["I-Twilio-Idempotency-Token"] != second.headers["I-Twilio-Idempotency-Token"]


def test_the_named_number_carries_what_rcs_cannot(sim: Simulator) -> None:
    other = "+14155550107"
    sent = sim.send("+14155553036", MessagingServiceSid=sim.rcs_service(), FallbackFrom=other).json()["sid"]
    assert end_of(sim, sent, "delivered")["from"] == other
    refused = sim.send(
        "+14155553036", MessagingServiceSid=sim.ledger()["objects"][0]["id"], FallbackFrom="+19995550000"
    )
    assert refused.json()["code"] == 21606


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"ContentSid": "HX1"}, 21655),
        ({"ContentVariables": "[1]"}, 21656),
        ({"ValidityPeriod": "0"}, 20001),
        ({"ValidityPeriod": "36001"}, 20001),
    ],
)
def test_content_that_twilio_would_not_take_is_refused(sim: Simulator, form: dict[str, str], code: int) -> None:
    assert sim.send(HANDSET, From=NUMBER, **form).json()["code"] == code


def test_a_message_on_its_way_is_neither_redacted_nor_deleted_nor_cancelled(sim: Simulator) -> None:
    sid = sim.send("+14155559999", From=NUMBER).json()["sid"]
    url = sim.messages_url(f"/{sid}.json")
    answers = [
        sim.call("POST", url, data={"Body": ""}),
        sim.call("DELETE", url),
        sim.call("POST", url, data={"Status": "canceled"}),
        sim.call("POST", url, data={"Body": "other"}),
    ]
    assert [answer.json()["code"] for answer in answers] == [20009, 20009, 30409, 20001]
    assert sim.message(sid)["body"] == "hello"


def test_a_cancelled_message_tells_its_callback_and_nothing_else(sim: Simulator, site: Site) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    form = {"MessagingServiceSid": sms_service(sim), "ScheduleType": "fixed", "SendAt": at.isoformat()}
    sid = sim.send(HANDSET, StatusCallback=f"{site.url}/s", **form).json()["sid"]
    assert sim.call("POST", sim.messages_url(f"/{sid}.json"), data={"Status": "canceled"}).status_code == 200
    until(lambda: site.received)
    sim.advance("2d")
    assert site.statuses(sid) == ["canceled"]
    assert is_genuine(site, site.received[0])


def test_a_messaging_service_may_stand_in_from(sim: Simulator) -> None:
    service = sms_service(sim)
    sent = sim.send(HANDSET, From=service, Body="x" * 161).json()
    assert (sent["status"], sent["messaging_service_sid"]) == ("accepted", service)
    delivered = end_of(sim, sent["sid"], "delivered")
    assert (delivered["from"], delivered["num_segments"]) == (NUMBER, "2")


def test_a_message_carries_ten_pictures_and_no_more(sim: Simulator) -> None:
    media = [f"https://media.example/{number}.png" for number in range(11)]
    assert sim.send(HANDSET, From=NUMBER, MediaUrl=media[:10]).status_code == 201
    assert sim.send(HANDSET, From=NUMBER, MediaUrl=media).json()["code"] == 21623


def test_lists_are_filtered_by_sender_and_pages_are_bounded(sim: Simulator) -> None:
    other = "+14155550107"
    mine = sim.send(HANDSET, From=NUMBER).json()["sid"]
    sim.send(HANDSET, From=other)
    page = sim.call("GET", sim.messages_url(), params={"From": NUMBER, "PageSize": "5000"}).json()
    assert [message["sid"] for message in page["messages"]] == [mine]
    assert page["page_size"] == 1000


def test_the_next_page_keeps_the_filters_and_leads_back(sim: Simulator) -> None:
    other = "+14155551111"
    sent = [sim.send(to, From=NUMBER).json()["sid"] for to in (HANDSET, other, HANDSET, other)]
    first = sim.call("GET", sim.messages_url(), params={"To": HANDSET, "PageSize": "1"}).json()
    second = sim.call("GET", f"/api.twilio.com{first['next_page_uri']}").json()
    assert [page["messages"][0]["sid"] for page in (first, second)] == [sent[2], sent[0]]
    assert (first["previous_page_uri"], second["next_page_uri"]) == (None, None)
    back = sim.call("GET", f"/api.twilio.com{second['previous_page_uri']}").json()
    assert back["messages"] == first["messages"]


@pytest.mark.parametrize(
    "wrong",
    [{"PageSize": "many"}, {"Page": "x"}, {"DateSent": ">=2026-01-01"}, {"DateSent<": "0001-01-01T00:00:00+14:00"}],
)
def test_a_page_or_a_date_that_is_none_is_refused(sim: Simulator, wrong: dict[str, str]) -> None:
    refused = sim.call("GET", sim.messages_url(), params=wrong)
    assert (refused.status_code, refused.json()["code"]) == (400, 20001)


def test_an_rcs_senders_own_status_callback_is_used_where_there_is_no_other(sim: Simulator, site: Site) -> None:
    sender = sim.online_sender(AGENT, webhook={"status_callback_url": f"{site.url}/own"})
    service = sim.new_service()
    sim.attach(service, Sid=sender)
    sid = sim.send(HANDSET, MessagingServiceSid=service).json()["sid"]
    sim.advance("1h")
    assert "read" in site.statuses(sid)
    assert {callback.path for callback in site.received} == {"/own"}


@pytest.mark.parametrize(("overrides", "code"), [("#rc=0", "11205"), ("#ct=100&rc=2&rp=ct", "11205")])
def test_nobody_at_the_webhook_raises_the_alert_of_a_lost_connection(sim: Simulator, overrides: str, code: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    number_with_webhook(sim, f"http://127.0.0.1:{port}/in{overrides}")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    (alert,) = sim.call("GET", "/monitor.twilio.com/v1/Alerts").json()["alerts"]
    assert alert["error_code"] == code


@pytest.mark.parametrize("overrides", ["rt=100&rc=0", "tt=100&rc=5&rp=all"])
def test_a_webhook_that_takes_longer_than_its_overrides_allow_is_given_up(
    sim: Simulator, site: Site, overrides: str
) -> None:
    site.delay_seconds = 0.3
    number_with_webhook(sim, f"{site.url}/in#{overrides}")
    sim.control("POST", "inbound", {"from": HANDSET, "to": NUMBER, "body": "hello"})
    (entry,) = sim.ledger()["callbacks"]
    assert not entry["is_delivered"]
    assert len(entry["attempts"]) == 1


def test_a_closed_account_opens_nothing(sim: Simulator) -> None:
    sim.control("POST", "accounts", {"sid": ACCOUNT, "status": "closed"})
    assert sim.call("GET", sim.messages_url()).json()["code"] == 20003
    sim.control("POST", "accounts", {"sid": ACCOUNT, "status": "active"})
