"""The gateway as an ASGI application: takes Twilio's callbacks, sends AJO's messages, and knows no Celery."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from engine.clock import now
from engine.inbox import backlog
from gateway.ajo import THREADS, make_limiter, send_message
from gateway.body import BodyRefused
from gateway.bridge import Bridge
from gateway.metrics import Metrics, route_of
from gateway.oauth import issue_token
from gateway.receiver import Receiver, Refused
from gateway.twilio import take_inbound, take_status
from gateway.waking import Waker
from gateway.writer import Writer
from models.db import reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


async def readyz(request: Request) -> Response:
    """Whether events can be taken: the database answers. A broker that is away costs seconds, so it is only told."""
    db: Engine = request.app.state.db

    def look() -> dict[str, object]:
        with reader(db).begin() as connection:
            seen = backlog(connection, at=now())
        return {"database": "ok", "events_waiting": seen.waiting, "oldest_seconds": round(seen.oldest_seconds, 1)}

    try:
        return JSONResponse(await run_in_threadpool(look))
    except SQLAlchemyError as error:
        return JSONResponse({"database": type(error).__name__}, 503)


class _Counting:
    """Counts each request and its time around the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = route_of(scope.get("path", ""))
        if scope["type"] != "http" or route == "other":
            await self.app(scope, receive, send)
            return
        status: list[int] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            await send(message)

        with self.metrics.request(route, status):
            await self.app(scope, receive, sending)


async def _on_refused(request: Request, error: Exception) -> Response:  # noqa: ARG001  starlette's signature
    assert isinstance(error, Refused | BodyRefused)  # noqa: S101  registered for these only
    return PlainTextResponse(error.answer, error.status)


async def _on_database_error(request: Request, error: Exception) -> Response:
    """503, so that Twilio delivers again; the event was not stored."""
    log.error("%s could not be stored, the sender will repeat it: %s", request.method, type(error).__name__)
    return PlainTextResponse("try again", 503)


def create_app(db: Engine, vault: Vault, settings: Settings, wake: Wake) -> Starlette:
    """The application, with all it needs handed in."""
    metrics = Metrics(db)
    app = Starlette(
        middleware=[Middleware(_Counting, metrics=metrics)],
        routes=[
            Route("/twilio/{token}/status", take_status, methods=METHODS),
            Route("/twilio/{token}/inbound", take_inbound, methods=METHODS),
            Route("/ajo/{token}/messages", send_message, methods=["POST"]),
            Route("/ajo/{token}/oauth/token", issue_token, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ],
        exception_handlers={
            Refused: _on_refused,
            BodyRefused: _on_refused,
            SQLAlchemyError: _on_database_error,
        },
    )
    app.state.db = db
    app.state.metrics = metrics
    writer = Writer(db)
    app.state.receiver = Receiver(db, vault, settings, writer)
    app.state.bridge = Bridge(db, vault, settings, writer, connections=THREADS)
    app.state.bridge_limiter = make_limiter()
    app.state.waker = Waker(wake)
    return app
