"""The last word before a call that changes something at a vendor: whoever makes it proves there that it is still theirs to make."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_check: ContextVar[Callable[[], None] | None] = ContextVar("check_before_writes", default=None)


@contextmanager
def checked(check: Callable[[], None]) -> Iterator[None]:
    """Within, ``check`` is asked before each such call of this thread, and again right before its first byte is written; what
    it raises keeps the call from being made.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_write() -> None:
    """Ask, if there is somebody to ask."""
    check = _check.get()
    if check is not None:
        check()
