"""The table of ``watch`` on a terminal: one row per onboarding, five cells for the steps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli import render, words
from engine.clock import now
from models.states import OnboardingState, StepState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from engine.queries import Summary

# Full names of the steps where the page is wide, else their beginnings.
WIDE = 130
LONG_LEGEND = 104
SHORT = {"registration": "reg", "webhook": "hook", "credential": "cred", "channel": "chan", "verification": "verify"}
LEGEND = (StepState.RUNNING, StepState.WAITING_VENDOR, StepState.WAITING_PERSON, StepState.RETRYING, StepState.FAILED)
# What the other columns take at least.
REST = 66
SHORTEST_NAME = 14
SPINNER = "dots"


def table(found: Sequence[Summary], width: int) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    made.add_column("NAME", no_wrap=True, overflow="ellipsis", max_width=max(width - REST, SHORTEST_NAME))
    for name, short in SHORT.items():
        made.add_column((name if width >= WIDE else short).upper(), no_wrap=True, justify="center")
    made.add_column("STATUS", no_wrap=True)
    made.add_column("FOR", no_wrap=True, justify="right")
    # Takes what is left, and one line only: rows that grow and shrink make the page jump.
    made.add_column("WHAT ABOUT", no_wrap=True, overflow="ellipsis", ratio=1)
    moment = now()
    for one in found:
        style = render.PERSON if one.needs_person else ""
        cells = [_cell(step.seen_state) for step in one.steps]
        span = words.span(moment - one.since)
        matter = Text(" ".join(words.matter(one, moment).split()), style)
        made.add_row(Text(one.name, "bold"), *cells, render.status(one), span, matter)
    return made


def _cell(state: StepState) -> RenderableType:
    return Spinner(SPINNER, style="cyan") if state is StepState.RUNNING else render.symbol(state)


def counts(found: Sequence[Summary]) -> Text:
    number = Counter(one.status for one in found)
    line = Text("\n")
    for status in OnboardingState:
        if number[status]:
            line.append(
                f"{number[status]} {status.value.replace('_', ' ')}", render.STATUS_STYLES.get(status.value, "")
            )
            line.append("   ")
    return line


def legend(width: int) -> Text:
    line = Text()
    for state in LEGEND:
        sign = "⠋" if state is StepState.RUNNING else render.SYMBOLS[state][0]
        line.append(sign, render.SYMBOLS[state][1]).append(f" {state.value.replace('_', ' ')}   ", "dim")
    return line.append("Ctrl-C ends the view, not the work", "dim") if width >= LONG_LEGEND else line
