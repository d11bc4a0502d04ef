"""Blanks secrets out of text: known values by registry, unknown ones by shape. One place, used by logs and errors."""

from __future__ import annotations

import logging
import re

REDACTED = "[redacted]"
# Shorter values would blank out ordinary words.
SHORTEST_SECRET = 6

_known: set[str] = set()
_SHAPES = (
    re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)\s+)[^\s'\",]+"),
    re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(
        r"(?i)((?:auth_?token|client_?secret|password|api_?key_?secret|access_token)['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,}]+"
    ),
    re.compile(r"(?i)(\b(?:rediss?|postgresql(?:\+\w+)?|amqps?)://[^:/@\s]*:)[^@\s]+(?=@)"),
)


def register_secret(value: str) -> None:
    """From now on this value is blanked out of every log line and error text of this process."""
    if len(value) >= SHORTEST_SECRET:
        _known.add(value)


def redact(text: str) -> str:
    # Longest first, so that a secret that contains another leaves no rest.
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    for shape in _SHAPES:
        text = shape.sub(rf"\g<1>{REDACTED}", text)
    return text


class RedactingFilter(logging.Filter):
    """Redacts the finished line and the traceback of every record that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
