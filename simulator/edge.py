"""What every call passes before it reaches a vendor: the count, the scripted trouble, Twilio's limit and headers."""

import asyncio
import base64
import binascii
import re
import time
from collections import Counter
from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.faults import Trouble
from simulator.web import problem, twilio_error
from simulator.world import World

_TWILIO = re.compile(r"/(api|messaging|iam|monitor)\.twilio\.com/")
_VENDOR = re.compile(r"/(\w+\.twilio\.com|ims-na1\.adobelogin\.com|platform\.adobe\.io|automation|ajo-webhooks)/")
_SID = re.compile(r"\b([A-Z]{2})[0-9a-f]{32}\b")
_AJO_ID = re.compile(r"/[a-z]+-[0-9a-f]{32}\b")
_UUID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}\b")
_TOKEN = re.compile(r"(?<=/ajo-webhooks/).+")
_SLOW_PIECES = 5


def route_of(method: str, path: str) -> str:
    """The call's name in the ledger: ids are replaced by what they are."""
    named = _UUID.sub("/{id}", _AJO_ID.sub("/{id}", _SID.sub(r"{\1}", path)))
    return f"{method} " + _TOKEN.sub("{token}", named)


async def _drop_connection(scope: Scope, receive: Receive) -> None:
    """Close the TCP connection; returns once the server has noticed, so that it does not answer by itself."""
    drop = scope.get("state", {}).get("drop_connection")
    if drop is None:
        raise ConnectionResetError("dropped by a fault")
    drop()
    while (await receive())["type"] != "http.disconnect":
        pass


def _failure(trouble: Trouble, path: str) -> JSONResponse:
    if _TWILIO.match(path):
        answer = twilio_error(trouble.status, trouble.code or 20000 + trouble.status, "Scripted failure")
    else:
        answer = problem(trouble.status, "Scripted failure")
    if trouble.retry_after is not None:
        answer.headers["Retry-After"] = f"{trouble.retry_after:g}"
    return answer


async def _no_reply(message: Message) -> None:
    """Swallow an answer that is to be lost."""


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


class _Broken:
    """Sends an answer's body slowly, or only its first half under a length that fits."""

    def __init__(self, trouble: Trouble, send: Send) -> None:
        self._trouble, self._send = trouble, send
        self._head: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        if not self._body:
            await self._send(self._head)
            await self._send(message)
            return
        if self._trouble.action == "malformed":
            self._body = self._body[: len(self._body) // 2]
        others = [(name, value) for name, value in self._head["headers"] if name != b"content-length"]
        length = (b"content-length", str(len(self._body)).encode())
        await self._send({**self._head, "headers": [*others, length]})
        await self._send_body()

    async def _send_body(self) -> None:
        pieces = _SLOW_PIECES if self._trouble.action == "slow_body" else 1
        size = -(-len(self._body) // pieces)
        for start in range(0, len(self._body), max(size, 1)):
            if pieces > 1:
                await asyncio.sleep(self._trouble.seconds / pieces)
            piece = self._body[start : start + size]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})


class Edge:
    """Wraps the application; the control API and the page pass untouched."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._in_flight: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _VENDOR.match(scope["path"]):
            await self.app(scope, receive, send)
            return
        account = self._account(scope) if _TWILIO.match(scope["path"]) else None
        self._in_flight[account] += 1
        try:
            await self._noted(scope, receive, send, account)
        finally:
            self._in_flight[account] -= 1

    def _account(self, scope: Scope) -> str:
        """The account whose limit counts, by what the caller claims to be."""
        encoded = _header(scope, b"authorization").partition(" ")[2]
        try:
            user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
        key = self.app.state.world.keys.get(user)
        return str(key.account_sid) if key else user

    async def _noted(self, scope: Scope, receive: Receive, send: Send, account: str | None) -> None:
        """Count the call, and keep what became of it.

        :param account: whose Twilio call it is; None for Adobe's.
        """
        world: World = self.app.state.world
        begun = time.monotonic()
        world.calls[route_of(scope["method"], scope["path"])] += 1
        entry = {
            "at": world.clock.now().isoformat(timespec="milliseconds"),
            "method": scope["method"],
            # The end of a webhook's address is its secret.
            "path": _TOKEN.sub("{token}", scope["path"]),
            "request_id": world.new_request_id(),
            "status": None,
            "milliseconds": None,
            "trouble": None,
        }
        world.recent_calls.append(entry)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                entry["milliseconds"] = round((time.monotonic() - begun) * 1000, 1)
                date = (b"date", format_datetime(world.clock.now(), usegmt=True).encode())
                extra = [] if account is None else self._twilio_headers(str(entry["request_id"]), account, begun)
                message["headers"] = [*message["headers"], date, *extra]
            await send(message)

        if account is not None and self._in_flight[account] > world.config.max_concurrent:
            await twilio_error(429, 20429, "Too many concurrent requests")(scope, receive, sending)
            return
        trouble = world.faults.take(scope["method"], scope["path"], world.roll)
        entry["trouble"] = trouble.action if trouble else None
        if trouble is None:
            await self.app(scope, receive, sending)
        else:
            await self._struck(trouble, scope, receive, sending)

    async def _struck(self, trouble: Trouble, scope: Scope, receive: Receive, send: Send) -> None:
        answering: ASGIApp = self.app
        match trouble.action:
            case "reset":
                await _drop_connection(scope, receive)
                return
            case "reply_lost":
                await self.app(scope, receive, _no_reply)
                await _drop_connection(scope, receive)
                return
            case "slow_body" | "malformed":
                send = _Broken(trouble, send)
            case "delay":
                await asyncio.sleep(trouble.seconds)
            case "expire_tokens":
                self.app.state.world.tokens.clear()
            case "status":
                answering = _failure(trouble, scope["path"])
        await answering(scope, receive, send)

    def _twilio_headers(self, request_id: str, account: str, begun: float) -> list[tuple[bytes, bytes]]:
        return [
            (b"twilio-request-id", request_id.encode()),
            (b"twilio-concurrent-requests", str(self._in_flight[account]).encode()),
            (b"twilio-request-duration", f"{time.monotonic() - begun:.3f}".encode()),
        ]
