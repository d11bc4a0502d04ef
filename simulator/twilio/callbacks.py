"""How Twilio calls back: form-encoded, signed, with the retry rules that the URL's fragment asks for."""

import asyncio
import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

import httpx

from simulator.state import Alert, Json
from simulator.web import FORM
from simulator.world import World

_RETRY_PAUSE_SECONDS = 0.1
_MAX_REDIRECTS = 10
_ALERTS = {"ct": "11205", "redirect": "11216"}
_LOST_METHOD = (301, 302, 303)
"""After these Twilio calls the new address with GET and without the parameters; 307 keeps both."""


@dataclass(frozen=True)
class Overrides:
    """The connection overrides of one callback URL, within Twilio's limits; times are in real milliseconds."""

    connect: int
    read: int
    total: int
    retries: int
    policy: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """`kind` is `ok` or the class of failure in the words of the retry policy."""

    kind: str
    seen: Json
    content_type: str = ""
    body: bytes = b""


def read_overrides(fragment: str) -> Overrides:
    """The overrides in a URL's fragment; a missing or malformed one falls back to its default."""
    given = dict(parse_qsl(fragment))

    def number(name: str, default: int, low: int, high: int) -> int:
        text = given.get(name, "")
        return min(max(int(text), low), high) if text.isascii() and text.isdigit() and len(text) < 9 else default

    return Overrides(
        connect=number("ct", 5000, 100, 10000),
        read=number("rt", 15000, 100, 15000),
        total=number("tt", 15000, 100, 15000),
        retries=number("rc", 1, 0, 5),
        policy=frozenset(given.get("rp", "ct").split(",")),
    )


def signature(auth_token: str, url: str, fields: dict[str, str]) -> str:
    """Twilio's signature: the URL, then each field's name and value in the order of the names."""
    text = url + "".join(name + value for name, value in sorted(fields.items()))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


async def deliver(world: World, address: str, method: str, fields: dict[str, str], *, kind: str) -> Outcome:
    """Make one callback, with the retries its URL allows; the last attempt's outcome.

    The ledger keeps every attempt; a failure raises an alert in Monitor.
    """
    url, fragment = urldefrag(address)
    overrides = read_overrides(fragment)
    entry: Json = {
        "kind": kind,
        "message_sid": fields["MessageSid"],
        "status": fields.get("MessageStatus", fields.get("SmsStatus")),
        "url": url,
        "at": world.clock.now().isoformat(),
        "attempts": [],
        "is_delivered": False,
    }
    world.callbacks.append(entry)
    token = str(uuid.uuid4())
    outcome = Outcome("", {})
    try:
        # The time is that of the call: it does not run while the call waits for room.
        async with world.callbacks_at_once[urlsplit(url).netloc], asyncio.timeout(overrides.total / 1000):
            for attempt in range(1 + overrides.retries):
                if attempt:
                    await asyncio.sleep(_RETRY_PAUSE_SECONDS)
                outcome = await _attempt(world, url, method, fields, token=token, overrides=overrides)
                entry["attempts"].append(outcome.seen)
                if outcome.kind == "ok" or not overrides.policy & {outcome.kind, "all"}:
                    break
    except TimeoutError:
        outcome = Outcome("rt", {"error": f"total time of {overrides.total} ms is over"})
        entry["attempts"].append(outcome.seen)
    entry["is_delivered"] = outcome.kind == "ok"
    if outcome.kind != "ok":
        raise_alert(
            world,
            _ALERTS.get(outcome.kind, "11200"),
            f"Callback failed ({outcome.kind})",
            account_sid=fields["AccountSid"],
            resource_sid=fields["MessageSid"],
            url=url,
            method=method,
        )
    return outcome


async def _attempt(
    world: World, url: str, method: str, fields: dict[str, str], *, token: str, overrides: Overrides
) -> Outcome:
    """One try, with the redirects it leads to."""
    auth_token = world.accounts[fields["AccountSid"]].auth_token
    timeout = httpx.Timeout(overrides.read / 1000, connect=overrides.connect / 1000)
    called, kept, hops = url, fields, 0
    while True:
        try:
            request = _request(world, called, method, kept, auth_token=auth_token, token=token, timeout=timeout)
            response = await world.http_client().send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Outcome("ct", {"error": f"{type(error).__name__}: {error}"})
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Outcome("rt", {"error": f"{type(error).__name__}: {error}"})
        if not 300 <= response.status_code < 400:
            break
        if response.status_code not in (*_LOST_METHOD, 307) or "location" not in response.headers:
            return Outcome("redirect", {"http_status": response.status_code})
        hops += 1
        if hops > _MAX_REDIRECTS:
            return Outcome("redirect", {"error": f"more than {_MAX_REDIRECTS} redirects"})
        called = urljoin(called, response.headers["location"])
        if response.status_code in _LOST_METHOD:
            method, kept = "GET", {}
    seen: Json = {"http_status": response.status_code}
    if hops:
        seen["redirected_to"] = called
    kind = "ok" if response.is_success else "5xx" if response.status_code >= 500 else "4xx"
    return Outcome(kind, seen, response.headers.get("content-type", ""), response.content)


def _request(
    world: World,
    url: str,
    method: str,
    fields: dict[str, str],
    *,
    auth_token: str,
    token: str,
    timeout: httpx.Timeout,
) -> httpx.Request:
    called, body = url, urlencode(fields)
    if method == "GET":
        called, body = (f"{url}{'&' if '?' in url else '?'}{body}" if body else url), ""
    headers = {
        "X-Twilio-Signature": signature(auth_token, called, fields if method != "GET" else {}),
        "I-Twilio-Idempotency-Token": token,
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
    }
    if body:
        headers["Content-Type"] = f"{FORM}; charset=UTF-8"
    return world.http_client().build_request(method, called, content=body, headers=headers, timeout=timeout)


def raise_alert(
    world: World, code: str, text: str, *, account_sid: str, resource_sid: str, url: str, method: str
) -> None:
    """Let Monitor know of a webhook that failed."""
    alert = Alert(
        sid=world.new_sid("NO"),
        account_sid=account_sid,
        error_code=code,
        text=text,
        request_url=url,
        request_method=method,
        resource_sid=resource_sid,
        created_at=world.clock.now(),
    )
    world.alerts[alert.sid] = alert
