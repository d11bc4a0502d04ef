"""What a check of ``onboard doctor`` answers with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """``level`` is ok, warn or fail; ``cure`` says what to do and is empty when all is well."""

    subject: str
    level: str
    found: str
    cure: str = ""
