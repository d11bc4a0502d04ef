"""Runs one onboarding again and again, each time in a process that dies at another point and in one that goes on after it.

``python -m tests.crash.zygote CHANNEL named|all`` with the product's settings in the environment and a simulator that
stands still; writes one JSON object: the plan, and for each cell what was wrong. All imports are done once: each life is a
fork of this process, which itself holds no connection and no thread.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import delete

from models.db import make_engine
from models.migrations import upgrade
from models.tables import metadata
from settings import get_settings
from tests.crash.small_worker import Clock
from tests.integration.services import eventually, fetch

# First of all rooms: whoever imports the time by name has to get this one.
CLOCK = Clock(os.environ["TEST_SIMULATOR_URL"])

from engine.claim import LOST_LEASES_BEFORE_PARKING  # noqa: E402
from gateway.app import Gateway  # noqa: E402
from providers.ajo import ims  # noqa: E402
from providers.connections import thread_client  # noqa: E402
from tasks.process import workshop  # noqa: E402
from tests.crash.runs import RUNS, Run, at_vendors, story  # noqa: E402
from tests.crash.seams import CLAIM, DEAD, OUTCOME, Effect, Point, Seams  # noqa: E402
from tests.crash.small_worker import SmallWorker  # noqa: E402
from tests.crash.witness import Witness, illegal_moves  # noqa: E402

SIMULATOR = os.environ["TEST_SIMULATOR_URL"]
LONGEST_LIFE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to die.

    :ivar row: what was under way; ``column`` is the name of the instant.
    :ivar deaths: where the first process dies, the second, and so on.
    """

    where: str
    row: str
    column: str
    deaths: tuple[Point, ...]


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """A new process does it; its exit code and what it returned."""
    with tempfile.TemporaryFile("w+") as file:
        pid = os.fork()
        if pid == 0:
            code = 1
            signal.alarm(LONGEST_LIFE_SECONDS)
            try:
                json.dump(work(), file)
                file.flush()
                code = 0
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        file.seek(0)
        text = file.read()
    return code, json.loads(text) if text and code == 0 else None


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
    return {"effects": [asdict(effect) for effect in seams.effects], "unannounced": witness.unannounced, "made": witness.made}


def look() -> dict[str, Any]:
    shop = workshop()
    return {"illegal": illegal_moves(shop), "story": story(shop)}


# -- what the parent does -----------------------------------------------------------------------------------------------
@contextlib.contextmanager
def running_gateway() -> Iterator[None]:
    """The product's own, in a process that stays."""
    pid = os.fork()
    if pid == 0:
        try:
            serve()
        finally:
            os._exit(0)
    url = f"http://127.0.0.1:{get_settings().gateway_port}/healthz"
    eventually(lambda: fetch(url), within=20, what="the gateway answers")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


class NobodyWoken:
    """The broker is away: what is stored is found by the tick."""

    def forwards(self, due: Any) -> None: ...

    def is_reachable(self) -> bool:
        return False


def serve(deadly: Point | None = None) -> None:
    shop = workshop()
    Seams(deadly).install(shop.db)
    gateway = Gateway(shop.db, shop.vault, shop.settings, NobodyWoken())
    uvicorn.run(gateway, port=shop.settings.gateway_port, log_level="warning", access_log=False)


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


def reference(run: Run, channel: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run without a death: its effects, and what is at the vendors afterwards."""
    begin(run, channel)
    code, report = in_child(lambda: live(run, None, is_watched=True))
    assert code == 0, "the run does not end even without a death"
    return report, at_vendors(fetch(f"{SIMULATOR}/_sim/ledger"))


def try_cells(run: Run, channel: str, cells: list[Cell], expected: dict[str, Any]) -> list[str]:
    """What is wrong after these deaths, one after the other in one run; nothing, if all is well."""
    begin(run, channel)
    for cell in cells:
        for point in cell.deaths:
            code, _ = in_child(lambda point=point: live(run, point))
            if code != DEAD:
                _, after = in_child(look)
                return [f"{cell.where}: {cell.row}, {cell.column}: not reached (exit {code})", after["story"]]
    code, _ = in_child(lambda: live(run, None))
    problems = [] if code == 0 else [f"the process that goes on ended with {code}"]
    seen = at_vendors(fetch(f"{SIMULATOR}/_sim/ledger"))
    for key in sorted(expected.keys() | seen.keys()):
        most = expected.get(key, 0) + run.extra(cells, key)
        if not expected.get(key, 0) <= seen.get(key, 0) <= most:
            problems.append(f"{key}: {seen.get(key, 0)}, expected {expected.get(key, 0)} to {most}")
    _, after = in_child(look)
    problems += after["illegal"]
    return [*problems, after["story"]] if problems else []


def plan(effects: list[Effect], *, is_all: bool) -> list[Cell]:
    """A cell for each call and its instants, each claim and each kind of outcome, where they happen first.

    :param is_all: also where they happen again, and for every commit.
    """
    cells: list[Cell] = []
    for index, effect in enumerate(effects):
        if effect.number > 1 and not is_all:
            continue
        row = effect.name + (f" ({effect.number})" if effect.number > 1 else "")
        before, after = Point(effect, "before"), Point(effect, "after")
        if effect.kind == "call":
            cells.append(Cell(effect.where, row, "before the call", (before,)))
            cells.append(Cell(effect.where, row, "after the call", (after,)))
            record = next((e for e in effects[index + 1 :] if e.kind == "commit" and e.where == effect.where), None)
            if record is not None:
                name = OUTCOME if record.name.startswith(OUTCOME) else record.name
                second = Point(replace(record, name=name, number=1), "before")
                cells.append(Cell(effect.where, row, "in the adoption", (after, second)))
        elif is_all or effect.name.split()[0] in (CLAIM, OUTCOME):
            cells.append(Cell(effect.where, row, "before the commit", (before,)))
            cells.append(Cell(effect.where, row, "after the commit", (after,)))
    return cells


def together(cells: list[Cell]) -> list[list[Cell]]:
    """Cells of one column share a run, as far as a step bears it: after five lost leases it is parked for a person.

    The forwarder's have one of their own: it works beside the steps, in no certain order.
    """
    runs: dict[tuple[str, bool], list[list[Cell]]] = {}
    for cell in cells:
        lines = runs.setdefault((cell.column, cell.where == "forwarder"), [])
        deaths = Counter(other.where for other in lines[-1] for _ in other.deaths) if lines else Counter()
        if not lines or deaths[cell.where] + len(cell.deaths) >= LOST_LEASES_BEFORE_PARKING:
            lines.append([])
        lines[-1].append(cell)
    return [line for lines in runs.values() for line in lines]


def main(run_name: str, channel: str, which: str) -> None:
    """
    :param which: ``together``, the cells of a column in one run; ``each``, every cell in a run of its own.
    """
    run = RUNS[run_name]
    faulthandler.register(signal.SIGALRM, chain=True)
    in_child(lambda: upgrade(make_engine(get_settings().resolved_database_url)))
    with running_gateway():
        warm_up(run, channel)
        report, expected = reference(run, channel)
        cells = plan([Effect(**effect) for effect in report["effects"]], is_all=which == "each")
        results = []
        for line in [[cell] for cell in cells] if which == "each" else together(cells):
            problems = try_cells(run, channel, line, expected)
            results += [{"where": c.where, "row": c.row, "column": c.column, "problems": problems} for c in line]
    print(json.dumps({"reference": report, "expected": expected, "cells": results}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
