"""What AJO is told about a message it asked the bridge to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body. ``retry_after``: the same request, later, may succeed. ``challenge``: what a 401 asks for."""

    status: int
    body: dict[str, Any]
    retry_after: float | None = None
    challenge: str | None = None


def error(status: int, code: str, message: str, reference: str | None = None, *, after: float | None = None) -> Answer:
    """An answer that says no: a stable code, a sentence, and whether to try again."""
    body = {"error": {"code": code, "message": message, "retryable": after is not None}, "reference": reference}
    return Answer(status, body, after)
