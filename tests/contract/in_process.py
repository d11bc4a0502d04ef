"""The simulator inside the test's own process: an httpx client that calls it without sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from simulator.config import Config
from simulator.server import create_app

WAIT_SECONDS = 30


class _Bridge(httpx.BaseTransport):
    """Hands blocking requests to an application that runs in another thread's event loop."""

    def __init__(self, app: httpx.ASGITransport, loop: asyncio.AbstractEventLoop) -> None:
        self._app, self._loop = app, loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run_coroutine_threadsafe(self._handle(request), self._loop).result(WAIT_SECONDS)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        response = await self._app.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@contextmanager
def simulator_client(config: Config) -> Iterator[httpx.Client]:
    """A running simulator under ``http://testserver``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    edge = create_app(config)
    lifespan = edge.app.router.lifespan_context(edge.app)

    def run(work) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)

    try:
        run(lifespan.__aenter__())
        with httpx.Client(
            transport=_Bridge(httpx.ASGITransport(edge), loop), base_url="http://testserver", trust_env=False
        ) as client:
            yield client
        run(lifespan.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()
