"""How the round trip of a message looks: one line a hop, for ``show`` and for the demo."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from engine.reading import Record

SIGNS = {
    "seen": ("✔ seen", "green"),
    "awaited": ("◔ awaited", "yellow"),
    "failed": ("✘ missing", "bold red"),
    "hidden": ("· hidden", "dim"),
}


def last_trip(verifications: Sequence[Record]) -> list[Record]:
    """The hops of the newest run that recorded any; none when no run did."""
    return next((run["hops"] for run in reversed(verifications) if run["hops"]), [])


def print_hops(console: Console, hops: Sequence[Record], *, indent: int = 2) -> None:
    """Local time with milliseconds, between whom, whether it was seen, and what passed."""
    from rich.text import Text

    from cli.render import Column, print_columns

    rows = []
    for hop in hops:
        at = datetime.fromisoformat(hop["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3] if hop["at"] else ""
        rows.append((at, hop["way"], Text(*SIGNS[hop["state"]]), hop["text"]))
    columns = [Column("time", rank=1), Column("hop"), Column(""), Column("what passed")]
    print_columns(console, columns, rows, indent=indent, wraps=True)
