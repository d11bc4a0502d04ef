"""Everything that one machine needs, as one thing that starts and stops. ``up`` and ``demo`` differ in options only."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cli.exits import NOT_SET_UP, Exit
from cli.stack import programs
from cli.stack.broker import HOST, EmbeddedBroker, find_server, write_private
from cli.stack.lock import InstanceLock
from cli.stack.ports import Ports
from cli.stack.simulated import mark_simulated, real_vendors, refuse_real_vendors
from cli.stack.supervisor import Supervisor, died_sentence
from settings import STATE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from settings import Settings

START_SECONDS = 60.0
SIMULATOR_PORT = 8800


@dataclass(frozen=True, kw_only=True)
class Options:
    """:param overrides: settings that differ, by field name; ``home`` is always among them.

    :param inherits_settings: whether the ONBOARD_ variables of this process reach the children.
    :param simulator: options of the simulator to run; None for the real vendors.
    :param has_real_consent: the real vendors are meant, even for onboardings that the simulator knows.
    """

    overrides: dict[str, str]
    inherits_settings: bool
    workers: int
    restarts: bool
    simulator: Sequence[str] | None
    has_real_consent: bool = False


@dataclass
class Stack:
    """Call :meth:`start` once and :meth:`stop` always, both from the main thread.

    :param interrupt: called between any two waits; what it raises ends the wait.
    """

    options: Options
    say: Callable[[str], None]
    interrupt: Callable[[], None]
    settings: Settings = field(init=False)
    environment: dict[str, str] = field(init=False)
    simulator_url: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._use(self.options.overrides)
        self._ports = Ports()
        self._lock = InstanceLock(self.settings.home)
        self._broker: EmbeddedBroker | None = None
        self._wrote_state = False
        self.supervisor = Supervisor(
            self.settings.home / "logs", restarts=self.options.restarts, say=self.say, interrupt=self.interrupt
        )

    def _use(self, overrides: dict[str, str]) -> None:
        inherits = self.options.inherits_settings
        self.settings = programs.make_settings(overrides, inherits_settings=inherits)
        self.environment = programs.make_environment(overrides, inherits_settings=inherits)

    @property
    def gateway_url(self) -> str:
        return programs.base_url(self.settings.gateway_host, self.settings.gateway_port)

    @property
    def flower_url(self) -> str:
        return programs.base_url(self.settings.flower_host, self.settings.flower_port)

    @property
    def broker_shown(self) -> str:
        from kombu.utils.url import maybe_sanitize_url

        if self._broker is not None:
            return self._broker.shown
        assert self.settings.broker_url is not None  # noqa: S101  else it would be embedded
        return str(maybe_sanitize_url(self.settings.broker_url.get_secret_value()))

    def start(self) -> None:
        """Start everything and return once all of it answers.

        :raises Exit: something is in the way; nothing is left half started after :meth:`stop`.
        """
        self._lock.take()
        # One that was killed left its own: it says nothing of this one.
        (self.settings.home / STATE_FILE).unlink(missing_ok=True)
        if self.options.simulator is not None or not real_vendors(self.settings):
            mark_simulated(self.settings.home)
        elif not self.options.has_real_consent:
            refuse_real_vendors(self.settings)
        self._choose_ports()
        if self.settings.is_embedded_broker:
            self._start_broker()
        self._migrate()
        start = self.supervisor.start
        if self.simulator_url is not None:
            port = int(self.simulator_url.rpartition(":")[2])
            start(programs.simulator(HOST, port, self.options.simulator or (), self.environment))
        start(programs.gateway(self.environment))
        for number in range(1, self.options.workers + 1):
            start(programs.worker(f"worker{number}", self.settings, self.environment))
        start(programs.flower(self.environment))
        start(programs.beat(self.environment))
        self._wait_for_all()
        self._wrote_state = True
        write_private(self.settings.home / STATE_FILE, json.dumps(self.describe()))

    def describe(self) -> dict[str, Any]:
        """What runs where, for people and ``onboard doctor``, and the settings that commands beside it go by."""
        return {
            "pid": os.getpid(),
            "gateway": self.gateway_url,
            "public_url": self.settings.resolved_public_url,
            "flower": self.flower_url,
            "simulator": self.simulator_url,
            "logs": str(self.supervisor.logs),
            "settings": self.settings.shared,
        }

    def stop(self) -> None:
        """End everything that :meth:`start` began, however far it came."""
        self.supervisor.stop()
        if self._broker is not None:
            self._broker.withdraw_address()
            self._broker = None
        if self._wrote_state:
            # Another stack of this home may have refused us; its file is not ours to delete.
            (self.settings.home / STATE_FILE).unlink(missing_ok=True)
            self._wrote_state = False
        self._ports.free()
        self._lock.free()

    def _choose_ports(self) -> None:
        settings, reserve = self.settings, self._ports.reserve
        # A public URL leads to the configured port; another one would receive nothing.
        gateway_may_move = settings.public_url is None and settings.is_embedded_broker
        gateway_port = reserve(
            settings.gateway_host, settings.gateway_port, purpose="gateway", may_differ=gateway_may_move
        )
        flower_port = reserve(
            settings.flower_host, settings.flower_port, purpose="flower", may_differ=settings.is_embedded_broker
        )
        chosen = {"gateway_port": str(gateway_port), "flower_port": str(flower_port)}
        if self.options.simulator is not None:
            port = reserve(HOST, SIMULATOR_PORT if self.options.restarts else 0, purpose="simulator", may_differ=True)
            self.simulator_url = f"http://{HOST}:{port}"
            chosen |= programs.vendor_urls(self.simulator_url)
        self._use(self.options.overrides | chosen)

    def _start_broker(self) -> None:
        port = self._ports.reserve(HOST, 0, purpose="broker", may_differ=True)
        self._broker = EmbeddedBroker(self.settings, find_server(), port)
        child = self.supervisor.start(self._broker.program(self.environment))
        answers = self._broker.answers

        def is_ready() -> bool:
            if child.exit_code is not None:
                msg = f"{died_sentence(child)}\nIf it cannot read its own files, delete {self.settings.home / 'broker'}: nothing is lost but seconds."
                raise Exit(msg, NOT_SET_UP)
            return answers()

        self.supervisor.wait_until(is_ready, what="the embedded broker", seconds=START_SECONDS)
        self._broker.publish_address()

    def _migrate(self) -> None:
        from engine.clock import now
        from engine.take_over import take_over_all
        from models.db import make_engine
        from models.migrations import upgrade
        from tasks.steps import CATALOGUE

        engine = make_engine(self.settings.resolved_database_url)
        try:
            upgrade(engine)
            grace_seconds = self.settings.wake_grace_seconds
            take_over_all(engine, CATALOGUE, at=now(), grace_seconds=grace_seconds)
        finally:
            engine.dispose()

    def _wait_for_all(self) -> None:
        wait = partial(self.supervisor.wait_until, seconds=START_SECONDS)
        wait(lambda: answers_ok(f"{self.gateway_url}/healthz"), what="the gateway")
        if self.simulator_url is not None:
            simulator_health = f"{self.simulator_url}/_sim/healthz"
            wait(lambda: answers_ok(simulator_health), what="the simulator")
        wait(lambda: answers_ok(f"{self.flower_url}/healthcheck"), what="Flower")


def answers_ok(url: str, *, seconds: float = 2.0) -> bool:
    """Whether a GET of one of our own processes answers 2xx; past any proxy, and cheap enough to be polled."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
