"""Lengths of time as people write them: `30d`, `1h30m`, `0.3`."""

import re
from datetime import timedelta

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
LONGEST_SECONDS = 100 * 365 * 86400.0
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?[wdhms])+")


def parse_duration(text: str) -> float:
    """Seconds; a plain number counts as seconds.

    :raises ValueError: it is no length of time; the text says how to write one.
    """
    written = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", written):
        written += "s"
    if not _WHOLE.fullmatch(written):
        raise ValueError(f"{text!r} is not a length of time: write 30d, 12h, 90s, 1h30m, or seconds")
    seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(written))
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"{text!r} is longer than a century")
    return seconds


def show_duration(seconds: float) -> str:
    """`parse_duration` backwards, to the second where it is longer than one."""
    if seconds < 1:
        return f"{seconds:.1f}s"
    left, parts = int(timedelta(seconds=seconds).total_seconds()), []
    for unit, length in _UNITS.items():
        if unit != "w" and left >= length:
            parts.append(f"{left // length}{unit}")
            left %= length
    return "".join(parts)
