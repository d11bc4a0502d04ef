"""Reads vendors' answers: waiting times, error bodies, and shapes that are not what the vendor's description says."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from providers.errors import CallContext, Retryable
from providers.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# What reading an answer of another shape raises; RecursionError comes from JSON that is nested too deep.
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError, httpx.InvalidURL)

# A vendor that asks for more is looked at again after a day.
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
# A vendor's sentence goes into the database and onto the screen; a page of HTML does not.
LONGEST_REASON = 300


def retry_after(response: httpx.Response) -> float | None:
    """Seconds from ``Retry-After`` (RFC 9110: a number or a date), a day at most; None when absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def answer_json(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an error answer; empty when it is none."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def reason(body: dict[str, Any], *fields: str) -> str:
    """What an error answer says for people: the first of ``fields`` that holds text, on one line and not without end."""
    for field in fields:
        said = body.get(field)
        # Control characters would act on the terminal that shows it.
        text = " ".join("".join(c if c.isprintable() else " " for c in said).split()) if isinstance(said, str) else ""
        if text:
            return _shortened(text)
    return "no reason given"


def _shortened(text: str) -> str:
    """Redacted before it is cut: half a secret would not be known as one."""
    return redact(text)[:LONGEST_REASON]


def read_answer(read: Callable[[Any], T], body: Any, *, vendor: str, operation: str, is_write: bool = False) -> T:
    """``read(body)``.

    :raises Retryable: the answer lacks something the vendor's description promises; ambiguous after a write, since it
        was an answer of success.
    """
    try:
        return read(body)
    except UNREADABLE as error:
        msg = f"{vendor}'s answer cannot be read ({type(error).__name__}: {_shortened(str(error))}) to {operation}"
        raise Retryable(msg, ambiguous=is_write, context=CallContext(vendor, operation)) from None
