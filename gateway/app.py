"""The gateway as an ASGI application: takes Twilio's callbacks, sends AJO's messages, and knows no Celery."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.clock import now
from engine.inbox import backlog
from engine.pulse import as_json, read_signs
from gateway import ajo, callbacks, oauth
from gateway.ajo import Messages
from gateway.bridge import Bridge
from gateway.callbacks import Callbacks
from gateway.metrics import Metrics
from gateway.oauth import Tokens
from gateway.receiver import Receiver
from gateway.waking import Waker
from gateway.writer import Writer
from models.db import reader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sqlalchemy import Engine
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from engine.vault import Vault
    from settings import Settings

log = logging.getLogger(__name__)

# What /readyz has found is told again for this long, however many ask.
READY_SECONDS = 1.0


class Wake(Protocol):
    """Has workers look at stored events. Called after the commit, in a thread of its own; a failure is no loss."""

    def forwards(self, due: Sequence[tuple[int, str]]) -> None: ...
    def is_reachable(self) -> bool:
        """Whether the broker answers, within a second or two."""


async def healthz(request: Request) -> Response:  # noqa: ARG001  starlette's signature
    """Alive. Asks neither database nor broker: a slow one must not get the gateway restarted."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether events can be taken: the database answers. Without a broker they are kept for the tick, so that is told only."""
    gateway: Gateway = request.app.state.gateway

    def look() -> dict[str, object]:
        until, known = gateway.readiness
        if time.monotonic() < until:
            return known
        with reader(gateway.db).begin() as connection:
            seen = backlog(connection, at=now())
            work = read_signs(connection, sweep_seconds=gateway.sweep_seconds, at=now())
        found: dict[str, object] = {
            "database": "ok",
            "broker": "ok" if gateway.wake.is_reachable() else "away",
            "events_waiting": seen.waiting,
            "events_parked": seen.parked,
            "oldest_seconds": round(seen.oldest_seconds, 1),
            **as_json(work),
        }
        gateway.readiness = time.monotonic() + READY_SECONDS, found
        return found

    try:
        return JSONResponse(await run_in_threadpool(look))
    except SQLAlchemyError as error:
        return JSONResponse({"database": type(error).__name__}, 503)


class Gateway:
    """The application, with all it needs handed in."""

    def __init__(self, db: Engine, vault: Vault, settings: Settings, wake: Wake) -> None:
        self.db = db
        self.sweep_seconds = settings.sweep_seconds
        self.readiness: tuple[float, dict[str, object]] = (0.0, {})
        self.wake = wake
        self.metrics = Metrics(db, sweep_seconds=settings.sweep_seconds)
        self.waker = Waker(wake)
        self._writer = Writer(db)
        self.bridge = Bridge(db, vault, settings, self._writer)
        self._callbacks = Callbacks(Receiver(db, vault, settings, self._writer), self.waker, self.metrics)
        self._messages = Messages(self.bridge, self.metrics)
        self._tokens = Tokens(self.bridge, self.metrics)
        self._others = Starlette(
            routes=[
                Route("/healthz", healthz),
                Route("/readyz", readyz),
            ],
            lifespan=self._living,
        )
        self._others.state.gateway = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app_of(scope)(scope, receive, send)

    def _app_of(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http":
            return self._others
        path = scope["path"]
        if path.startswith(callbacks.PREFIX):
            return self._callbacks
        if ajo.PATH.fullmatch(path):
            return self._messages
        return self._tokens if oauth.PATH.fullmatch(path) else self._others

    @asynccontextmanager
    async def _living(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.bridge.close()
        await run_in_threadpool(self._writer.close)
