"""One onboarding again and again, each time with processes that die at other points: what is wrong afterwards?

``python -m tests.crash.matrix RUN CHANNEL together|each`` with the product's settings in the environment and a simulator that
stands still; writes one JSON object: the cells, and for each what was wrong.
"""

from __future__ import annotations

import faulthandler
import json
import signal
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

from engine.claim import LOST_LEASES_BEFORE_PARKING
from models.db import make_engine
from models.migrations import upgrade
from settings import get_settings
from tasks.process import workshop
from tests.crash.bridge import bridge_effects, meet_ajo, try_bridge
from tests.crash.lives import SIMULATOR, Birth, begin, in_child, live, look, running_gateway, warm_up
from tests.crash.runs import RUNS, Run, at_vendors, is_parked, mend
from tests.crash.seams import CLAIM, DEAD, ELSEWHERE, OUTCOME, Cell, Effect, Point
from tests.integration.services import fetch

# Of a process that is to be left alone long before.
MOST_DEATHS = 20


def reference(run: Run, channel: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run without a death: its effects, and what is at the vendors afterwards."""
    begin(run, channel)
    code, report = in_child(lambda: live(run, None, is_watched=True))
    assert code == 0, "the run does not end even without a death"
    return report, at_vendors(fetch(f"{SIMULATOR}/_sim/ledger"))


def try_cells(run: Run, channel: str, cells: list[Cell], expected: dict[str, Any]) -> list[str]:
    """What is wrong after these deaths, one after the other in one run; nothing, if all is well."""
    begin(run, channel)
    sleepers: list[Birth] = []
    for cell in cells:
        for point in cell.deaths:
            birth = Birth(lambda point=point: live(run, point))
            if point.stops and birth.has_stopped():
                sleepers.append(birth)
            elif birth.end() != DEAD:
                for sleeper in sleepers:
                    sleeper.end()
                story = in_child(look)[1]["story"]
                return [f"{cell.where}: {cell.row}, {cell.column}: not reached (exit {birth.end()})", story]
    codes = [in_child(lambda: live(run, None))[0], *(sleeper.end() for sleeper in sleepers)]
    problems = [] if not any(codes) else [f"the processes that go on, and the late ones, ended with {codes}"]
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
        if effect.where == ELSEWHERE or (effect.number > 1 and not is_all):
            continue
        row = effect.name + (f" ({effect.number})" if effect.number > 1 else "")
        before, after = Point(effect, "before"), Point(effect, "after")
        if effect.kind == "call":
            cells.append(Cell(effect.where, row, "before the call", (before,)))
            cells.append(Cell(effect.where, row, "after the call", (after,)))
            cells.append(Cell(effect.where, row, "late, before", (replace(before, stops=True),)))
            cells.append(Cell(effect.where, row, "late, after", (replace(after, stops=True),)))
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
            results += judged(line, try_cells(run, channel, line, expected))
        poisoned = poison(run, channel, next(cell for cell in cells if cell.column == "before the call"), expected)
    if channel == "rcs" and run_name == "onboarding":
        results += bridge_results(run, channel)
    announced = {"made": report["made"], "unannounced": report["unannounced"]}
    print(json.dumps(announced | {"cells": results, "poison": poisoned}))  # noqa: T201


def poison(run: Run, channel: str, cell: Cell, expected: dict[str, int]) -> dict[str, Any]:
    """A step that takes each of its processes with it, until it is left alone; then a person mends it."""
    begin(run, channel)
    until_parked = replace(run, is_over=is_parked)
    deaths = 0
    while (code := in_child(lambda: live(until_parked, cell.deaths[0]))[0]) == DEAD and deaths < MOST_DEATHS:
        deaths += 1
    parked = in_child(look)[1]
    in_child(lambda: mend(workshop()))
    in_child(lambda: live(run, None))
    is_right = at_vendors(fetch(f"{SIMULATOR}/_sim/ledger")) == expected
    return {
        "where": cell.where,
        "deaths": deaths,
        "exit": code,
        "parked": parked["reasons"],
        "is_right_after_retry": is_right,
    }


def judged(cells: list[Cell], problems: list[str]) -> list[dict[str, Any]]:
    return [{"where": c.where, "row": c.row, "column": c.column, "problems": problems} for c in cells]


def bridge_results(run: Run, channel: str) -> list[dict[str, Any]]:
    """The gateway dies while it sends for AJO, in each of its effects; a run of an onboarding comes first."""
    begin(run, channel)
    with running_gateway():
        in_child(lambda: live(run, None))
    ajo = in_child(meet_ajo)[1]
    effects = bridge_effects(ajo)
    # What a gateway that slept has to notice lies before its call, and after the commit that announces it.
    asleep = Point(effects[0], "after", stops=True)
    cells = [
        replace(cell, deaths=(asleep,)) if cell.column == "late, before" else cell
        for cell in plan(effects, is_all=True)
    ]
    return [result for number, cell in enumerate(cells) for result in judged([cell], try_bridge(ajo, cell, number))]


if __name__ == "__main__":
    main(*sys.argv[1:])
