"""What every call passes before it reaches a vendor: the count, the scripted trouble, Twilio's headers."""

import asyncio
import re
import uuid

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.faults import Rule
from simulator.web import problem, twilio_error
from simulator.world import World

_TWILIO = re.compile(r"/(api|messaging|iam|monitor)\.twilio\.com/")
_SID = re.compile(r"\b([A-Z]{2})[0-9a-f]{32}\b")
_AJO_ID = re.compile(r"/[a-z]+-[0-9a-f]{32}\b")
_TOKEN = re.compile(r"(?<=/ajo-webhooks/).+")


def route_of(method: str, path: str) -> str:
    """The call's name in the ledger: ids are replaced by what they are."""
    return f"{method} " + _TOKEN.sub("{token}", _AJO_ID.sub("/{id}", _SID.sub(r"{\1}", path)))


async def _drop_connection(scope: Scope, receive: Receive) -> None:
    """Close the TCP connection; returns once the server has noticed, so that it does not answer by itself."""
    drop = scope.get("state", {}).get("drop_connection")
    if drop is None:
        raise ConnectionResetError("dropped by a fault")
    drop()
    while (await receive())["type"] != "http.disconnect":
        pass


def _answer(rule: Rule, path: str) -> JSONResponse:
    if _TWILIO.match(path):
        answer = twilio_error(rule.status, rule.code or 20000 + rule.status, "Scripted failure")
    else:
        answer = problem(rule.status, "Scripted failure")
    if rule.retry_after is not None:
        answer.headers["Retry-After"] = f"{rule.retry_after:g}"
    return answer


async def _no_reply(message: Message) -> None:
    """Swallow an answer that is to be lost."""


class Edge:
    """Wraps the application; the control API passes untouched."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sim/"):
            await self.app(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._call(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        world: World = self.app.state.world
        world.calls[route_of(method, path)] += 1
        if _TWILIO.match(path):
            send = self._with_twilio_headers(send)
        rule = world.faults.take(method, path)
        answering: ASGIApp = self.app
        if rule is not None and rule.action == "reset":
            await _drop_connection(scope, receive)
            return
        if rule is not None and rule.action == "reply_lost":
            await self.app(scope, receive, _no_reply)
            await _drop_connection(scope, receive)
            return
        if rule is not None and rule.action == "delay":
            await asyncio.sleep(rule.seconds)
        elif rule is not None:
            answering = _answer(rule, path)
        await answering(scope, receive, send)

    def _with_twilio_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"twilio-request-id", f"RQ{uuid.uuid4().hex}".encode()),
                    (b"twilio-concurrent-requests", str(self._in_flight).encode()),
                ]
            await send(message)

        return sending
