"""How Twilio calls back: form-encoded, signed, with the retry rules that the URL's fragment asks for."""

import asyncio
import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode

import httpx

from simulator.objects import Alert, Json, now
from simulator.web import FORM
from simulator.world import World

_RETRY_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Overrides:
    """The connection overrides of one callback URL, within Twilio's limits; times are in milliseconds."""

    connect: int = 5000
    read: int = 15000
    total: int = 15000
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})


def read_overrides(fragment: str) -> Overrides:
    """The overrides in a URL's fragment; a missing or malformed one falls back to its default."""
    given = dict(parse_qsl(fragment))

    def number(name: str, default: int, low: int, high: int) -> int:
        text = given.get(name, "")
        return min(max(int(text), low), high) if text.isdigit() else default

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


async def deliver(world: World, address: str, method: str, fields: dict[str, str], *, kind: str) -> bool:
    """Make one callback, with the retries its URL allows; False when no attempt succeeded.

    The ledger keeps every attempt.
    """
    url, fragment = urldefrag(address)
    overrides = read_overrides(fragment)
    entry: Json = {
        "kind": kind,
        "message_sid": fields["MessageSid"],
        "status": fields.get("MessageStatus", fields.get("SmsStatus")),
        "url": url,
        "at": now().isoformat(),
        "attempts": [],
        "is_delivered": False,
    }
    world.callbacks.append(entry)
    token = str(uuid.uuid4())
    outcome = ""
    try:
        async with asyncio.timeout(overrides.total / 1000):
            for attempt in range(1 + overrides.retries):
                if attempt:
                    await asyncio.sleep(_RETRY_PAUSE_SECONDS)
                outcome, seen = await _attempt(world, url, method, fields, token=token, overrides=overrides)
                entry["attempts"].append(seen)
                if outcome == "ok" or not overrides.policy & {outcome, "all"}:
                    break
    except TimeoutError:
        outcome = "rt"
        entry["attempts"].append({"error": f"total time of {overrides.total} ms is over"})
    entry["is_delivered"] = outcome == "ok"
    if outcome != "ok":
        _raise_alert(world, url, fields, outcome)
    return outcome == "ok"


async def _attempt(
    world: World, url: str, method: str, fields: dict[str, str], *, token: str, overrides: Overrides
) -> tuple[str, Json]:
    """One try: `ok` or the class of failure in the words of the retry policy, and what the ledger keeps."""
    called, body = url, urlencode(fields)
    if method == "GET":
        called, body = f"{url}{'&' if '?' in url else '?'}{body}", ""
    signed = signature(world.accounts[fields["AccountSid"]].auth_token, called, fields if method != "GET" else {})
    headers = {
        "X-Twilio-Signature": signed,
        "I-Twilio-Idempotency-Token": token,
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
    }
    if body:
        headers["Content-Type"] = f"{FORM}; charset=UTF-8"
    timeout = httpx.Timeout(overrides.read / 1000, connect=overrides.connect / 1000)
    try:
        response = await world.http_client().request(method, called, content=body, headers=headers, timeout=timeout)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return "ct", {"error": f"{type(error).__name__}: {error}"}
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return "rt", {"error": f"{type(error).__name__}: {error}"}
    failure = "5xx" if response.status_code >= 500 else "4xx"
    return "ok" if response.is_success else failure, {"http_status": response.status_code}


def _raise_alert(world: World, url: str, fields: dict[str, str], outcome: str) -> None:
    code = "11205" if outcome == "ct" else "11200"
    text = f"Callback failed ({outcome})"
    alert = Alert(world.new_sid("NO"), fields["AccountSid"], code, text, url, fields["MessageSid"])
    world.alerts[alert.sid] = alert
