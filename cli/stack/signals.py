"""Ctrl-C and its kin as a question that is asked at safe places.

A handler that raises would do so anywhere: inside a fork or a lock's release, Python swallows the exception and the
request is lost.
"""

from __future__ import annotations

import signal
from typing import Any, Self

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked this program to end."""


class StopSignals:
    """Within, signals only note the request; :meth:`check` raises it. Clean-up that asks nothing is not disturbed."""

    def __init__(self) -> None:
        self._is_requested = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in NUMBERS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: Any) -> None:
        self._is_requested = True

    def check(self) -> None:
        """:raises StopRequested: a signal has arrived."""
        if self._is_requested:
            raise StopRequested
