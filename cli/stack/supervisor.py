"""Keeps a set of child processes running and ends them in order. Start it and stop it from the main thread."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import groupby
from threading import Event
from typing import TYPE_CHECKING

from cli.exits import Exit
from cli.stack.child import Child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.stack.child import Program

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# Having run this long, a child that dies is restarted at once again.
STEADY_SECONDS = 60.0


@dataclass
class _Restart:
    deaths: int = 0
    at: float | None = None


@dataclass
class Supervisor:
    """:param restarts: whether a child that dies by itself is started again; otherwise :meth:`check` raises.
    :param interrupt: asked at every :meth:`check`; what it raises goes to the caller.
    """

    logs: Path
    restarts: bool
    say: Callable[[str], None]
    interrupt: Callable[[], None] = lambda: None
    first_delay: float = FIRST_DELAY
    children: list[Child] = field(default_factory=list, init=False)
    _restart: dict[str, _Restart] = field(default_factory=dict, init=False)

    def start(self, program: Program) -> Child:
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        child = Child(program, self.logs / f"{program.name}.log")
        self.children.append(child)
        child.start()
        return child

    def child(self, name: str) -> Child:
        return next(child for child in self.children if child.program.name == name)

    def check(self) -> None:
        """Look after the children once.

        :raises Exit: one died and ``restarts`` is off; the message ends with its last log lines.
        """
        self.interrupt()
        for child in self.children:
            restart = self._restart.setdefault(child.program.name, _Restart())
            if restart.at is not None:
                if time.monotonic() >= restart.at:
                    restart.at = None
                    child.start()
            elif child.exit_code is not None:
                self._on_death(child, restart)

    def _on_death(self, child: Child, restart: _Restart) -> None:
        # Whatever it left in its process group must not meet its successor.
        child.end(time.monotonic())
        if not self.restarts:
            raise Exit(died_sentence(child))
        if time.monotonic() - child.started_at > STEADY_SECONDS:
            restart.deaths = 0
        delay = min(self.first_delay * 2**restart.deaths, LONGEST_DELAY)
        restart.deaths += 1
        restart.at = time.monotonic() + delay
        self.say(f"{died_sentence(child)}\nIt is started again in {delay:.1f} s.")

    def wait_until(self, is_ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Poll ``is_ready`` while looking after the children.

        :raises Exit: it did not become ready in time, or a child died for good.
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise Exit(f"{what} was not ready after {seconds:.0f} s; its log is in {self.logs}")
            self.pause(0.05)

    def pause(self, seconds: float) -> None:
        """Wait a moment between two calls of :meth:`check`."""
        Event().wait(seconds)

    def stop(self) -> None:
        """End all children, later stages first: SIGTERM, wait, SIGKILL. Nothing is left when it returns."""
        in_order = sorted(self.children, key=lambda child: -child.program.stage)
        for _, stage in groupby(in_order, key=lambda child: child.program.stage):
            members = list(stage)
            for child in members:
                child.ask_to_stop()
            deadline = time.monotonic() + max(child.program.stop_seconds for child in members)
            for child in members:
                if not child.end(deadline):
                    self.say(f"{child.program.name} did not stop in time and was killed")
        self.children.clear()
        self._restart.clear()


def died_sentence(child: Child) -> str:
    """What died, how, and what it said last."""
    code = child.exit_code or 0
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"{child.program.name} {how}; {child.log_file} ends with:\n{child.log_tail()}"
