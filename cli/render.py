"""How things look: symbols, colours, columns. Plain and unshortened when nobody watches."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from engine.reasons import problem_of
from models.states import StepState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.queries import Summary

SYMBOLS = {
    StepState.PENDING: ("·", "dim"),
    StepState.READY: ("○", "cyan"),
    StepState.RUNNING: ("●", "cyan"),
    StepState.RETRYING: ("↻", "yellow"),
    StepState.WAITING_VENDOR: ("◔", "yellow"),
    StepState.WAITING_PERSON: ("!", "bold magenta"),
    StepState.SUCCEEDED: ("✔", "green"),
    StepState.SKIPPED: ("-", "dim"),
    StepState.FAILED: ("✘", "bold red"),
    StepState.CANCELLED: ("x", "dim"),
}
STATUS_STYLES = {
    "running": "cyan",
    "waiting": "yellow",
    "paused": "magenta",
    "active": "green",
    "degraded": "bold red",
    "failed": "bold red",
    "cancelled": "dim",
    "tearing_down": "yellow",
    "removed": "dim",
}
PERSON = "bold magenta"
GAP = 2
# Below this width the last column says too little, and less important ones give way; it never gets less than that.
NARROW = 36
NARROWEST = 14


def make_console(*, stderr: bool = False) -> Console:
    """rich minds NO_COLOR and whether somebody watches; :mod:`cli.signs`, what the stream can show."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def status(summary: Summary) -> Text:
    if summary.needs_person and summary.status == "waiting":
        return Text("waiting", PERSON)
    return Text(summary.status.value.replace("_", " "), STATUS_STYLES.get(summary.status.value, ""))


def symbol(state: StepState) -> Text:
    return Text(*SYMBOLS[state])


def step_state(state: StepState, *, is_removal: bool = False) -> Text:
    """:param is_removal: what is done is then that the step has taken away what it made."""
    sign, style = SYMBOLS[state]
    word = "removed" if is_removal and state is StepState.SUCCEEDED else state.value.replace("_", " ")
    return Text(f"{sign} {word}", style)


@dataclass(frozen=True, slots=True)
class Column:
    """:param rank: columns of higher rank give way first when the page is narrow; 0 never does."""

    title: str
    rank: int = 0


def print_columns(
    console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], *, indent: int = 0, wraps: bool
) -> None:
    """Aligned columns without lines. Only the last one may be long.

    :param wraps: whether what does not fit goes on below; else it ends in ``…``.
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    shown = list(range(len(columns)))
    while True:
        widths = [max([len(columns[i].title), *(row[i].cell_len for row in cells)]) for i in shown[:-1]]
        room = console.width - indent - sum(widths) - GAP * len(widths)
        lowest = max(shown, key=lambda i: columns[i].rank)
        if not console.is_terminal or room >= NARROW or columns[lowest].rank == 0:
            break
        shown.remove(lowest)
    room = max(room, NARROWEST) if console.is_terminal else sys.maxsize
    head = [Text(columns[i].title.upper(), "dim") for i in shown]
    for row in [head, *([row[i] for i in shown] for row in cells)]:
        _print_row(console, row, widths, indent=indent, room=room, wraps=wraps)


def _print_row(console: Console, row: list[Text], widths: list[int], *, indent: int, room: int, wraps: bool) -> None:
    margin = Text(" " * indent)
    for cell, width in zip(row, widths, strict=False):
        margin.append_text(cell).append(" " * (width - cell.cell_len + GAP))
    last = row[-1]
    if not wraps and last.cell_len > room:
        last.truncate(room, overflow="ellipsis")
    print_hanging(console, margin, last, room=room)


def print_hanging(console: Console, margin: Text, text: Text, *, room: int | None = None) -> None:
    """``text`` behind ``margin``; on a terminal its further lines begin where the first did."""
    if room is None:
        room = max(console.width - margin.cell_len, NARROWEST) if console.is_terminal else sys.maxsize
    lines = list(text.wrap(console, room)) if text.cell_len > room else [text]
    width = margin.cell_len
    for number, part in enumerate(lines):
        whole = (margin if number == 0 else Text(" " * width)).append_text(part)
        whole.rstrip()
        console.print(whole)


def print_findings(
    console: Console, findings: Sequence[Mapping[str, str]], *, indent: int, word: str | None = None
) -> None:
    """Each problem on its line, and the cure once below all that it is for.

    :param word: stands after the sign.
    """
    for cure, group in groupby(findings, key=lambda finding: finding["cure"]):
        for finding in group:
            sign, style = ("✘", "bold red") if finding["severity"] == "error" else ("!", "yellow")
            margin = Text.assemble(" " * indent, (f"{sign} {word}  " if word else f"{sign} ", style))
            print_hanging(console, margin, Text(problem_of(finding["subject"], finding["problem"])))
        if cure:
            print_hanging(console, Text(" " * (indent + 2)), Text(f"-> {cure}", "dim"))


def print_wrapped(console: Console, text: str | Text, *, indent: int = 0) -> None:
    """Sentences that keep their margin on a terminal; elsewhere each stays on one line."""
    print_hanging(console, Text(" " * indent), _text(text))


def _text(value: str | Text) -> Text:
    """A value as one line of its own: what the table does to it must not change the original."""
    return value.copy() if isinstance(value, Text) else Text(" ".join(value.split()))
