"""Blanks secrets out of text: known values by registry, unknown ones by shape. One place, used by logs and errors."""

from __future__ import annotations

import json
import logging
import re
import threading
from urllib.parse import quote

REDACTED = "[redacted]"
# Shorter values would blank out ordinary words.
SHORTEST_SECRET = 6

# Known secrets by their first characters: a worker of thousands of onboardings knows thousands of secrets, and a log
# line must not be searched once for each.
_by_start: dict[str, tuple[str, ...]] = {}
_lock = threading.Lock()

_NAMES = r"auth_?token|client_?secret|password|api_?key_?secret|access_token"
_SHAPES = (
    re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)\s+)[^\s'\",]+"),
    re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(rf"(?i)(\"(?:{_NAMES}|token|secret)\"\s*:\s*\")(?:[^\"\\]|\\.)+"),
    re.compile(rf"(?i)((?:{_NAMES})['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,}}]+"),
    # In a database or broker URL a password is often written as it is, with all its slashes.
    re.compile(r"(?i)(\b(?:rediss?|postgresql(?:\+\w+)?|amqps?)://[^:/@\s]*:)[^@\s]+(?=@)"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^:/@\s]*:)[^/@\s]+(?=@)"),
)


def register_secret(value: str) -> None:
    """From now on this value is blanked out of every log line and error text of this process.

    So are its forms inside URLs and JSON. Values shorter than six characters are left alone.
    """
    with _lock:
        for form in {value, quote(value, safe=""), json.dumps(value)[1:-1]}:
            start = form[:SHORTEST_SECRET]
            known = _by_start.get(start, ())
            if len(form) >= SHORTEST_SECRET and form not in known:
                # Longest first, so that a secret that begins like another leaves no rest.
                _by_start[start] = tuple(sorted((*known, form), key=len, reverse=True))


def redact(text: str) -> str:
    """The text with every secret replaced; redacting twice changes nothing more."""
    text = _blank_known(text)
    for shape in _SHAPES:
        text = shape.sub(rf"\g<1>{REDACTED}", text)
    return text


def _blank_known(text: str) -> str:
    parts: list[str] = []
    kept = position = 0
    while position <= len(text) - SHORTEST_SECRET:
        candidates = _by_start.get(text[position : position + SHORTEST_SECRET], ())
        secret = next((candidate for candidate in candidates if text.startswith(candidate, position)), None)
        if secret is None:
            position += 1
            continue
        parts += (text[kept:position], REDACTED)
        position += len(secret)
        kept = position
    return "".join((*parts, text[kept:]))


class RedactingFilter(logging.Filter):
    """Redacts the finished line and the traceback of every record that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            line = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # Arguments that do not fit: logging would print them raw beside the complaint.
            line = f"{record.msg} {record.args!r}"
        record.msg = redact(line)
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
