"""``watch``: onboardings live, until they end or wait for a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from cli.exits import FAILED, NEEDS_PERSON
from cli.state import NAMES, open_database, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from sqlalchemy import Engine

LOOK_SECONDS = 0.3
ENDED = {"active", "failed", "degraded", "cancelled", "paused", "removed"}


@click.command("watch")
@NAMES
@click.option("--timeout", type=float, metavar="SECONDS", help="Give up watching after this long (exit 1).")
def watch_command(names: tuple[str, ...], timeout: float | None) -> int:
    """Follow NAMES (or all that are not settled) until each is active, has failed, or waits for a person.

    \b
    Exit codes: 0 all active, 1 one failed or the time is over, 3 one waits for a person.
    Example:    onboard watch acme-rcs bistro-sms
    """
    return follow(open_database(), names, timeout_seconds=timeout)


def follow(engine: Engine, names: Sequence[str], *, timeout_seconds: float | None = None) -> int:
    """Show progress until everything is settled; the exit code that says how."""
    from cli.render import make_console

    console = make_console()
    wanted = _wanted(engine, names)
    if not wanted:
        click.echo("Nothing is under way. `onboard list` shows all.")
        return 0
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    rows = _follow_live(engine, wanted, deadline) if console.is_terminal else _follow_lines(engine, wanted, deadline)
    if any(row["status"] in {"failed", "degraded", "cancelled"} for row in rows) or not all(map(_is_settled, rows)):
        return FAILED
    return NEEDS_PERSON if any(_needs_person(row) for row in rows) else 0


def _wanted(engine: Engine, names: Sequence[str]) -> list[str]:
    from engine.queries import Filters, list_onboardings
    from models.db import reader

    with reader(engine).begin() as connection:
        if not names:
            rows = list_onboardings(connection, Filters(limit=1000))
            return [row["name"] for row in rows if not _is_settled(row)]
        known = {row["name"] for row in list_onboardings(connection, Filters(names=names, limit=len(names)))}
        for name in names:
            if name not in known:
                raise unknown(connection, name)
    return list(names)


def _look(engine: Engine, names: Sequence[str]) -> list[dict[str, Any]]:
    from engine.queries import Filters, list_onboardings
    from models.db import reader

    with reader(engine).begin() as connection:
        return list_onboardings(connection, Filters(names=names, limit=len(names)))


def _needs_person(row: dict[str, Any]) -> bool:
    return "waiting_person" in row["steps"].values()


def _is_settled(row: dict[str, Any]) -> bool:
    is_looking = any(state in {"ready", "running", "retrying"} for state in row["steps"].values())
    return (row["status"] in ENDED and not is_looking) or _needs_person(row)


def _pause(deadline: float | None) -> bool:
    """Wait for the next look; False when the time is over."""
    if deadline is not None and time.monotonic() >= deadline:
        return False
    time.sleep(LOOK_SECONDS)  # noqa: TID251  a person watches; there is nothing else to wait on
    return True


def _follow_lines(engine: Engine, names: Sequence[str], deadline: float | None) -> list[dict[str, Any]]:
    """One line per change, for files and pipes."""
    begun = time.monotonic()
    shown: dict[str, str] = {}
    while True:
        rows = _look(engine, names)
        for row in rows:
            marks = " ".join(f"{name}={state}" for name, state in row["steps"].items() if state != "pending")
            line = f"{row['name']:<20} {row['status']:<9} {row['done']}/5  {row['reason'] or marks}"
            if shown.get(row["name"]) != line:
                shown[row["name"]] = line
                click.echo(f"{time.monotonic() - begun:6.1f} s  {line}")
        if all(map(_is_settled, rows)) or not _pause(deadline):
            return rows


def _follow_live(engine: Engine, names: Sequence[str], deadline: float | None) -> list[dict[str, Any]]:
    from rich.live import Live

    from cli.render import make_console

    with Live(console=make_console(), refresh_per_second=8, transient=False) as live:
        while True:
            rows = _look(engine, names)
            live.update(_table(rows))
            if all(map(_is_settled, rows)) or not _pause(deadline):
                return rows


def _table(rows: list[dict[str, Any]]) -> Table:
    from cli import render

    table = render.table(
        "name", "status", "registration", "webhook", "credential", "channel", "verification", "what about"
    )
    for number in range(7):
        table.columns[number].no_wrap = True
    for column in table.columns[2:7]:
        column.justify = "center"
    for row in rows:
        cells = [render.symbol(state) for state in row["steps"].values()]
        table.add_row(row["name"], render.status(row["status"]), *cells, row["reason"] or "")
    return table
