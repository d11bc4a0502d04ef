"""One ``up`` per state folder. The system frees the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from threading import Event
from typing import TYPE_CHECKING

from cli.exits import NOT_SET_UP, Exit
from settings import LOCK_FILE

if TYPE_CHECKING:
    from pathlib import Path

TRIES = 5
PAUSE_SECONDS = 0.02


class InstanceLock:
    """Held from :meth:`take` to :meth:`free`; the file holds the holder's process id."""

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK_FILE
        self._descriptor: int | None = None

    def take(self) -> None:
        """:raises Exit: somebody else holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # A command that asks whether one runs holds it for some microseconds.
        if not any(_try(descriptor) for _ in range(TRIES)):
            pid = os.read(descriptor, 20).decode().strip() or "unknown"
            os.close(descriptor)
            msg = (
                f"onboard is already running on {self._path.parent} with pid {pid}. "
                f"Stop it (`kill {pid}`), or give this one a state folder of its own by ONBOARD_HOME."
            )
            raise Exit(msg, NOT_SET_UP)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def free(self) -> None:
        if self._descriptor is not None:
            # The file stays: deleting it could let two processes lock two files of one name.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _try(descriptor: int) -> bool:
    """Whether the lock is ours now; waits a little when it is not."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        Event().wait(PAUSE_SECONDS)
        return False
    return True
