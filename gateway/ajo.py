"""AJO's address of each onboarding, JSON in and JSON out: an ASGI application of its own, as :mod:`gateway.callbacks` is."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers

from gateway.answers import error
from gateway.asgi import TEXT, refuse, respond
from gateway.body import JSON, BodyRefused, media_type, read_body

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gateway.answers import Answer
    from gateway.asgi import Header
    from gateway.bridge import Bridge
    from gateway.metrics import Metrics

log = logging.getLogger(__name__)

PATH = re.compile("/ajo/[^/]+/messages")
METHODS = ("POST",)


class Messages:
    """Every request: read, have it sent, answer."""

    def __init__(self, bridge: Bridge, metrics: Metrics) -> None:
        self._bridge = bridge
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status = time.perf_counter(), 500
        try:
            answer = await self._send(scope, receive)
            status = answer.status
            body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
            await respond(send, status, body, (b"content-type", JSON.encode()), *_headers(answer))
        except BodyRefused as refusal:
            status = refusal.status
            self._metrics.rejected(refusal.reason)
            await refuse(send, refusal, methods=METHODS)
        except SQLAlchemyError as problem:
            # Whether it was sent by then, the same reference will tell.
            status = 503
            log.error("a message could not be taken, AJO will repeat it: %s", type(problem).__name__)  # noqa: TRY400
            await respond(send, status, b"try again", TEXT)
        finally:
            self._metrics.request("/ajo/messages", status, time.perf_counter() - begun)

    async def _send(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] not in METHODS:
            raise BodyRefused(405, "method", f"use {METHODS[0]}")
        headers = dict(scope["headers"])
        if media_type(headers) != JSON:
            return error(415, "not_json", f"send {JSON}")
        body = await read_body(headers, receive)
        peer = scope["client"][0] if scope.get("client") else None
        token = scope["path"].split("/")[2]
        return await self._bridge.answer(token, Headers(scope=scope), body, peer)


def _headers(answer: Answer) -> list[Header]:
    found = []
    if answer.retry_after is not None:
        found.append((b"retry-after", f"{max(1, round(answer.retry_after))}".encode()))
    if answer.challenge is not None:
        found.append((b"www-authenticate", answer.challenge.encode("latin-1")))
    return found
