"""Signs for streams that cannot show ours: one ASCII character each, so that columns stay where they are."""

from __future__ import annotations

import codecs
import locale
import sys

ASCII = {
    "✔": "v",
    "✘": "X",
    "·": ".",
    "○": "o",
    "●": "@",
    "◔": "~",
    "↻": "~",
    "±": "#",
    "→": ">",
    "…": "...",
}


def show_signs() -> None:
    """Let stdout and stderr say in ASCII what they cannot encode, instead of failing or asking (``?``)."""
    codecs.register_error("onboard.signs", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if not hasattr(stream, "reconfigure"):
            continue
        # Python writes UTF-8 in the C locale too, which a terminal there does not show; a pipe loses nothing by it.
        is_plain = stream.isatty() and locale.setlocale(locale.LC_CTYPE) in {"C", "POSIX"}
        stream.reconfigure(encoding="ascii" if is_plain else None, errors="onboard.signs")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  it is for writing only
    cut = error.object[error.start : error.end]
    return "".join(ASCII.get(character, "?") for character in cut), error.end
