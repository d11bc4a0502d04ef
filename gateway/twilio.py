"""Twilio's two addresses of each onboarding. Every view: read, check, store, answer, and then wake."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.wake import WakeUp
from gateway.body import read_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from gateway.app import Wake
    from gateway.receiver import Receiver, Taken

log = logging.getLogger(__name__)

# To an inbound message Twilio wants to hear what to reply: nothing, AJO does.
NO_REPLY = "<Response/>"


async def take_status(request: Request) -> Response:
    """A message changed its status."""
    taken = await _take(request, "status")
    return Response(status_code=204, background=_wake_later(request, taken))


async def take_inbound(request: Request) -> Response:
    """Somebody wrote to the sender."""
    taken = await _take(request, "inbound")
    return Response(NO_REPLY, media_type="text/xml", background=_wake_later(request, taken))


async def _take(request: Request, kind: str) -> Taken:
    form = await read_form(request)
    # The path as it was called: decoding and encoding it again could change what was signed.
    target = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
    if request.url.query:
        target += "?" + request.url.query
    receiver: Receiver = request.app.state.receiver
    signature = request.headers.get("x-twilio-signature", "")
    return await run_in_threadpool(receiver.take, kind, request.path_params["token"], target, form, signature)


def _wake_later(request: Request, taken: Taken) -> BackgroundTask | None:
    received = taken.received
    if not (received.wakes_verification or received.needs_forwarding):
        return None
    return BackgroundTask(_wake, request.app.state.wake, taken)


def _wake(wake: Wake, taken: Taken) -> None:
    """The event is committed and answered: whatever fails here, the tick makes good."""
    endpoint = taken.endpoint
    try:
        if taken.received.wakes_verification:
            wake.steps([WakeUp(endpoint.onboarding_id, endpoint.name, "verification")])
        if taken.received.needs_forwarding:
            wake.forwards([(endpoint.onboarding_id, endpoint.name)])
    except Exception:
        log.exception("%s could not be woken now; the tick will", endpoint.name)
