"""Reads a request's body within bounds, before anything is known about who sent it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

FORM = "application/x-www-form-urlencoded"
# Twilio's longest form is a few kilobytes.
LARGEST_BODY = 64 * 1024
MOST_FIELDS = 500
# A sender that trickles must not hold a connection for ever.
READ_SECONDS = 10


class BodyRefused(Exception):
    """The body is not one we read; ``status`` says why to the sender."""

    def __init__(self, status: int, answer: str) -> None:
        super().__init__(answer)
        self.status = status
        self.answer = answer


async def read_form(request: Request) -> dict[str, list[str]]:
    """The fields of a form body; a repeated field has all its values, because the signature covers them all.

    :raises BodyRefused: too large (413), no form (415), too slow (408) or unreadable (400).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise BodyRefused(415, f"send {FORM}")
    body = await read_body(request)
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BodyRefused(400, "the body is not a readable form") from None


async def read_body(request: Request) -> bytes:
    """The raw body.

    :raises BodyRefused: too large (413) or too slow (408).
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read_bounded(request)
    except TimeoutError:
        raise BodyRefused(408, "the body did not arrive in time") from None


async def _read_bounded(request: Request) -> bytes:
    """The raw body. The declared length is only a hint: what counts is what arrives."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > LARGEST_BODY:
        raise BodyRefused(413, f"the body is larger than {LARGEST_BODY} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BodyRefused(413, f"the body is larger than {LARGEST_BODY} bytes")
    return bytes(body)
