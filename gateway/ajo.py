"""AJO's address of each onboarding: JSON in, JSON out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from gateway.answers import error
from gateway.body import JSON, media_type, read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from gateway.answers import Answer
    from gateway.app import Gateway


async def send_message(request: Request) -> Response:
    """AJO's custom provider posts one message."""
    headers = dict(request.scope["headers"])
    if media_type(headers) != JSON:
        return _respond(error(415, "not_json", f"send {JSON}"))
    body = await read_body(headers, request.receive)
    gateway: Gateway = request.app.state.gateway
    peer = request.client.host if request.client else None
    return _respond(await gateway.bridge.answer(request.path_params["token"], request.headers, body, peer))


def _respond(answer: Answer) -> Response:
    headers = {} if answer.retry_after is None else {"Retry-After": f"{max(1, round(answer.retry_after))}"}
    if answer.challenge is not None:
        headers["WWW-Authenticate"] = answer.challenge
    return JSONResponse(answer.body, answer.status, headers=headers)
