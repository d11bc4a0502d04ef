"""The product as it runs in production: workers, beat and gateway as processes, a real broker, a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Row, func, select

from models.db import make_engine, reader
from models.tables import Event, Onboarding, Step
from tests.factories import spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.services import ROOT, Process, RedisServer, Simulator, eventually, fetch, free_port

TEST_KEY = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdC0="


class Stack:
    def __init__(
        self, folder: Path, simulator: Simulator, redis: RedisServer, database_url: str | None = None, **changes: str
    ) -> None:
        self.folder, self.simulator = folder, simulator
        self.gateway_port = free_port()
        values = {
            "HOME": str(folder / "home"),
            "BROKER_URL": redis.url,
            "SECRET_KEYS": TEST_KEY,
            "GATEWAY_PORT": str(self.gateway_port),
            "WAIT_SCALE": "0.001",
            "TICK_SECONDS": "0.5",
            "SWEEP_SECONDS": "1",
            "LEASE_SECONDS": "8",
            "WAKE_GRACE_SECONDS": "5",
            "RETRY_BASE_SECONDS": "0.2",
            "HTTP_TIMEOUT_SECONDS": "2.6",
            "WORKER_CONCURRENCY": "4",
            "LOG_LEVEL": "DEBUG",
            **({"DATABASE_URL": database_url} if database_url else {}),
            **changes,
        }
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("ONBOARD_", "PYTEST"))}
        self.env |= {f"ONBOARD_{key}": value for key, value in values.items()}
        self.env |= simulator.settings
        self.env |= {"TEST_TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TEST_AJO_CLIENT_SECRET": CLIENT_SECRET}
        self.env["PYTHONPATH"] = str(ROOT)
        self.processes: list[Process] = []
        self.onboard("migrate")
        self.db = make_engine(database_url or f"sqlite:///{folder / 'home' / 'onboard.sqlite3'}")

    def spawn(self, name: str, *arguments: str) -> Process:
        argv = [sys.executable, "-m", "cli.main", *arguments]
        process = Process(argv, log=self.folder / f"{name}.log", env=self.env, cwd=self.folder)
        self.processes.append(process)
        return process

    def up(self, *, workers: int = 1) -> list[Process]:
        """Gateway, beat and workers; returns the workers, ready to consume."""
        self.spawn("gateway", "gateway")
        self.spawn("beat", "beat")
        started = [self.worker(f"w{number}") for number in range(workers)]
        url = f"http://127.0.0.1:{self.gateway_port}/healthz"
        eventually(lambda: fetch(url), within=30, what="the gateway answers")
        for worker in started:
            eventually(lambda worker=worker: " ready." in worker.output, within=30, what="the worker is ready")
        return started

    def worker(self, name: str) -> Process:
        return self.spawn(name, "worker", "--name", name)

    def close(self) -> None:
        for process in reversed(self.processes):
            process.stop()
        self.db.dispose()

    def onboard(self, *arguments: str, code: int = 0, within: float = 120) -> str:
        """Run a command as a person would; its output."""
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=within)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def write_spec(self, channel: str, name: str, **overrides: Any) -> str:
        path = self.folder / f"{name}.yaml"
        # JSON first: dates and enums become the plain text a person would write.
        path.write_text(yaml.safe_dump(json.loads(json.dumps(spec_data(channel, name, **overrides))), sort_keys=False))
        return str(path)

    def read(self, statement: Any) -> list[Row[Any]]:
        with reader(self.db).begin() as connection:
            return list(connection.execute(statement).all())

    def statuses(self) -> dict[str, str]:
        return {row.name: str(row.status) for row in self.read(select(Onboarding.c.name, Onboarding.c.status))}

    def wait_for(self, status: str, names: Iterable[str] | None = None, *, within: float) -> None:
        wanted = set(names or self.statuses())

        def reached() -> bool:
            now = self.statuses()
            return all(now[name] == status for name in wanted)

        try:
            eventually(reached, within=within, what=f"all {status}", every=0.2)
        except BaseException:
            print(self.story())  # noqa: T201  the reason why a test failed
            raise

    def wait_for_step(self, name: str, step: str, state: str, *, within: float = 30) -> None:
        found = (
            select(func.count())
            .select_from(Step)
            .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
            .where(Onboarding.c.name == name, Step.c.name == step, Step.c.state == state)
        )
        eventually(lambda: self.read(found)[0][0], within=within, what=f"{step} of {name} is {state}")

    def story(self) -> str:
        stuck = self.read(
            select(Onboarding.c.name, Step.c.name.label("step"), Step.c.state, Step.c.reason)
            .join(Step, Step.c.onboarding_id == Onboarding.c.id)
            .where(Step.c.state.not_in(["succeeded", "skipped", "pending"]))
        )
        events = self.read(
            select(Event.c.onboarding_id, Event.c.kind, Event.c.step, Event.c.text)
            .order_by(Event.c.id.desc())
            .limit(40)
        )
        lines = [f"{row.name} {row.step} {row.state}: {row.reason}" for row in stuck]
        return "\n".join([*lines, *(f"  {row.onboarding_id} {row.kind} {row.step}: {row.text}" for row in events)])
