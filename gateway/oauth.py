"""OAuth client credentials (RFC 6749, 4.4): AJO trades its client secret for a short-lived access token.

No client certificate is asked for: AJO shows none to a token endpoint.
"""

from __future__ import annotations

import json
import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from engine.sign_in import ACCESS_SECONDS, GRANT_TYPE
from gateway.asgi import TRY_AGAIN, json_reply, serve
from gateway.authentication import Gate, is_same_pair, make_access_token, read_basic
from gateway.body import FORM, JSON, media_type, parse_form, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from gateway.asgi import Header, Reply
    from gateway.bridge import Bridge
    from gateway.metrics import Metrics

log = logging.getLogger(__name__)

# RFC 6749, 5.1; and RFC 9110 asks every 401 for a challenge.
HEADERS: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
CHALLENGE: tuple[Header, ...] = ((b"www-authenticate", b'Basic realm="onboard"'),)
PATH = re.compile("/ajo/[^/]+/oauth/token")
METHODS = ("POST",)


class TokenRefused(Exception):
    """RFC 6749, 5.2: a status, the error's word, and a sentence for people that repeats nothing that was sent."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Tokens:
    """``POST /ajo/{token}/oauth/token``: every request to it."""

    def __init__(self, bridge: Bridge, metrics: Metrics) -> None:
        self._bridge = bridge
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(
            scope,
            send,
            self._metrics,
            "/ajo/oauth/token",
            partial(self._issue, Request(scope, receive)),
            methods=METHODS,
        )

    async def _issue(self, request: Request) -> Reply:
        try:
            fields = await _read_fields(request)
            answer = await _grant(self._bridge, request, fields)
        except SQLAlchemyError as problem:
            log.error("no access token could be issued, AJO will ask again: %s", type(problem).__name__)  # noqa: TRY400
            return TRY_AGAIN
        except TokenRefused as refusal:
            body = {"error": refusal.code, "error_description": str(refusal)}
            return json_reply(refusal.status, body, *HEADERS, *(CHALLENGE if refusal.status == 401 else ()))
        return json_reply(200, answer, *HEADERS)


async def _grant(bridge: Bridge, request: Request, fields: Mapping[str, str]) -> dict[str, str | int]:
    """:raises TokenRefused: see :func:`grant`."""
    for is_doubted in (False, True):
        gate = await bridge.gate(request.scope["path"].split("/")[2], is_doubted=is_doubted)
        if not isinstance(gate, Gate):
            said = gate.body["error"]
            raise TokenRefused(gate.status, said["code"], said["message"])
        try:
            return grant(gate, fields, request.headers.get("authorization", ""))
        except TokenRefused as refused:
            refusal = refused
    raise refusal


async def _read_fields(request: Request) -> dict[str, str]:
    """AJO's OAuth Body is JSON; a form is what the RFC asks for.

    :raises RequestRefused: too large, too slow, cut off or no form.
    """
    headers = dict(request.scope["headers"])
    kind = media_type(headers)
    if kind not in (FORM, JSON):
        raise TokenRefused(415, "invalid_request", f"send {JSON} or {FORM}")
    body = await read_body(headers, request.receive)
    if kind == FORM:
        form = parse_form(body)
        if any(len(values) > 1 for values in form.values()):
            raise TokenRefused(400, "invalid_request", "a field is there twice")
        return {name: values[0] for name, values in form.items()}
    return read_json(body)


def read_json(body: bytes) -> dict[str, str]:
    """:raises TokenRefused: no JSON object of texts."""
    try:
        fields: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise TokenRefused(400, "invalid_request", "the body is not JSON") from None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise TokenRefused(400, "invalid_request", "the body is not a JSON object of texts")
    return fields


def grant(gate: Gate, fields: Mapping[str, str], authorization: str) -> dict[str, str | int]:
    """The answer to a client that shows its id and secret, in the body or by basic authentication (RFC 6749, 2.3.1).

    :raises TokenRefused: RFC 6749's errors.
    """
    given = _client(fields, authorization)
    shown = next((one for one in gate.by_each_token() if is_same_pair(given, (one.name, one.token))), None)
    if shown is None:
        raise TokenRefused(401, "invalid_client", "client_id or client_secret is missing or wrong")
    if gate.way != "oauth":
        raise TokenRefused(400, "unauthorized_client", f"{gate.name} is set to sign in by {gate.way}, not by oauth")
    if "grant_type" not in fields:
        raise TokenRefused(400, "invalid_request", "grant_type is missing")
    if fields["grant_type"] != GRANT_TYPE:
        raise TokenRefused(400, "unsupported_grant_type", f"grant_type must be {GRANT_TYPE}")
    return {"access_token": make_access_token(shown), "token_type": "Bearer", "expires_in": ACCESS_SECONDS}


def _client(fields: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return fields.get("client_id", ""), fields.get("client_secret", "")
    if "client_secret" in fields:
        raise TokenRefused(400, "invalid_request", "the client's secret is there twice")
    user, password = read_basic(encoded.strip()) or ("", "")
    return unquote_plus(user), unquote_plus(password)
