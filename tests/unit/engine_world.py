"""An engine without vendors: an in-memory database, a clock that is set by hand, five steps that do as told."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from engine import by_hand, commands, operator_commands, teardown, wake
from engine.claim import Lease, claim_step
from engine.context import Workshop
from engine.contract import Catalogue, Done
from engine.runner import Next, run_step
from engine.start import start as start_onboarding
from engine.vault import Vault, new_key
from models.db import make_engine
from models.states import OnboardingState, Provenance, ResourceState, StepState
from models.tables import Attempt, Event, Onboarding, Resource, Step, metadata
from settings import Settings
from tests.factories import make_spec

STEPS = ("registration", "webhook", "credential", "channel", "verification")


class ScriptedStep:
    """Answers with the scripted outcomes in turn (an exception is raised), then ``Done``."""

    owns: tuple[str, ...] = ()

    def __init__(self, name: str, script: dict[str, list[Any]]) -> None:
        self.name = name
        self.script = script
        self.runs = 0

    def skip_reason(self, spec: Any) -> str | None:
        return "not for sms" if self.name == "webhook" and spec.channel != "rcs" else None

    def inputs(self, spec: Any) -> dict[str, Any]:
        part = {"verification": "verification", "registration": "twilio"}.get(self.name, "ajo")
        return {part: getattr(spec, part).model_dump(mode="json")}

    def desired(self, ctx: Any) -> list[Any]:
        return []

    def observe(self, ctx: Any) -> list[Any]:
        return []

    def act(self, ctx: Any) -> Any:
        self.runs += 1
        return self.next_of(self.name, ctx)

    def removals(self, ctx: Any, choice: Any) -> list[Any]:
        return []

    def undo(self, ctx: Any) -> Any:
        return self.next_of(f"undo {self.name}", ctx)

    def next_of(self, key: str, ctx: Any) -> Any:
        answer = self.script[key].pop(0) if self.script[key] else Done()
        answer = answer(ctx) if callable(answer) and not isinstance(answer, type) else answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


class EngineWorld:
    """One onboarding per name, driven step by step."""

    def __init__(self, url: str = "sqlite://") -> None:
        self.time = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self.db = make_engine(url)
        metadata.create_all(self.db)
        self.script: dict[str, list[Any]] = defaultdict(list)
        self.steps = [ScriptedStep(name, self.script) for name in STEPS]
        self.catalogue = Catalogue(tuple(self.steps))  # type: ignore[arg-type]
        self.vault = Vault([new_key()])
        self.settings = Settings()
        self.shop = Workshop(
            db=self.db,
            vault=self.vault,
            settings=self.settings,
            catalogue=self.catalogue,
            make_vendors=lambda *_: None,  # type: ignore[arg-type,return-value]
            now=lambda: self.time,
            worker="test",
        )

    def forward(self, **duration: float) -> None:
        self.time += timedelta(**duration)

    def start(self, name: str = "acme", *, is_update: bool = False, token: str = "t0ken", **overrides: Any) -> Any:
        spec = make_spec("sms", name, **overrides)
        with self.db.begin() as connection:
            return start_onboarding(
                connection,
                self.catalogue,
                self.vault,
                spec,
                {"twilio.auth_token": token, "ajo.client_secret": "s3cret"},
                is_update=is_update,
                at=self.time,
                grace_seconds=60,
            )

    def run(self, step: str, name: str = "acme") -> Next:
        return run_step(self.shop, self.onboarding(name).id, step)

    def run_all(self, name: str = "acme") -> None:
        for step in STEPS:
            self.run(step, name)

    def onboarding(self, name: str = "acme") -> Row[Any]:
        with self.db.begin() as connection:
            return connection.execute(select(Onboarding).where(Onboarding.c.name == name)).one()

    def status(self, name: str = "acme") -> OnboardingState:
        return OnboardingState(self.onboarding(name).status)

    def step(self, step: str, name: str = "acme") -> Row[Any]:
        onboarding_id = self.onboarding(name).id
        with self.db.begin() as connection:
            return connection.execute(
                select(Step).where(Step.c.onboarding_id == onboarding_id, Step.c.name == step)
            ).one()

    def states(self, name: str = "acme") -> list[StepState]:
        return [StepState(self.step(step, name).state) for step in STEPS]

    def events(self, name: str = "acme") -> list[str]:
        onboarding_id = self.onboarding(name).id
        with self.db.begin() as connection:
            statement = select(Event.c.kind).where(Event.c.onboarding_id == onboarding_id).order_by(Event.c.id)
            return list(connection.execute(statement).scalars())

    def attempts(self, step: str, name: str = "acme") -> list[Row[Any]]:
        step_id = self.step(step, name).id
        with self.db.begin() as connection:
            statement = select(Attempt).where(Attempt.c.step_id == step_id).order_by(Attempt.c.number)
            return list(connection.execute(statement).all())

    def make_ready(self, step: str, name: str = "acme") -> None:
        assert self.signal(step, name)

    def signal(self, step: str, name: str = "acme") -> bool:
        onboarding_id = self.onboarding(name).id
        with self.db.begin() as connection:
            return wake.signal_step(connection, onboarding_id, step, at=self.time, grace_seconds=60)

    def tick(self) -> list[tuple[str, str]]:
        with self.db.begin() as connection:
            return [(found.name, found.step) for found in wake.tick(connection, at=self.time, grace_seconds=60)]

    def tick_of(self, versions: Collection[int]) -> list[tuple[str, str]]:
        with self.db.begin() as connection:
            found = wake.tick(connection, at=self.time, grace_seconds=60, versions=versions)
            return [(one.name, one.step) for one in found]

    def call_up(self, beside: str) -> list[tuple[str, str]]:
        onboarding_id = self.onboarding(beside).id
        with self.db.begin() as connection:
            called = wake.call_up(connection, at=self.time, grace_seconds=60, beside=onboarding_id)
        return [(one.name, one.step) for one in called]

    def sweep(self) -> list[tuple[str, str]]:
        with self.db.begin() as connection:
            return [(found.name, found.step) for found in wake.sweep(connection, at=self.time, grace_seconds=60)]

    def claim(self, step: str, name: str = "acme") -> Lease | None:
        onboarding_id = self.onboarding(name).id
        with self.db.begin() as connection:
            return claim_step(
                connection,
                onboarding_id,
                step,
                worker="test",
                at=self.time,
                lease_seconds=self.settings.lease_seconds,
            )

    def command(self, verb: str, *args: Any, name: str = "acme", **options: Any) -> Any:
        """Run the command of ``engine.commands``, ``by_hand`` or ``operator_commands`` with what each takes filled in."""
        homes = (commands, by_hand, operator_commands, teardown)
        function = next(getattr(home, verb) for home in homes if hasattr(home, verb))
        known = {"at": self.time, "grace_seconds": 60, "actor": "jo@desk", "vault": self.vault, "exhibits": ()}
        takes = inspect.signature(function).parameters
        options = {key: value for key, value in known.items() if key in takes} | options
        with self.db.begin() as connection:
            first = (connection, self.catalogue, name) if "catalogue" in takes else (connection, name)
            return function(*first, *args, **options)

    def onboarding_id(self, connection: Connection, name: str = "acme") -> int:
        return connection.execute(select(Onboarding.c.id).where(Onboarding.c.name == name)).scalar_one()

    def record_resources(self, *kinds: str, name: str = "acme") -> None:
        """As if earlier attempts had found or made them."""
        with self.db.begin() as connection:
            onboarding_id = self.onboarding_id(connection, name)
            rows = [
                {
                    "onboarding_id": onboarding_id,
                    "step": "registration",
                    "vendor": "twilio",
                    "kind": kind,
                    "name": kind,
                    "external_id": kind,
                    "state": ResourceState.PRESENT,
                    "provenance": Provenance.CREATED,
                    "details": {},
                    "intended_at": self.time,
                }
                for kind in kinds
            ]
            connection.execute(insert(Resource), rows)
