"""One child process: its log, its end when we end, its orderly stop."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1
LARGEST_LOG = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs. Lower ``stage`` starts earlier and stops later."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stage: int
    stop_seconds: float = 10.0


@dataclass
class Child:
    """A program and, once started, its process."""

    program: Program
    log_file: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    _is_cleared: bool = field(default=True, init=False)

    def start(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > LARGEST_LOG:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603  our own programs
                self.program.command,
                env=self.program.environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                # A Ctrl-C at the terminal is for us alone: we stop the children, in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  see there
            )
        finally:
            os.close(descriptor)
        self.started_at = time.monotonic()
        self._is_cleared = False

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before it was started."""
        return self.process.poll() if self.process else None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_running:
            assert self.process is not None  # noqa: S101  is_running says so
            self.process.send_signal(signal.SIGTERM)

    def end(self, deadline: float) -> bool:
        """Wait until ``deadline`` (monotonic), then kill; also whatever it left in its group. False if it was killed."""
        if self.process is None or self._is_cleared:
            return True
        is_clean = True
        try:
            self.process.wait(timeout=max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            is_clean = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._is_cleared = True
        return is_clean

    def log_tail(self, lines: int = 12) -> str:
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(self.log_file.stat().st_size - 8000, 0))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


_parent = os.getpid()
# Loaded before any fork: after it, in the child, only the call itself is safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Ask the system to kill this child when its parent dies, even by SIGKILL.

    SIGKILL rather than SIGTERM: a worker that waits for a vendor could outlive the broker and the lock by its time
    limit. Everything here survives being killed: leases run out, the broker's file is complete.
    """
    assert _libc is not None  # noqa: S101  used on Linux only
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _parent:
        # It died between fork and here.
        os.kill(os.getpid(), signal.SIGKILL)
