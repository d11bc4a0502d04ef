"""Twilio's two addresses of each onboarding. Every view: read, check, store, have it woken, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from gateway.body import read_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from gateway.metrics import Metrics
    from gateway.receiver import Receiver
    from gateway.waking import Waker

# To an inbound message Twilio wants to hear what to reply: nothing, AJO does.
NO_REPLY = "<Response/>"


async def take_status(request: Request) -> Response:
    """A message changed its status."""
    await _take(request, "status")
    return Response(status_code=204)


async def take_inbound(request: Request) -> Response:
    """Somebody wrote to the sender."""
    await _take(request, "inbound")
    return Response(NO_REPLY, media_type="text/xml")


async def _take(request: Request, kind: str) -> None:
    form = await read_form(request)
    # The path as it was called: decoding and encoding it again could change what was signed.
    target = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
    if request.url.query:
        target += "?" + request.url.query
    receiver: Receiver = request.app.state.receiver
    signature = request.headers.get("x-twilio-signature", "")
    taken = await receiver.take(kind, request.path_params["token"], target, form, signature)
    metrics: Metrics = request.app.state.metrics
    metrics.event(kind, is_new=taken.received.is_new)
    if taken.received.wakes_verification or taken.received.needs_forwarding:
        waker: Waker = request.app.state.waker
        waker.add(taken)
