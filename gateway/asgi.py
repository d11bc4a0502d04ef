"""Answers without a framework, for the two addresses that take nearly all requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Send

    from gateway.body import BodyRefused
    from gateway.receiver import Refused

Header = tuple[bytes, bytes]
TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")


async def respond(send: Send, status: int, body: bytes, *headers: Header) -> None:
    """:param headers: without the length; it is told of what has a body."""
    if body:
        headers = (*headers, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, refusal: BodyRefused | Refused, *, methods: Sequence[str]) -> None:
    """:param methods: those that are taken; told to who used another."""
    allow = [(b"allow", ", ".join(methods).encode())] if refusal.status == 405 else []
    await respond(send, refusal.status, refusal.answer.encode(), TEXT, *allow)
