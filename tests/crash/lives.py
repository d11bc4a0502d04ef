"""Processes that are born ready, by fork, and die: workers, and a gateway. Nothing here survives in the parent.

All imports are done once, in the parent, which holds no connection and no thread when it forks.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import uvicorn
from sqlalchemy import delete

from gateway.app import Gateway
from models.db import reader
from models.tables import metadata
from providers.ajo import ims
from providers.connections import thread_client
from settings import get_settings
from tasks.process import workshop
from tests.crash.legal_path import follow_events
from tests.crash.runs import Run, reasons, story
from tests.crash.seams import Point, Seams
from tests.crash.small_worker import Clock, SmallWorker
from tests.crash.witness import Witness
from tests.integration.services import eventually, fetch

SIMULATOR = os.environ["TEST_SIMULATOR_URL"]
CLOCK = Clock(SIMULATOR)
LONGEST_LIFE_SECONDS = 100


class Birth:
    """A new process that does something; how it ended, and what it returned."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._file = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by `end`
        self._code: int | None = None
        self.report: Any = None
        self.pid = os.fork()
        if self.pid == 0:
            self._live(work)

    def _live(self, work: Callable[[], Any]) -> None:
        code = 1
        signal.alarm(LONGEST_LIFE_SECONDS)
        try:
            json.dump(work(), self._file)
            self._file.flush()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def has_stopped(self) -> bool:
        """Wait until it stops, or ends."""
        status = os.waitpid(self.pid, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status):
            self._code = os.waitstatus_to_exitcode(status)
        return os.WIFSTOPPED(status)

    def end(self) -> int:
        """Have it go on if it stopped, and wait for it; its exit code."""
        if self._code is None:
            os.kill(self.pid, signal.SIGCONT)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if not self._file.closed:
            self._file.seek(0)
            text = self._file.read()
            self._file.close()
            self.report = json.loads(text) if text and self._code == 0 else None
        return self._code


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    birth = Birth(work)
    return birth.end(), birth.report


# -- what children do ---------------------------------------------------------------------------------------------------
def prepare(run: Run, channel: str) -> None:
    """An empty database with what the run begins from."""
    shop = workshop()
    with shop.db.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    run.prepare(shop, SmallWorker(shop, CLOCK), channel)


def live(run: Run, deadly: Point | None, *, is_watched: bool = False) -> dict[str, Any]:
    """Work until the run is over; a report of what this process did and saw, unless it dies."""
    shop = workshop()
    seams = Seams(deadly)
    seams.install(shop.db)
    witness = Witness(shop, SIMULATOR)
    if is_watched:
        seams.watch = witness
    SmallWorker(shop, CLOCK).run(lambda: run.is_over(shop))
    return {
        "effects": [asdict(effect) for effect in seams.effects],
        "unannounced": witness.unannounced,
        "made": witness.made,
    }


def look() -> dict[str, Any]:
    """What is there when all have died or come to their end."""
    shop = workshop()
    with reader(shop.db).begin() as connection:
        return {"illegal": follow_events(shop.db)[1], "story": story(shop), "reasons": reasons(connection)}


# -- what the parent does -----------------------------------------------------------------------------------------------
@contextlib.contextmanager
def running_gateway(deadly: Point | None = None, *, port: int | None = None) -> Iterator[Birth]:
    """The product's own, in a process of its own, until it dies or is ended."""
    port = port or get_settings().gateway_port
    birth = Birth(lambda: serve(deadly, port))
    url = f"http://127.0.0.1:{port}/healthz"
    eventually(lambda: fetch(url), within=20, what="the gateway answers", every=0.01)
    try:
        yield birth
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(birth.pid, signal.SIGTERM)
        birth.end()


class NobodyWoken:
    """The broker is away: what is stored is found by the tick."""

    def forwards(self, due: Any) -> None: ...

    def is_reachable(self) -> bool:
        return False


def serve(deadly: Point | None, port: int) -> list[dict[str, Any]]:
    """Until SIGTERM; the effects of the bridge."""
    signal.alarm(0)
    shop = workshop()
    seams = Seams(deadly)
    seams.install(shop.db)
    gateway = Gateway(shop.db, shop.vault, shop.settings, NobodyWoken())
    config = uvicorn.Config(gateway, port=port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    # uvicorn's own way would end the process by the same signal once more.
    signal.signal(signal.SIGTERM, server.handle_exit)
    asyncio.run(server._serve())
    return [asdict(effect) for effect in seams.effects if effect.where == "bridge"]


def warm_up(run: Run, channel: str) -> None:
    """One run here, so that children find everything imported, read and compiled; then all connections are closed."""
    CLOCK.reset()
    prepare(run, channel)
    SmallWorker(workshop(), CLOCK).run(lambda: run.is_over(workshop()))
    workshop().db.dispose()
    thread_client().close()
    ims._slots.clear()
    gc.collect()
    gc.freeze()


def begin(run: Run, channel: str) -> None:
    CLOCK.reset()
    fetch(f"{SIMULATOR}/_sim/reset", {})
    code, _ = in_child(lambda: prepare(run, channel))
    assert code == 0, "the run cannot be prepared"
