"""What is wrong with spec files: one fault with its place and its cure, and the exception that carries them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.spec.load import LoadedSpec
    from models.spec.refusal import Location


@dataclass(frozen=True, slots=True)
class SpecFault:
    """One fault. Neither the sentences nor ``excerpt`` ever hold a value that may be a secret."""

    file: str
    line: int
    """1-based; 0 when there is no file to point into."""
    column: int
    """1-based, in characters."""
    path: str
    """``verification.to[0]``; empty for the file as a whole."""
    problem: str
    cure: str
    excerpt: str = field(default="", compare=False)
    """The source line, or nothing when it may hold a secret."""


class SpecErrors(Exception):
    """All faults of all files, in the order of the files and lines."""

    def __init__(self, faults: Sequence[SpecFault], sound: Sequence[LoadedSpec] = ()) -> None:
        self.faults = list(faults)
        self.sound = list(sound)
        """The files without a fault."""
        super().__init__("\n".join(str_of(fault) for fault in self.faults))


def str_of(fault: SpecFault) -> str:
    """The fault on one line, for logs and tracebacks."""
    return f"{fault.file}:{fault.line}:{fault.column}: {fault.path + ': ' if fault.path else ''}{fault.problem} ({fault.cure})"


def path_of(loc: Location) -> str:
    """``("verification", "to", 0)`` as ``verification.to[0]``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
