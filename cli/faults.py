"""How the faults of spec files look: as a compiler's, with the source line, a caret and a help line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.spec.faults import SpecFault
    from models.spec.load import LoadedSpec

# A source line longer than this is shown around the caret only.
WIDEST = 96


def print_faults(faults: Sequence[SpecFault], *, to_stderr: bool = False) -> None:
    console = _console(to_stderr=to_stderr)
    for fault in faults:
        _print_fault(console, fault)
        console.print()


def print_sound(loaded: Sequence[LoadedSpec]) -> None:
    console = _console()
    for one in loaded:
        console.print(Text.assemble(("✔ ", "green"), str(one.path), (f"  {one.spec.name} ({one.spec.channel})", "dim")))


def print_summary(faults: Sequence[SpecFault], sound: int, *, to_stderr: bool = False) -> None:
    console = _console(to_stderr=to_stderr)
    if not faults:
        console.print(Text(f"{_count(sound, 'file')}, no faults", "green"))
        return
    files = len({fault.file for fault in faults})
    good = f"; {_count(sound, 'file')} good" if sound else ""
    console.print(Text(f"{_count(len(faults), 'fault')} in {_count(files, 'file')}{good}", "bold red"))


def _console(*, to_stderr: bool = False) -> Console:
    """Never wraps: a terminal does that itself, and a pipe gets each sentence on one line. rich minds NO_COLOR."""
    return Console(stderr=to_stderr, highlight=False, soft_wrap=True)


def _print_fault(console: Console, fault: SpecFault) -> None:
    place = f"{fault.file}:{fault.line}:{fault.column}" if fault.line else fault.file
    subject = (f"{fault.path}: ", "bold cyan") if fault.path else ""
    console.print(Text.assemble((f"{place}  ", "bold"), subject, (fault.problem, "red")))
    print_excerpt(console, fault)


def print_excerpt(console: Console, fault: SpecFault) -> None:
    """The source line with a caret, and the cure."""
    margin = len(str(fault.line)) + 2
    if fault.excerpt:
        line, column = _around(fault.excerpt, fault.column)
        console.print(Text.assemble((f"{fault.line:>{margin}} | ", "dim"), line))
        console.print(Text.assemble((" " * margin + " | ", "dim"), " " * (column - 1), ("^", "bold red")))
    console.print(Text.assemble(" " * margin, (" help: ", "bold green"), fault.cure))


def _around(line: str, column: int) -> tuple[str, int]:
    """``line`` cut to what fits around ``column``, and where that column then is."""
    line = line.replace("\t", " ").rstrip()
    if len(line) <= WIDEST:
        return line, column
    start = max(0, min(column - WIDEST // 2, len(line) - WIDEST))
    cut = line[start : start + WIDEST]
    head = "…" + cut[1:] if start else cut
    return (head[:-1] + "…" if start + WIDEST < len(line) else head), column - start


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
