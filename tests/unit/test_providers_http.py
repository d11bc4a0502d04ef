from __future__ import annotations

import gzip
import logging
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore
import httpx
import pytest

from providers import http as http_module
from providers.answers import LONGEST_RETRY_AFTER_SECONDS, read_answer, retry_after
from providers.connections import thread_client, tls_context
from providers.errors import CallContext, Misconfigured, NeedsPerson, RateLimited, Refused, Retryable
from providers.http import Http, ReadOnly
from providers.writes import checked
from tests.unit.providers_world import Vendor, http, refuse


def ask(vendor: Vendor, method: str = "GET", **options):
    return http(vendor).request(method, "/things", operation="read things", **options)


def test_a_json_object_comes_back_and_no_body_is_none():
    assert ask(Vendor(httpx.Response(200, json={"a": 1}))) == {"a": 1}
    assert ask(Vendor(httpx.Response(204)), "DELETE") is None


def test_a_path_prefix_of_the_base_url_is_kept():
    vendor = Vendor(httpx.Response(204))
    http(vendor, "http://127.0.0.1:8800/api.twilio.com/").request("GET", "/v1", operation="read")
    assert str(vendor.requests[0].url) == "http://127.0.0.1:8800/api.twilio.com/v1"


def test_form_json_query_and_sign_in_go_out_as_given():
    vendor = Vendor(httpx.Response(204))
    api = http(vendor, auth=("user", "password-of-user"), headers={"x-a": "1"})
    api.request("POST", "/f", operation="o", form={"A": "1 2"}, headers={"x-b": "2"})
    api.request("POST", "/j", operation="o", json={"a": [1]}, params={"q": "x y"})
    form, json = vendor.requests
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form.content == b"A=1+2"
    assert (form.headers["x-a"], form.headers["x-b"]) == ("1", "2")
    assert form.headers["authorization"].startswith("Basic ")
    assert json.headers["content-type"] == "application/json"
    assert (json.content, json.url.params["q"]) == (b'{"a":[1]}', "x y")
    assert len(form.headers["x-request-id"]) == 32
    assert form.headers["x-request-id"] != json.headers["x-request-id"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_a_request_that_never_left_is_never_ambiguous(failure, method):
    with pytest.raises(Retryable, match="Vendor cannot be reached") as caught:
        ask(Vendor(failure("no way")), method)
    assert not caught.value.ambiguous


class Wire(httpcore.MockBackend):
    """A network on which a connection stands at once; it keeps what is written."""

    def __init__(self):
        super().__init__([b"HTTP/1.1 204 No Content\r\n\r\n"])
        self.log = []

    def connect_tcp(self, *args, **options):
        self.log.append("connected")
        stream = super().connect_tcp(*args, **options)
        stream.write = self.write
        return stream

    def write(self, data, timeout=None):
        method, _, rest = data.partition(b" ")
        self.log += [method.decode()] if rest else []


def over(wire):
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(network_backend=wire)
    return Http(
        "Vendor", "http://127.0.0.1:1", timeout_seconds=2, classify=refuse, client=httpx.Client(transport=transport)
    )


def test_a_write_is_asked_about_once_more_when_the_connection_stands():
    """Connecting may have outlasted the lease."""
    wire = Wire()
    with checked(lambda: wire.log.append("asked")):
        over(wire).request("POST", "/things", operation="make a thing")
        assert wire.log == ["asked", "connected", "asked", "POST"]
        wire.log.clear()
        over(wire).request("GET", "/things", operation="read things")
        assert wire.log == ["connected", "GET"]


def test_what_forbids_a_write_on_a_connection_that_stands_is_raised_as_it_is():
    class Forbidden(Exception):
        pass

    def forbid():
        if wire.log:
            raise Forbidden

    wire = Wire()
    with checked(forbid), pytest.raises(Forbidden):
        over(wire).request("POST", "/things", operation="make a thing")
    assert wire.log == ["connected"]


@pytest.mark.parametrize(("said", "shown"), [("no such host", "no such host"), ("", "ConnectError")])
def test_the_reason_of_a_failed_connection_is_told(said, shown):
    with pytest.raises(Retryable) as caught:
        ask(Vendor(httpx.ConnectError(said)))
    assert caught.value.message == f"Vendor cannot be reached ({shown}) to read things"


@pytest.mark.parametrize(("method", "is_ambiguous"), [("GET", False), ("POST", True), ("PUT", True), ("DELETE", True)])
@pytest.mark.parametrize(
    "failure", [httpx.ReadTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.DecodingError]
)
def test_a_write_without_an_answer_is_ambiguous(failure, method, is_ambiguous):
    with pytest.raises(Retryable, match="did not finish its answer") as caught:
        ask(Vendor(failure("gone")), method)
    assert caught.value.ambiguous is is_ambiguous
    assert caught.value.context.request_id


def test_429_is_rate_limited_and_never_ambiguous():
    with pytest.raises(RateLimited) as caught:
        ask(Vendor(httpx.Response(429, headers={"Retry-After": "7"})), "POST")
    assert (caught.value.after, caught.value.ambiguous) == (7.0, False)


@pytest.mark.parametrize(("method", "is_ambiguous"), [("GET", False), ("POST", True)])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_retried_after_what_it_asks_for(status, method, is_ambiguous):
    with pytest.raises(Retryable) as caught:
        ask(Vendor(httpx.Response(status, headers={"Retry-After": "3"})), method)
    assert (caught.value.after, caught.value.ambiguous) == (3.0, is_ambiguous)
    assert caught.value.context.status == status


@pytest.mark.parametrize("status", [400, 401, 404, 409, 499])
def test_other_refusals_are_for_the_vendors_own_table(status):
    with pytest.raises(Refused, match=f"refused {status}"):
        ask(Vendor(httpx.Response(status)))


@pytest.mark.parametrize("status", [300, 301, 302, 307, 399])
def test_a_redirect_is_not_followed_and_needs_a_person(status):
    vendor = Vendor(httpx.Response(status, headers={"Location": "https://elsewhere.test/"}))
    with pytest.raises(NeedsPerson, match="redirect") as caught:
        ask(vendor, "POST")
    assert len(vendor.requests) == 1
    assert "https://vendor.test" in caught.value.cure


@pytest.mark.parametrize("body", [b"<html>", b'{"a": ', b"[1]", b'"text"', b"\xff\xfe", b"[" * 200_000])
@pytest.mark.parametrize(("method", "is_ambiguous"), [("GET", False), ("POST", True)])
def test_an_answer_that_is_no_json_object_is_retried(body, method, is_ambiguous):
    with pytest.raises(Retryable, match="no JSON object") as caught:
        ask(Vendor(httpx.Response(200, content=body)), method)
    assert caught.value.ambiguous is is_ambiguous


def test_an_answer_that_nobody_reads_may_say_anything():
    assert ask(Vendor(httpx.Response(200, content=b"OK")), "POST", reads_answer=False) is None


def test_a_huge_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(http_module, "LARGEST_ANSWER_BYTES", 1000)
    with pytest.raises(Retryable, match="more than 5 MB") as caught:
        ask(Vendor(httpx.Response(200, content=b"x" * 1001)), "POST")
    assert caught.value.ambiguous


def test_an_answer_that_drips_for_ever_is_cut_off(monkeypatch):
    ticks = iter(range(0, 10_000, 3))
    monkeypatch.setattr(http_module.time, "monotonic", lambda: next(ticks))
    drops = (b" " for _ in range(1000))
    with pytest.raises(Retryable, match="ReadTimeout"):
        ask(Vendor(httpx.Response(200, content=drops)))


def test_a_compressed_answer_is_read():
    packed = httpx.Response(200, content=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})
    assert ask(Vendor(packed)) == {"a": 1}


@pytest.mark.parametrize(
    "failure",
    [httpx.LocalProtocolError("Illegal header value"), UnicodeEncodeError("ascii", "ключ", 0, 4, "not in range")],
)
def test_a_header_that_cannot_be_sent_is_final_and_does_not_show_its_value(failure):
    with pytest.raises(Refused, match="header") as caught:
        ask(Vendor(failure), "POST")
    assert "ключ" not in caught.value.message
    assert "ASCII" in caught.value.cure


def test_letters_beyond_ascii_in_a_header_are_refused_before_anything_is_sent():
    vendor = Vendor(httpx.Response(204))
    with pytest.raises(Refused):
        ask(vendor, headers={"x-api-key": "ключ"})
    assert vendor.requests == []


def test_a_read_only_client_refuses_to_write():
    vendor = Vendor(httpx.Response(204))
    api = http(vendor, read_only=True)
    api.request("GET", "/a", operation="look")
    with pytest.raises(ReadOnly, match="change it"):
        api.request("POST", "/a", operation="change it")
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("url", ["", "vendor.test", "ftp://vendor.test", "http://", "http://a:port", "https://[::1"])
def test_an_address_that_is_none_is_misconfigured(url):
    with pytest.raises(Misconfigured, match="The address of Vendor"):
        Http("Vendor", url, timeout_seconds=1, classify=refuse)


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://vendor.test", True),
        ("https://vendor.test/next", True),
        ("https://vendor.test?page=2", True),
        ("https://vendor.test.evil.test/next", False),
        ("https://vandor.test/next", False),
        ("https://vendor.test@evil.test/next", False),
        ("http://vendor.test/next", False),
    ],
)
def test_credentials_go_below_the_base_url_only(url, is_ours):
    vendor = Vendor(httpx.Response(204))
    api = http(vendor)
    assert api.owns(url) is is_ours
    if not is_ours:
        with pytest.raises(ValueError, match="is not below"):
            api.request("GET", url, operation="read")
        assert vendor.requests == []


@pytest.mark.parametrize("header", ["Twilio-Request-Id", "X-Request-Id"])
def test_the_vendors_request_id_is_kept_for_support(header):
    with pytest.raises(Refused) as caught:
        ask(Vendor(httpx.Response(400, headers={header: "RQ1"})))
    assert caught.value.context == CallContext("Vendor", "read things", status=400, request_id="RQ1")


def test_what_is_too_long_for_an_id_is_cut():
    with pytest.raises(Refused) as caught:
        ask(Vendor(httpx.Response(400, headers={"Twilio-Request-Id": "R" * 500})))
    assert caught.value.context.request_id == "R" * 100


def test_without_the_vendors_request_id_ours_is_kept():
    vendor = Vendor(httpx.Response(400))
    with pytest.raises(Refused) as caught:
        ask(vendor)
    assert caught.value.context.request_id == vendor.requests[0].headers["x-request-id"]


def test_each_call_logs_one_line_without_the_query(caplog):
    caplog.set_level(logging.DEBUG, "providers.http")
    ask(Vendor(httpx.Response(204, headers={"Twilio-Request-Id": "RQ1"})), params={"To": "+14155551234"})
    with pytest.raises(Retryable):
        ask(Vendor(httpx.ReadTimeout("slow")), "POST")
    good, bad = [record.getMessage() for record in caplog.records]
    assert good.startswith("Vendor: GET /things -> 204 in ")
    assert good.endswith(", theirs RQ1)")
    assert bad.startswith("Vendor: POST /things -> ReadTimeout in ")
    assert "4155551234" not in caplog.text


def test_error_texts_hold_no_secret():
    api = http(Vendor(httpx.ConnectError("proxy says password-of-somebody")), auth=("u", "password-of-somebody"))
    with pytest.raises(Retryable) as caught:
        api.request("GET", "/a", operation="read")
    assert "password-of-somebody" not in str(caught.value)
    assert "password-of-somebody" not in caught.value.message


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("1.5", 1.5),
        (" 3 ", 3),
        ("-5", 0),
        ("999999999", LONGEST_RETRY_AFTER_SECONDS),
        ("inf", LONGEST_RETRY_AFTER_SECONDS),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("²", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
        ("Wed, 21 Oct 2015 07:28:00 +999999999999999999", None),
        ("Fri, 31 Dec 2100 23:59:59 GMT", LONGEST_RETRY_AFTER_SECONDS),
    ],
)
def test_retry_after_forms(value, seconds):
    response = httpx.Response(429, headers=[(b"Retry-After", value.encode())])
    assert retry_after(response) == seconds


def test_a_retry_after_date_counts_from_now():
    assert retry_after(httpx.Response(429, headers={"Retry-After": in_seconds(60)})) == pytest.approx(60, abs=3)
    assert retry_after(httpx.Response(429)) is None


@pytest.mark.parametrize("body", [None, {}, {"sid": None, "n": "x"}])
def test_an_answer_of_another_shape_is_retried(body):
    with pytest.raises(Retryable, match="Vendor's answer cannot be read") as caught:
        read_answer(lambda a: (a["sid"], int(a["n"])), body, vendor="Vendor", operation="create it", is_write=True)
    assert caught.value.ambiguous


def nested_too_deep(_: object) -> None:
    raise RecursionError


@pytest.mark.parametrize("read", [lambda a: a[3], lambda a: int(float("inf")), lambda a: 1 // 0, nested_too_deep])
def test_whatever_reading_an_answer_raises_is_retried(read):
    with pytest.raises(Retryable, match="cannot be read") as caught:
        read_answer(read, [1], vendor="Vendor", operation="read it")
    assert not caught.value.ambiguous


def test_the_complaint_about_an_answer_does_not_repeat_all_of_it():
    with pytest.raises(Retryable) as caught:
        read_answer(int, "x" * 4000, vendor="Vendor", operation="read it")
    assert len(caught.value.message) < 500


def test_each_thread_has_one_client():
    seen = []
    threads = [threading.Thread(target=lambda: seen.append((thread_client(), thread_client()))) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    (one, same), (other, _) = seen
    assert one is same
    assert one is not other
    for client in (one, other):
        client.close()


def test_a_thread_whose_client_was_closed_gets_a_new_one():
    seen = []

    def use() -> None:
        seen.append(thread_client())
        seen[0].close()
        seen.append(thread_client())
        seen[1].close()

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen[0] is not seen[1]


def test_the_threads_share_onetls_context(monkeypatch):
    tls_context.cache_clear()
    made = []
    real = httpx.create_ssl_context
    monkeypatch.setattr("providers.connections.httpx.create_ssl_context", lambda: made.append(1) or real())
    threads = [threading.Thread(target=lambda: thread_client().close()) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert len(made) == 1


def test_no_cookies_are_kept_between_calls():
    def make() -> None:
        client = thread_client()
        answer = httpx.Response(
            200, headers={"Set-Cookie": "session=1"}, request=httpx.Request("GET", "https://vendor.test/")
        )
        client.cookies.extract_cookies(answer)
        kept.append(dict(client.cookies))
        client.close()

    kept: list[dict[str, str]] = []
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert kept == [{}]


def test_this_machine_is_not_reached_through_a_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    ways = {}

    def look() -> None:
        client = thread_client()
        for host in ("127.0.0.1", "localhost", "vendor.test"):
            ways[host] = client._transport_for_url(httpx.URL(f"http://{host}:8800/")) is client._transport
        client.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert ways == {"127.0.0.1": True, "localhost": True, "vendor.test": False}
