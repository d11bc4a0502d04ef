"""What the gateway's addresses share: a request is taken or refused, answered and counted, without a framework."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import Scope, Send

    from gateway.metrics import Metrics

Header = tuple[bytes, bytes]
Reply = tuple[int, bytes, tuple[Header, ...]]
"""Status, body, and headers but for the length."""
TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
TRY_AGAIN: Reply = (503, b"try again", (TEXT,))


class RequestRefused(Exception):
    """The request is not taken; ``status`` and ``answer`` go to the sender, ``reason`` to the metrics and the log."""

    def __init__(self, status: int, reason: str, answer: str) -> None:
        super().__init__(answer)
        self.status = status
        self.reason = reason
        self.answer = answer


async def serve(
    scope: Scope,
    send: Send,
    metrics: Metrics,
    route: str,
    work: Callable[[], Awaitable[Reply]],
    *,
    methods: Sequence[str],
) -> None:
    """Answer one request with what ``work`` makes of it, or with why it is refused, and count it.

    :param methods: those that are taken; who uses another hears of them, and ``work`` is not begun.
    """
    begun, status = time.perf_counter(), 500
    try:
        try:
            _check_method(scope["method"], methods)
            status, body, headers = await work()
        except RequestRefused as refusal:
            metrics.rejected(refusal.reason)
            status, body, headers = refusal.status, refusal.answer.encode(), (TEXT,)
            if status == 405:
                headers = (TEXT, (b"allow", ", ".join(methods).encode()))
        await respond(send, status, body, *headers)
    finally:
        metrics.request(route, status, time.perf_counter() - begun)


def _check_method(method: str, methods: Sequence[str]) -> None:
    if method not in methods:
        raise RequestRefused(405, "method", f"use {methods[0]}")


def json_reply(status: int, body: Mapping[str, object], *headers: Header) -> Reply:
    said = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return status, said, ((b"content-type", b"application/json"), *headers)


async def respond(send: Send, status: int, body: bytes, *headers: Header) -> None:
    if body:
        headers = (*headers, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
