"""A monkey with a seed: does one bad thing after another to a running stack, and keeps a list of what it has done."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.services import PostgresServer, Process, RedisServer
    from tests.integration.stack import Stack

# Ordinary bad weather, all the time: of a hundred calls, three go wrong.
WEATHER = {
    "match": {"path_regex": r"^/[a-z]"},
    "script": [
        {"action": "status", "status": 503},
        {"action": "reply_lost"},
        {"action": "status", "status": 429, "code": 20429, "retry_after": 1},
        {"action": "reset"},
    ],
    "times": None,
    "chance": 0.03,
}
TWILIO = r"^/(api|messaging|iam|monitor)\.twilio\.com/"
ADOBE = r"^/(ims-na1\.adobelogin\.com|platform\.adobe\.io|automation)/"


class Monkey:
    """:param seed: decides what is done, to whom, for how long and in which order."""

    def __init__(self, seed: int, stack: Stack, redis: RedisServer, postgres: PostgresServer | None) -> None:
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._stack, self._redis, self._postgres = stack, redis, postgres
        self._workers = [process for process in stack.processes if process.log.stem.startswith("w")]
        self._named = {process.log.stem: process for process in stack.processes}
        self._over = threading.Event()
        self.kinds = 0
        """How many kinds of bad things it knows."""
        self._thread = threading.Thread(target=self._run, name="monkey")
        self._error: Exception | None = None

    def __enter__(self) -> Monkey:
        self._stack.simulator.post("faults", WEATHER)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._stack.simulator.delete("faults")
        self.check()

    def check(self) -> None:
        """Raise what has stopped it, if anything has: it may have left something broken."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        deeds: list[tuple[str, Callable[[], None]]] = [
            ("worker killed", lambda: self._kill(self._random.choice(self._workers))),
            ("worker frozen", lambda: self._freeze(self._random.choice(self._workers))),
            ("gateway killed", lambda: self._kill(self._named["gateway"])),
            ("gateway frozen", lambda: self._freeze(self._named["gateway"])),
            ("beat killed", lambda: self._kill(self._named["beat"])),
            ("beat frozen", lambda: self._freeze(self._named["beat"])),
            ("redis emptied", lambda: self._redis.command("FLUSHALL") and None),
            ("redis restarted", lambda: self._kill(self._redis)),
            ("Twilio out of reach", lambda: self._cut(TWILIO)),
            ("Adobe out of reach", lambda: self._cut(ADOBE)),
        ]
        if self._postgres is not None:
            deeds.append(("postgres restarted", self._crash_database))
        self.kinds = len(deeds)
        try:
            while True:
                # Each once before any comes twice.
                for what, deed in self._random.sample(deeds, len(deeds)):
                    if self._over.wait(self._random.uniform(0.5, 2)):
                        return
                    deed()
                    self.done[what] += 1
        except Exception as error:  # the test has to hear of it
            self._error = error

    def _kill(self, process: Process) -> None:
        process.kill()
        self._pause(0, 2)
        process.start()

    def _freeze(self, process: Process) -> None:
        process.child.send_signal(signal.SIGSTOP)
        # Half of them sleep longer than a lease lasts.
        self._pause(2, 12)
        process.child.send_signal(signal.SIGCONT)

    def _crash_database(self) -> None:
        assert self._postgres is not None
        self._postgres.crash()
        self._pause(0, 2)
        self._postgres.start()

    def _cut(self, path_regex: str) -> None:
        action = self._random.choice(["reset", "reply_lost"])
        rule = {"match": {"path_regex": path_regex}, "action": action, "times": None}
        self._stack.simulator.delete("faults")
        self._stack.simulator.post("faults", rule)
        self._pause(1, 4)
        self._stack.simulator.delete("faults")
        self._stack.simulator.post("faults", WEATHER)

    def _pause(self, least: float, most: float) -> None:
        time.sleep(self._random.uniform(least, most))
