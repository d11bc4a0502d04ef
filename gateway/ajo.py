"""AJO's address of each onboarding, JSON in and JSON out: an ASGI application of its own, as :mod:`gateway.callbacks` is."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers

from gateway.answers import error
from gateway.asgi import TRY_AGAIN, json_reply, serve
from gateway.body import JSON, media_type, read_body

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gateway.answers import Answer
    from gateway.asgi import Header, Reply
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
        await serve(scope, send, self._metrics, "/ajo/messages", partial(self._send, scope, receive), methods=METHODS)

    async def _send(self, scope: Scope, receive: Receive) -> Reply:
        headers = dict(scope["headers"])
        if media_type(headers) != JSON:
            return _reply(error(415, "not_json", f"send {JSON}"))
        body = await read_body(headers, receive)
        peer = scope["client"][0] if scope.get("client") else None
        token = scope["path"].split("/")[2]
        try:
            return _reply(await self._bridge.answer(token, Headers(scope=scope), body, peer))
        except SQLAlchemyError as problem:
            # Whether it was sent by then, the same reference will tell.
            log.error("a message could not be taken, AJO will repeat it: %s", type(problem).__name__)  # noqa: TRY400
            return TRY_AGAIN


def _reply(answer: Answer) -> Reply:
    headers: list[Header] = []
    if answer.retry_after is not None:
        headers.append((b"retry-after", f"{max(1, round(answer.retry_after))}".encode()))
    if answer.challenge is not None:
        headers.append((b"www-authenticate", answer.challenge.encode("latin-1")))
    return json_reply(answer.status, answer.body, *headers)
