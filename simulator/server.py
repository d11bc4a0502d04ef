"""The simulator as an ASGI application and as a process."""

import contextlib
import signal
import socket
import sys
from asyncio import Transport
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulator.adobe import automation, campaigns, executions, ims, proofs, surfaces, webhooks
from simulator.config import Config
from simulator.control import api, page, people
from simulator.edge import Edge
from simulator.snapshot import NotASnapshot, load_file, prepare_file, save_file
from simulator.state import State
from simulator.twilio import accounts, events, keys, lifecycle, messages, numbers, review, senders, services
from simulator.web import ProblemError, TwilioError, problem, twilio_error
from simulator.world import World

_ROOMS = (
    *(accounts, events, numbers, keys, services, senders, messages),
    *(ims, surfaces, campaigns, proofs, executions, automation, webhooks),
    *(api, page, people),
)
ACTIONS = review.ACTIONS | lifecycle.ACTIONS | automation.ACTIONS | proofs.ACTIONS


def _on_twilio_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the framework passes it
    assert isinstance(error, TwilioError)  # noqa: S101 - registered for this class only
    return twilio_error(error.status, error.code, error.message)


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for this class only
    # Adobe describes its errors as plain JSON.
    is_adobe = request.url.path.startswith("/platform.adobe.io/")
    return error.answer("application/json" if is_adobe else "application/problem+json")


def _on_no_route(request: Request, error: Exception) -> Response:
    """An unknown path or method, in the words of the vendor whose host was called."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    if ".twilio.com/" in request.url.path:
        code = 20004 if error.status_code == 405 else 20404
        return twilio_error(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}")
    return problem(error.status_code, error.detail)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.world.start()
    yield
    # A reset may have put another world in its place.
    world: World = app.state.world
    if world.config.state is not None:
        save_file(world.config.state, world)
    await world.close()


def create_app(config: Config, state: State | None = None) -> Edge:
    """The whole simulator as an ASGI application, with a world of its own.

    :param state: what another run left behind; None for the first world.
    """
    app = Starlette(
        routes=[route for room in _ROOMS for route in room.ROUTES],
        exception_handlers={
            TwilioError: _on_twilio_error,
            ProblemError: _on_problem,
            HTTPException: _on_no_route,
        },
        lifespan=_lifespan,
    )
    app.state.world = World(config, ACTIONS, state)
    return Edge(app)


class _DroppingProtocol(H11Protocol):
    """Hands each request the means to close its connection, which ASGI itself does not offer."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol, and create_server makes none that do;
        # without it every answer waits 40 ms for the client's delayed acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = self.app_state | {"drop_connection": transport.abort}


class _Server(uvicorn.Server):
    """Says on standard output when it is ready, and where."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"simulator ready on http://{shown}:{port}\n")
            sys.stdout.flush()


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; the exit status of the process."""
    try:
        state = load_file(config.state) if config.state else None
        if config.state:
            # Found out now, not when the world is to be saved.
            prepare_file(config.state)
        listener = socket.create_server(
            (config.host, config.port), backlog=512, family=socket.AF_INET6 if ":" in config.host else socket.AF_INET
        )
    except NotASnapshot as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 1
    except OSError as error:
        where = error.filename or f"cannot listen on {config.host}:{config.port}"
        sys.stderr.write(f"simulator: {where}: {error.strerror}\n")
        return 1
    # The server stops gracefully on either signal and then raises it again: that ends the process with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server = _Server(
        uvicorn.Config(
            create_app(config, state),
            http=_DroppingProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            # The vendors' wall clock may be wrong on purpose; the answer's date follows it.
            date_header=False,
            # Typed as whole seconds, yet handed on as it is: a fifth of one ends even delayed calls.
            timeout_graceful_shutdown=0.2,  # type: ignore[arg-type]
        )
    )
    server.run(sockets=[listener])
    return 0
