"""How the round trip of a message looks: one line a hop, for ``show`` and for the demo."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from engine.reading import Record

SIGNS = {"seen": ("✔", "green"), "awaited": ("◔", "yellow"), "failed": ("✘", "bold red"), "hidden": ("·", "dim")}
LEGEND = "✔ seen, ◔ awaited, ✘ missing or refused, · cannot be seen from here"


def last_trip(verifications: Sequence[Record]) -> list[Record]:
    """The hops of the newest run that recorded any; none when no run did."""
    return next((run["hops"] for run in reversed(verifications) if run["hops"]), [])


def print_hops(console: Console, hops: Sequence[Record], *, indent: int = 2) -> None:
    """Whether it was seen, local time with milliseconds, between whom, and what passed."""
    from rich.text import Text

    from cli.render import Column, print_columns

    rows = []
    for hop in hops:
        at = datetime.fromisoformat(hop["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3] if hop["at"] else ""
        rows.append((Text(*SIGNS[hop["state"]]), at, hop["way"], hop["text"]))
    columns = [Column(""), Column("time"), Column("hop"), Column("what passed")]
    print_columns(console, columns, rows, indent=indent, wraps=True)
    console.print(Text(" " * indent + LEGEND, "dim"))
