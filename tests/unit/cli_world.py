"""A state folder with a real SQLite file, an engine whose steps do as told, and the command line to look at it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from rich.console import Console
from sqlalchemy import insert, text

import cli.state
import cli.waking
import settings as settings_module
from engine.context import Workshop
from engine.reading import SqliteSource
from engine.start import start
from engine.vault import Vault, load_keys
from models.db import make_engine
from models.migrations import upgrade
from settings import Settings
from tests import command_line
from tests.factories import make_spec, spec_data
from tests.unit.engine_world import EngineWorld

if TYPE_CHECKING:
    from engine.reading import Fetch

TOKEN = "t0ken-5105a7e0"
SECRETS = {"twilio.auth_token": TOKEN, "ajo.client_secret": "s3cret-5105a7e0"}


class CliWorld(EngineWorld):
    """``run`` is the engine's; ``onboard`` is the command line."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.db.dispose()
        self.home = folder / "home"
        # Commands look at the real clock.
        self.time = datetime.now(UTC)
        self.sent: list[tuple[str, str]] = []
        self.is_broker_away = False
        self.is_up = True
        self.attempts_to_send = 0
        self.numbers: dict[str, str] = {}
        self.settings = Settings(home=self.home)
        self.path = self.home / "onboard.sqlite3"

    def migrate(self) -> CliWorld:
        self.db = make_engine(f"sqlite:///{self.path}")
        upgrade(self.db)
        self.vault = Vault(load_keys(self.settings))
        changes: dict[str, Any] = {"db": self.db, "vault": self.vault, "settings": self.settings}
        self.shop: Workshop = replace(self.shop, **changes)
        return self

    def send(self, wakeups: Any) -> int:
        """Stands in for the broker."""
        self.attempts_to_send += 1
        if self.is_broker_away:
            return 0
        self.sent += [(wakeup.name, wakeup.step) for wakeup in wakeups]
        return len(wakeups)

    def start(
        self, name: str = "acme", *, channel: str = "sms", is_update: bool = False, token: str = TOKEN, **overrides: Any
    ) -> Any:
        with self.db.begin() as connection:
            return start(
                connection,
                self.catalogue,
                self.vault,
                make_spec(channel, name, **overrides),
                SECRETS | {"twilio.auth_token": token},
                is_update=is_update,
                at=self.time,
                grace_seconds=60,
            )

    def add(self, table: Any, name: str = "acme", /, **columns: Any) -> None:
        with self.db.begin() as connection:
            found = connection.execute(
                text("SELECT id FROM onboarding WHERE name = :name"), {"name": name}
            ).scalar_one()
            connection.execute(insert(table).values(onboarding_id=found, **columns))

    def onboard(self, *arguments: str, code: int = 0) -> str:
        """What the command prints, both streams; fails when its exit code is another."""
        return command_line.onboard(*arguments, code=code)

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.onboard(*arguments, "--json", code=code))

    @contextmanager
    def source(self) -> Iterator[SqliteSource]:
        source = SqliteSource(self.path)
        yield source
        source.close()

    @contextmanager
    def fetching(self) -> Iterator[Fetch]:
        with self.source() as source, source.snapshot() as fetch:
            yield fetch

    def write_spec(self, channel: str = "sms", name: str = "acme", **overrides: Any) -> str:
        """Each name but acme has a number of its own."""
        path = self.home.parent / f"{name}.yaml"
        data = spec_data(channel, name)
        if name != "acme":
            data["twilio"]["numbers"] = [self.numbers.setdefault(name, f"+1415555{200 + len(self.numbers):04d}")]
        path.write_text(yaml.safe_dump(data | overrides))
        return str(path)


def make_world(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type[CliWorld] = CliWorld) -> Any:
    """A world that the command line finds; its database is made by :meth:`CliWorld.migrate`."""
    world = kind(folder)
    for name in ("ONBOARD_DATABASE_URL", "ONBOARD_BROKER_URL", "ONBOARD_SECRET_KEYS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "ONBOARD_HOME": str(world.home),
        "TEST_TWILIO_AUTH_TOKEN": TOKEN,
        "TEST_AJO_CLIENT_SECRET": SECRETS["ajo.client_secret"],
    }.items():
        monkeypatch.setenv(name, value)
    settings_module.get_settings.cache_clear()
    monkeypatch.setattr(cli.waking, "send", world.send)
    monkeypatch.setattr(cli.state, "is_held", lambda _: world.is_up)
    return world


def terminal(width: int = 100, height: int = 30) -> Console:
    """A console that believes to be a terminal; ``console.file`` keeps what it showed."""
    return Console(
        width=width,
        height=height,
        force_terminal=True,
        color_system=None,
        file=io.StringIO(),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
