"""A process dies at each instant of an onboarding that leaves something behind; another goes on, and all ends right.

The cells of one column share a run: processes die one after the other at each of its points, so far as a step bears it. The
suite takes RCS on SQLite and MMS on PostgreSQL; ``ONBOARD_CRASH_MATRIX=all pytest -m slow tests/crash/test_crash_matrix.py`` all
channels on both, and ``ONBOARD_CRASH_MATRIX=each`` besides gives every cell a run of its own and takes every commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from engine.claim import LOST_LEASES_BEFORE_PARKING
from tasks.steps import CATALOGUE
from tests.factories import make_spec
from tests.integration.services import ROOT, Simulator, free_port
from tests.integration.stack import TEST_KEY

SIZE = os.environ.get("ONBOARD_CRASH_MATRIX", "some")
PARTS = [("sqlite", "rcs", "onboarding"), ("postgresql", "mms", "onboarding"), ("postgresql", "sms", "teardown")]
if SIZE in {"all", "each"}:
    PARTS = list(product(("sqlite", "postgresql"), ("rcs", "sms", "mms"), ("onboarding", "teardown")))
# Calls that make something at a vendor.
MADE = {"rcs": 8, "sms": 4, "mms": 4}
# Beginnings of the names that tests.crash.matrix gives; both late ones in one column.
COLUMNS = ("before", "after", "in the adoption", "late")
PATIENCE_SECONDS = 3600 if SIZE == "each" else 230


@pytest.fixture
def simulator(tmp_path):
    """Stands still: time is pushed on by whoever works."""
    process = Simulator(tmp_path, "--speed", "0", "--seed", "1", review=600, message=5, activation=60)
    yield process
    process.stop()


@pytest.mark.timeout(PATIENCE_SECONDS + 10)
@pytest.mark.parametrize(("database_url", "channel", "run"), PARTS, indirect=["database_url"])
def test_whatever_dies_when_all_is_made_once_and_taken_away(  # noqa: PLR0917  fixtures
    simulator, database_url, channel, run, tmp_path, record_property
):
    found = run_matrix(simulator, database_url, channel, run, tmp_path)
    database = "postgresql" if database_url else "sqlite"
    record_property("summary", table(f"crash matrix: {run} of {channel} on {database}", channel, found["cells"]))

    assert problems(found["cells"]) == ""
    # What makes something at a vendor was committed as an intent before; the simulator's ledger tells which calls do.
    assert found["unannounced"] == []
    assert len(found["made"]) == (MADE[channel] if run == "onboarding" else 0)
    assert {cell["where"] for cell in found["cells"]} >= set(CATALOGUE.names)
    where = found["poison"].pop("where")
    assert found["poison"] == {
        "deaths": LOST_LEASES_BEFORE_PARKING,
        "exit": 0,
        "parked": [f"5 workers vanished while running {where}; look at the worker's log, then `onboard retry`"],
        "is_right_after_retry": True,
    }


def run_matrix(simulator: Simulator, database_url: str | None, channel: str, run: str, folder: Any) -> dict[str, Any]:
    """Its own process, so that it can fork without threads."""
    values = {
        "HOME": str(folder / "home"),
        "BROKER_URL": "memory://",
        "SECRET_KEYS": TEST_KEY,
        "GATEWAY_PORT": str(free_port()),
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ONBOARD_", "PYTEST"))}
    env |= {f"ONBOARD_{key}": value for key, value in values.items()} | simulator.settings
    env |= {"TEST_SIMULATOR_URL": simulator.url}
    command = [
        sys.executable,
        "-m",
        "tests.crash.matrix",
        run,
        channel,
        "each" if SIZE == "each" else "together",
    ]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def problems(cells: Iterable[dict[str, Any]]) -> str:
    """Each once: cells that share a run share its problems."""
    lines: dict[str, list[str]] = {}
    for cell in cells:
        if cell["problems"]:
            lines.setdefault("\n".join(cell["problems"]), []).append(
                f"{cell['where']}: {cell['row']}, {cell['column']}"
            )
    return "\n\n".join("\n".join([*names, what]) for what, names in lines.items())


def table(title: str, channel: str, cells: list[dict[str, Any]]) -> str:
    """One row for each call, claim and outcome; 80 columns wide."""
    spec = make_spec(channel)
    skipped = {step.name: reason for step in CATALOGUE.steps if (reason := step.skip_reason(spec))}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        column = next(column for column in COLUMNS if cell["column"].startswith(column))
        marks = rows.setdefault((cell["where"], cell["row"]), {})
        marks[column] = "FAILED" if cell["problems"] else marks.get(column, "ok")
    bad = sum(bool(cell["problems"]) for cell in cells)
    lines = [f"{title}: {len(cells)} cells, {f'{bad} FAILED' if bad else 'all ok'}"]
    lines.append(f"  {'step':13}{'what is under way':33}{'before':>8}{'after':>7}{'adoption':>10}{'late':>7}")
    for (where, what), marks in sorted(rows.items(), key=lambda row: _position(row[0][0])):
        shown = "".join(f"{marks.get(name, '-'):>{width}}" for name, width in zip(COLUMNS, (8, 7, 10, 7), strict=True))
        lines.append(f"  {where:13}{what[:32]:33}{shown}")
    lines += [f"  {step:13}makes no call: {reason}" for step, reason in skipped.items()]
    return "\n".join(lines)


def _position(where: str) -> int:
    return CATALOGUE.names.index(where) if where in CATALOGUE.names else len(CATALOGUE.names)
