"""OAuth client credentials (RFC 6749, 4.4): AJO trades its client secret for a short-lived access token.

No client certificate is asked for: AJO shows none to a token endpoint.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from engine.sign_in import ACCESS_SECONDS, GRANT_TYPE
from gateway.authentication import Gate, is_same_pair, make_access_token, read_basic
from gateway.body import FORM, JSON, BodyRefused, media_type, parse_form, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from gateway.app import Gateway
    from gateway.bridge import Bridge

log = logging.getLogger(__name__)

# RFC 6749, 5.1; and RFC 9110 asks every 401 for a challenge.
HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="onboard"'}


class TokenRefused(Exception):
    """RFC 6749, 5.2: a status, the error's word, and a sentence for people that repeats nothing that was sent."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


async def issue_token(request: Request) -> Response:
    """``POST /ajo/{token}/oauth/token``."""
    gateway: Gateway = request.app.state.gateway
    begun, status = time.perf_counter(), 500
    try:
        response = await _respond(gateway, request)
        status = response.status_code
    finally:
        gateway.metrics.request("/ajo/oauth/token", status, time.perf_counter() - begun)
    return response


async def _respond(gateway: Gateway, request: Request) -> Response:
    try:
        fields = await _read_fields(request)
        answer = await _grant(gateway.bridge, request, fields)
    except BodyRefused as refusal:
        gateway.metrics.rejected(refusal.reason)
        return PlainTextResponse(refusal.answer, refusal.status)
    except SQLAlchemyError as problem:
        log.error("no access token could be issued, AJO will ask again: %s", type(problem).__name__)  # noqa: TRY400
        return PlainTextResponse("try again", 503)
    except TokenRefused as refusal:
        body = {"error": refusal.code, "error_description": str(refusal)}
        return JSONResponse(body, refusal.status, HEADERS | (CHALLENGE if refusal.status == 401 else {}))
    return JSONResponse(answer, headers=HEADERS)


async def _grant(bridge: Bridge, request: Request, fields: Mapping[str, str]) -> dict[str, str | int]:
    """:raises TokenRefused: see :func:`grant`."""
    for is_doubted in (False, True):
        gate = await bridge.gate(request.path_params["token"], is_doubted=is_doubted)
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

    :raises BodyRefused: too large, too slow, cut off or no form.
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
