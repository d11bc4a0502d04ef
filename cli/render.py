"""How things look: words, colours, times, tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

SYMBOLS = {
    "pending": ("·", "dim"),
    "ready": ("◌", "cyan"),
    "running": ("●", "cyan"),
    "retrying": ("↻", "yellow"),
    "waiting_vendor": ("◔", "yellow"),
    "waiting_person": ("☞", "bold magenta"),
    "succeeded": ("✔", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✘", "bold red"),
    "cancelled": ("✘", "dim"),
}
STATUS_STYLES = {
    "active": "green",
    "running": "cyan",
    "waiting": "yellow",
    "paused": "dim",
    "degraded": "bold yellow",
    "failed": "bold red",
    "cancelled": "dim",
}


def make_console() -> Console:
    """Plain text when the output is no terminal or NO_COLOR is set; a wide page when nobody watches."""
    # No markup: names and reasons of vendors may hold square brackets.
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=160)
    return console


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class PlainTable(Table):
    """A table whose text cells are shown as they are."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*columns: str) -> PlainTable:
    made = PlainTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def status(value: str) -> Text:
    return Text(value, STATUS_STYLES.get(value, ""))


def state(value: str) -> Text:
    symbol, style = SYMBOLS[value]
    return Text(f"{symbol} {value.replace('_', ' ')}", style)


def symbol(value: str) -> Text:
    return Text(*SYMBOLS[value])


def since(moment: datetime | None) -> str:
    """How long ago, in the largest unit that says something: ``3 d``, ``12 min``."""
    return "" if moment is None else _span((datetime.now(UTC) - moment).total_seconds())


def until(moment: datetime | None) -> str:
    """How long until then; ``now`` when it is past."""
    if moment is None:
        return ""
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return "now" if seconds <= 0 else "in " + _span(seconds)


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def moment(value: datetime | None) -> str:
    return "" if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def steps_bar(states: dict[str, str]) -> Text:
    """The five steps as five symbols."""
    bar = Text()
    for value in states.values():
        bar.append_text(symbol(value)).append(" ")
    return bar
