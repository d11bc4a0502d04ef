"""Reads a request's body within bounds, before anything is known about who sent it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from gateway.asgi import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
# Twilio's longest form is a few kilobytes.
LARGEST_BODY = 64 * 1024
MOST_FIELDS = 500
# A sender that trickles must not hold a connection for ever.
READ_SECONDS = 10


def media_type(headers: Mapping[bytes, bytes]) -> str:
    """Without its parameters, in small letters."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def parse_form(body: bytes) -> dict[str, list[str]]:
    """The fields of a form; a repeated field has all its values, because the signature covers them all.

    Reads what ``urllib.parse.parse_qs`` reads in half of its time: nearly all names and most values need no decoding.

    :raises RequestRefused: unreadable (400).
    """
    try:
        pairs = body.decode().split("&")
    except ValueError:
        raise _unreadable_form() from None
    if len(pairs) > MOST_FIELDS:
        raise _unreadable_form()
    form: dict[str, list[str]] = {}
    for pair in pairs:
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = _decoded(name), _decoded(value)
        if name in form:
            form[name].append(value)
        else:
            form[name] = [value]
    return form


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode(errors="replace")


def _unreadable_form() -> RequestRefused:
    return RequestRefused(400, "unreadable", "the body is not a readable form")


def parse_fields(text: str) -> dict[str, str]:
    """The parameters of Twilio's JSON variant: one object, as flat as the form is.

    :raises RequestRefused: no such object (400).
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or len(given) > MOST_FIELDS:
        raise RequestRefused(400, "unreadable", "the body is not a readable JSON object")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The raw body. The declared length is only a hint: what counts is what arrives.

    :raises RequestRefused: too large (413), too slow (408) or cut off (400).
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > LARGEST_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read_all(receive)
    except TimeoutError:
        raise RequestRefused(408, "too_slow", "the body did not arrive in time") from None


async def _read_all(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            # Nobody is there any more to read this.
            raise RequestRefused(400, "cut_off", "the body broke off")
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise _too_large()
        if not message.get("more_body", False):
            return body


def _too_large() -> RequestRefused:
    return RequestRefused(413, "too_large", f"the body is larger than {LARGEST_BODY} bytes")
