"""What fetching a web address ends in: an answer, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Why(StrEnum):
    """Why there is no answer."""

    FORBIDDEN = "forbidden"
    """We do not go there: a private address, another port than the web's, another scheme than http and https."""
    UNKNOWN_HOST = "unknown host"
    UNREACHABLE = "unreachable"
    """No connection, no answer in time, or something that is not HTTP."""
    CERTIFICATE = "certificate"
    REDIRECTS = "redirects"
    """Too many of them, in a circle, or to nowhere."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer, after redirects."""

    url: str
    """Where it came from."""
    status: int
    content_type: str
    """As sent, in lower case: ``text/html; charset=utf-8``."""
    body: bytes = field(repr=False)
    """Undecoded, and cut at the limit."""
    size: int | None
    """Bytes of the whole body; None when it was cut and the server did not say."""

    @property
    def is_whole(self) -> bool:
        return len(self.body) == self.size


@dataclass(frozen=True, slots=True)
class NoAnswer:
    why: Why
    detail: str
    """The second half of a sentence about the address: ``has no certificate that …``."""
