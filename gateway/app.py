"""The gateway as an ASGI application: takes Twilio's callbacks, sends AJO's messages, and knows no Celery."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.ajo import THREADS, make_limiter, send_message
from gateway.body import BodyRefused
from gateway.bridge import Bridge
from gateway.receiver import Receiver, Refused
from gateway.twilio import take_inbound, take_status
from gateway.waking import Waker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from starlette.requests import Request

    from engine.vault import Vault
    from engine.wake import WakeUp
    from settings import Settings

log = logging.getLogger(__name__)

# Twilio sends these two; a GET would lose the form, so it is refused (405) rather than half understood.
METHODS = ["POST", "PUT"]


class Wake(Protocol):
    """Sends what became ready. Called after the commit, in a thread of its own; a failure is no loss."""

    def steps(self, wakeups: Sequence[WakeUp]) -> None: ...
    def forwards(self, due: Sequence[tuple[int, str]]) -> None: ...


async def healthz(request: Request) -> Response:  # noqa: ARG001  starlette's signature
    """Alive. Asks neither database nor broker: a slow one must not get the gateway restarted."""
    return JSONResponse({"status": "ok"})


async def _on_refused(request: Request, error: Exception) -> Response:  # noqa: ARG001  starlette's signature
    assert isinstance(error, Refused | BodyRefused)  # noqa: S101  registered for these only
    return PlainTextResponse(error.answer, error.status)


async def _on_database_error(request: Request, error: Exception) -> Response:
    """503, so that Twilio delivers again; the event was not stored."""
    log.error("%s could not be stored, the sender will repeat it: %s", request.method, type(error).__name__)
    return PlainTextResponse("try again", 503)


def create_app(db: Engine, vault: Vault, settings: Settings, wake: Wake) -> Starlette:
    """The application, with all it needs handed in."""
    app = Starlette(
        routes=[
            Route("/twilio/{token}/status", take_status, methods=METHODS),
            Route("/twilio/{token}/inbound", take_inbound, methods=METHODS),
            Route("/ajo/{token}/messages", send_message, methods=["POST"]),
            Route("/healthz", healthz),
        ],
        exception_handlers={
            Refused: _on_refused,
            BodyRefused: _on_refused,
            SQLAlchemyError: _on_database_error,
        },
    )
    app.state.receiver = Receiver(db, vault, settings)
    app.state.bridge = Bridge(db, vault, settings, connections=THREADS)
    app.state.bridge_limiter = make_limiter()
    app.state.waker = Waker(wake)
    return app
