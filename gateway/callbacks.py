"""Twilio's two addresses of each onboarding, as an ASGI application of their own in front of the others.

These take by far the most requests, and each has to be stored before it is answered; a framework's request and routing
would cost as much as all that is done here.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from gateway.asgi import TEXT, RequestRefused, respond, serve
from gateway.body import FORM, JSON, media_type, read_body
from gateway.receiver import Callback

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gateway.asgi import Reply
    from gateway.metrics import Metrics
    from gateway.receiver import Receiver
    from gateway.waking import Waker

log = logging.getLogger(__name__)

PREFIX = "/twilio/"
# Twilio sends these two; a GET would lose the form, so it is refused rather than half understood.
METHODS = ("POST", "PUT")
LONGEST_IDEMPOTENCY_TOKEN = 64
# A status wants no body; to an inbound message Twilio wants to hear what to reply: nothing, AJO does.
ANSWERS: dict[str, Reply] = {
    "status": (204, b"", ()),
    "inbound": (200, b"<Response/>", ((b"content-type", b"text/xml; charset=utf-8"),)),
}


class Callbacks:
    """Every request: read, check, store, have it woken, answer."""

    def __init__(self, receiver: Receiver, waker: Waker, metrics: Metrics) -> None:
        self._receiver = receiver
        self._waker = waker
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, _, kind = scope["path"][len(PREFIX) :].partition("/")
        if kind not in ANSWERS:
            await respond(send, 404, b"there is nothing here", TEXT)
            return
        work = partial(self._take, scope, receive, token, kind)
        await serve(scope, send, self._metrics, f"/twilio/{kind}", work, methods=METHODS)

    async def _take(self, scope: Scope, receive: Receive, token: str, kind: str) -> Reply:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = media_type(headers)
        if given not in (FORM, JSON):
            raise RequestRefused(415, "media_type", f"send {FORM}")
        # The path as it was called: decoding and encoding it again could change what was signed.
        target: bytes = scope.get("raw_path") or scope["path"].encode()
        if query := scope["query_string"]:
            target += b"?" + query
        repeated = headers.get(b"i-twilio-idempotency-token", b"").decode("latin-1")
        callback = Callback(
            kind=kind,
            token=token,
            target=target.decode("latin-1"),
            body=await read_body(headers, receive),
            is_json=given == JSON,
            signature=headers.get(b"x-twilio-signature", b"").decode("latin-1"),
            idempotency_token=repeated if 0 < len(repeated) <= LONGEST_IDEMPOTENCY_TOKEN else None,
        )
        try:
            endpoint, is_new = await self._receiver.take(callback)
        except SQLAlchemyError as error:
            # 503, so that Twilio delivers again.
            log.error("a %s event could not be stored, Twilio will repeat it: %s", kind, type(error).__name__)  # noqa: TRY400
            raise RequestRefused(503, "unavailable", "try again") from None
        self._metrics.event(kind, is_new=is_new)
        if is_new:
            self._waker.add(endpoint.onboarding_id, endpoint.name)
        return ANSWERS[kind]
