"""AJO's address of each onboarding: JSON in, JSON out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.responses import JSONResponse, Response

from gateway.body import read_body
from gateway.bridge import error

if TYPE_CHECKING:
    from starlette.requests import Request

    from gateway.bridge import Answer, Bridge

JSON = "application/json"
# Each waits for Twilio; Twilio's own callbacks have threads of their own.
THREADS = 64


def make_limiter() -> CapacityLimiter:
    return CapacityLimiter(THREADS)


async def send_message(request: Request) -> Response:
    """AJO's custom provider posts one message."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return _respond(error(415, "not_json", f"send {JSON}"))
    body = await read_body(request)
    bridge: Bridge = request.app.state.bridge
    limiter: CapacityLimiter = request.app.state.bridge_limiter
    peer = request.client.host if request.client else None
    token = request.path_params["token"]
    answer = await to_thread.run_sync(bridge.send, token, request.headers, body, peer, limiter=limiter)
    return _respond(answer)


def _respond(answer: Answer) -> Response:
    headers = {} if answer.retry_after is None else {"Retry-After": f"{max(1, round(answer.retry_after))}"}
    if answer.challenge is not None:
        headers["WWW-Authenticate"] = answer.challenge
    return JSONResponse(answer.body, answer.status, headers=headers)
