"""The product in one process against a real simulator: real HTTP, real database, real gateway, no broker.

Runs ready steps in a loop, so that a fault scenario takes a second; ``stack.py`` has the real workers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Row, select

from engine import commands, wake
from engine.clock import now
from engine.context import Workshop
from engine.limit_book import LimitBook
from engine.runner import run_step
from engine.start import start as start_onboarding
from engine.vault import Vault, new_key
from gateway.app import Gateway
from models.db import make_engine, reader
from models.migrations import upgrade
from models.states import OnboardingState
from models.tables import Event, Onboarding, Resource, Step, Verification
from settings import Settings
from tasks.inbox import forward_due
from tasks.steps import CATALOGUE
from tasks.vendors import make_vendors
from tests.factories import make_spec
from tests.integration.services import Simulator, eventually, fetch, free_port

AUTH_TOKEN = "5105a7e0c0ffee00c0ffee00c0ffee01"
CLIENT_SECRET = "p8e-simulated-client-secret-5105a7e0"
SETTLED = {OnboardingState.ACTIVE, OnboardingState.FAILED, OnboardingState.DEGRADED}


class NoWake:
    """The loop finds what is ready by itself."""

    def forwards(self, due: list[tuple[int, str]]) -> None: ...

    def is_reachable(self) -> bool:
        return True


class House:
    def __init__(self, folder: Path, simulator: Simulator, *, database_url: str | None = None, **changes: Any) -> None:
        self.simulator = simulator
        port = free_port()
        vendors = {key.removeprefix("ONBOARD_").lower(): url for key, url in simulator.settings.items()}
        values = {
            "home": folder / "home",
            "database_url": database_url,
            "gateway_port": port,
            "wait_scale": 0.001,
            "retry_base_seconds": 0.01,
            "wake_grace_seconds": 2,
            "http_timeout_seconds": 0.6,
            **vendors,
            **changes,
        }
        self.settings = Settings(**values)
        self.db = make_engine(self.settings.resolved_database_url)
        upgrade(self.db)
        self.key = new_key()
        self.vault = Vault([self.key])
        self.shop = Workshop(
            db=self.db,
            vault=self.vault,
            settings=self.settings,
            catalogue=CATALOGUE,
            make_vendors=partial(make_vendors, book=LimitBook(self.db, now)),
            now=now,
            worker="house",
        )
        self.app = Gateway(self.db, self.vault, self.settings, NoWake())
        self.server = uvicorn.Server(uvicorn.Config(self.app, port=port, log_level="warning", lifespan="on"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        eventually(lambda: fetch(f"http://127.0.0.1:{port}/healthz"), within=10, what="the gateway answers")

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)
        self.db.dispose()

    def start(
        self, channel: str, name: str, *, is_update: bool = False, token: str = AUTH_TOKEN, **overrides: Any
    ) -> Any:
        spec = make_spec(channel, name, **overrides)
        secrets = {"twilio.auth_token": token, "ajo.client_secret": CLIENT_SECRET}
        with self.db.begin() as connection:
            return start_onboarding(
                connection, CATALOGUE, self.vault, spec, secrets, is_update=is_update, at=now(), grace_seconds=2
            )

    def command(self, verb: str, name: str, *args: Any, **options: Any) -> None:
        from inspect import signature

        function = getattr(commands, verb)
        takes = signature(function).parameters
        known = {"at": now(), "grace_seconds": 2, "actor": "house"}
        options |= {key: value for key, value in known.items() if key in takes}
        with self.db.begin() as connection:
            first = (connection, CATALOGUE, name) if "catalogue" in takes else (connection, name)
            function(*first, *args, **options)

    def turn(self) -> None:
        """One look at everything: the tick, the sweep, every ready step, every due event."""
        with self.db.begin() as connection:
            wake.tick(connection, at=now(), grace_seconds=2)
            wake.sweep(connection, at=now(), grace_seconds=2)
        with reader(self.db).begin() as connection:
            ready = connection.execute(
                select(Step.c.onboarding_id, Step.c.name).where(Step.c.state.in_(["ready", "retrying"]))
            ).all()
            ids = connection.execute(select(Onboarding.c.id)).scalars().all()
        for row in ready:
            run_step(self.shop, row.onboarding_id, row.name)
        for onboarding_id in ids:
            forward_due(self.shop, onboarding_id)

    def run_until(self, reached: Callable[[], Any], *, within: float = 30, what: str = "") -> None:
        deadline = time.monotonic() + within
        while not reached():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {within} s: {what or 'the expected state'}\n" + self.story())
            self.turn()

    def run_to_end(self, name: str, *, within: float = 30) -> Row[Any]:
        """Until it is active, failed or degraded, or waits for a person."""
        self.run_until(
            lambda: self.onboarding(name).status in SETTLED or self.waits_for_person(name),
            within=within,
            what=f"{name} settles",
        )
        return self.onboarding(name)

    def waits_for_person(self, name: str) -> bool:
        return any(step.state == "waiting_person" for step in self.steps(name))

    def read(self, statement: Any) -> list[Row[Any]]:
        with reader(self.db).begin() as connection:
            return list(connection.execute(statement).all())

    def onboarding(self, name: str) -> Row[Any]:
        return self.read(select(Onboarding).where(Onboarding.c.name == name))[0]

    def of(self, table: Any, name: str) -> list[Row[Any]]:
        onboarding_id = self.onboarding(name).id
        return self.read(select(table).where(table.c.onboarding_id == onboarding_id).order_by(table.c.id))

    def steps(self, name: str) -> list[Row[Any]]:
        return self.of(Step, name)

    def resource(self, name: str, kind: str) -> Row[Any]:
        return next(row for row in self.of(Resource, name) if row.kind == kind)

    def last_run(self, name: str) -> Row[Any]:
        return self.of(Verification, name)[-1]

    def story(self) -> str:
        rows = self.read(select(Event.c.onboarding_id, Event.c.kind, Event.c.step, Event.c.text).order_by(Event.c.id))
        return "\n".join(f"  {row.onboarding_id} {row.kind} {row.step or ''}: {row.text}" for row in rows[-60:])
