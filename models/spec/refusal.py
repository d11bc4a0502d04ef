"""How the models of the spec refuse: a sentence in two halves, cause and cure, at the place of the fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

if TYPE_CHECKING:
    from collections.abc import Sequence

CURE = " || "

Location = tuple[str | int, ...]
"""Keys and list positions that lead to a value, as in pydantic's errors."""

# A key pasted into the wrong line is long and without blanks, and mixes letters and digits.
_MAY_BE_A_SECRET = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z0-9_\-+/=]{20,}")


def shown(value: str) -> str:
    """``value`` as an error may repeat it: in quotes, short, and not if it could be a secret in the wrong place."""
    if _MAY_BE_A_SECRET.fullmatch(value):
        return f"'{value[:4]}…' ({len(value)} characters)"
    return repr(value if len(value) <= 60 else value[:57] + "…")


@dataclass(frozen=True)
class Refusal:
    """One fault that is found at another place than where it is checked; ``loc`` leads there from the checked value."""

    loc: Location
    problem: str
    cure: str

    def as_line(self) -> InitErrorDetails:
        error = ValueError(f"{self.problem}{CURE}{self.cure}")
        return InitErrorDetails(type="value_error", loc=self.loc, input=None, ctx={"error": error})


def refuse(refusals: Sequence[Refusal], error: ValidationError | None = None) -> NoReturn:
    """Raise all ``refusals`` at once, each at its own place, together with what ``error`` found already."""
    found = error.errors(include_url=False) if error else []
    lines = [
        InitErrorDetails(type=line["type"], loc=line["loc"], input=line["input"], ctx=line.get("ctx", {}))
        for line in found
    ]
    raise ValidationError.from_exception_data(
        "spec", [*lines, *(refusal.as_line() for refusal in refusals)], hide_input=True
    )
