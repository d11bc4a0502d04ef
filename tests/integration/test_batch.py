"""Many onboardings at once, by the commands that take many: from one CSV to active, updated, drifted, mended, removed.

Eight in the suite, in one process; ``ONBOARD_BATCH=500`` is the long run, on PostgreSQL with two workers, the commands as processes.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from sqlalchemy import select

import cli.waking
from engine import kinds
from engine.clock import now
from engine.context import Workshop
from engine.vault import Vault, load_keys
from models.tables import Onboarding
from settings import Settings, get_settings
from tasks.steps import CATALOGUE
from tasks.vendors import make_readers
from tests import command_line
from tests.factories import ACCOUNT_SID, spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET, House
from tests.integration.meddler import SPARE_NUMBER, Meddler
from tests.integration.services import Simulator
from tests.integration.stack import Stack

IS_LONG = "ONBOARD_BATCH" in os.environ
COUNT = int(os.environ.get("ONBOARD_BATCH", "8"))
# Seconds, for one command or one wait.
PATIENCE = 40 + 3 * COUNT
# With the short times of other tests a queue of hundreds counts as lost, and all of it is sent again and again.
UNHURRIED = {
    "WAKE_GRACE_SECONDS": "120",
    "LEASE_SECONDS": "60",
    "HTTP_TIMEOUT_SECONDS": "10",
    "WORKER_CONCURRENCY": "8",
    "LOG_LEVEL": "INFO",
}
CHANNELS = ("sms", "mms")
# What somebody changes behind our back, each at another onboarding.
MEDDLED = [
    (kinds.MESSAGING_SERVICE, "friendly_name"),
    (kinds.MESSAGING_SERVICE, "numbers"),
    (kinds.CHANNEL_CONFIGURATION, "execution_field"),
]


class Batch:
    """``shop`` is what to look with, ``onboard`` the command line, ``wait_for`` waits until all are in one status."""

    def __init__(self, folder: Path, simulator: Simulator, shop: Workshop) -> None:
        self.folder, self.simulator, self.shop = folder, simulator, shop
        self.began = time.monotonic()

    def onboard(self, *arguments: str, code: int = 0) -> str:
        raise NotImplementedError

    def wait_for(self, status: str) -> None:
        raise NotImplementedError

    def expand(self, message: str) -> None:
        """One template and one CSV for each channel; every brand has a number of its own."""
        for channel in CHANNELS:
            data = spec_data(channel, "{{ id }}")
            data["twilio"] |= {"numbers": ["{{ number }}"], "messaging_service": {"friendly_name": "Brand {{ id }}"}}
            data["ajo"]["channel_configuration"]["name"] = "{{ configuration }}"
            data["verification"]["message"] = message
            template = self.folder / f"{channel}.yaml"
            template.write_text(yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False))
            rows = [f"{name};{number};{name.replace('-', '_')}" for name, number in self.brands(channel)]
            table = self.folder / f"{channel}.csv"
            table.write_text("\n".join(["id;number;configuration", *rows]), encoding="utf-8-sig")
            self.onboard("expand", str(template), str(table), "-o", str(self.folder / "specs"), "--force")

    @staticmethod
    def brands(channel: str) -> list[tuple[str, str]]:
        every = range(CHANNELS.index(channel), COUNT, len(CHANNELS))
        return [(f"brand-{number:03d}", f"+1415555{2000 + number}") for number in every]

    @property
    def names(self) -> list[str]:
        return sorted(name for channel in CHANNELS for name, _ in self.brands(channel))

    @property
    def files(self) -> list[str]:
        return sorted(map(str, (self.folder / "specs").iterdir()))

    def results(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """The report of a command, an object for each onboarding."""
        lines = self.onboard(*arguments, "--json", code=code).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def tell(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:7.1f} s  {what}")  # noqa: T201  the figures of the long run

    def meddle(self) -> dict[str, str]:
        """Changes one field at each of three; the field by the onboarding's name."""
        house: Any = SimpleNamespace(shop=self.shop, settings=self.shop.settings, simulator=self.simulator)
        changed = {}
        for name, wanted in zip(self.names[1::2], MEDDLED, strict=False):
            meddler = Meddler(house, name)
            owned, field = next(one for one in meddler.fields() if (one[0].kind, one[1].name) == wanted)
            meddler.change(owned, field)
            changed[name] = field.name
        return changed


class OneProcess(Batch):
    def __init__(self, folder: Path, house: House) -> None:
        super().__init__(folder, house.simulator, house.shop)
        self.house = house

    def onboard(self, *arguments: str, code: int = 0) -> str:
        return command_line.onboard(*arguments, code=code)

    def wait_for(self, status: str) -> None:
        every = select(Onboarding.c.status).distinct()
        self.house.run_until(
            lambda: [row.status for row in self.house.read(every)] == [status], within=PATIENCE, what=f"all {status}"
        )


class ManyProcesses(Batch):
    def __init__(self, stack: Stack) -> None:
        env = {key.removeprefix("ONBOARD_").lower(): value for key, value in stack.env.items() if "ONBOARD" in key}
        settings: Any = Settings(**env)
        shop = Workshop(
            db=stack.db,
            vault=Vault(load_keys(settings)),
            settings=settings,
            catalogue=CATALOGUE,
            make_vendors=make_readers,
            now=now,
            worker="nobody",
        )
        super().__init__(stack.folder, stack.simulator, shop)
        self.stack = stack

    def onboard(self, *arguments: str, code: int = 0) -> str:
        return self.stack.onboard(*arguments, code=code, within=PATIENCE)

    def wait_for(self, status: str) -> None:
        self.stack.wait_for(status, within=PATIENCE)


@pytest.fixture
def batch(request, tmp_path, monkeypatch):
    if not IS_LONG:
        house = request.getfixturevalue("empty_house")
        monkeypatch.setenv("TEST_TWILIO_AUTH_TOKEN", AUTH_TOKEN)
        monkeypatch.setenv("TEST_AJO_CLIENT_SECRET", CLIENT_SECRET)
        # Not the function itself: modules that are imported meanwhile would keep the other one.
        monkeypatch.setattr(Settings, "from_environment", lambda: house.settings)
        monkeypatch.setattr("engine.vault.load_keys", lambda _settings: [house.key])
        monkeypatch.setattr(cli.waking, "send", len)
        get_settings.cache_clear()
        yield OneProcess(tmp_path, house)
        get_settings.cache_clear()
        return
    url = request.getfixturevalue("postgres").new_database("batch")
    simulator, redis = request.getfixturevalue("simulator"), request.getfixturevalue("redis")
    stack = Stack(tmp_path, simulator, redis, url, **UNHURRIED)
    stack.up(workers=2)
    yield ManyProcesses(stack)
    stack.close()


@pytest.mark.timeout(PATIENCE * 4)
def test_a_batch_goes_through_start_update_drift_and_teardown_and_each_report_is_right(batch):
    names = batch.names
    owned = [number for channel in CHANNELS for _, number in batch.brands(channel)] + [SPARE_NUMBER]
    numbers = [{"phone_number": number, "capabilities": {"sms": True, "mms": True}} for number in owned]
    batch.simulator.post("accounts", {"sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "numbers": numbers})
    batch.expand("Hello from {{ id }}")
    batch.tell("expanded")
    assert re.search(rf"^{COUNT} onboardings: {COUNT} created$", batch.onboard("start", *batch.files), re.MULTILINE)
    batch.tell("started")
    batch.wait_for("active")
    batch.tell("active")

    batch.expand("Hello again from {{ id }}")
    updated = batch.results("update", *batch.files, "--yes")
    batch.tell("updated")
    assert [(one["name"], one["result"], one["reruns"]) for one in updated] == [
        (name, "updated", ["verification"]) for name in names
    ]
    batch.wait_for("active")
    batch.tell("active again")
    counts = batch.simulator.ledger["counts"]
    assert counts["message"]["live"] == 2 * COUNT
    assert batch.simulator.ledger["duplicates"] == []

    changed = batch.meddle()
    assert len(changed) == 3
    found = batch.results("drift", "--all", code=2)
    batch.tell("drift found")
    assert [one["name"] for one in found] == names
    drifted = {one["name"]: [finding["key"].rpartition("/")[2] for finding in one["findings"]] for one in found}
    assert {name: fields for name, fields in drifted.items() if fields} == {
        name: [field] for name, field in changed.items()
    }
    said = batch.onboard("drift", "--all", "--fix", "--yes", code=2)
    assert f"\n{COUNT} onboardings: " in said
    assert f"{COUNT - 3} as declared" in said
    assert "\n3 onboardings: 3 done\n" in said
    batch.wait_for("active")
    batch.tell("mended")
    assert f"{COUNT} onboardings: {COUNT} as declared" in batch.onboard("drift", "--all")
    assert f"{COUNT} onboardings: {COUNT} with nothing to do" in batch.onboard("plan", "--all")
    batch.tell("no drift, nothing to plan")

    removed = batch.results("teardown", "--all", "--yes")
    assert [(one["name"], one["result"]) for one in removed] == [(name, "done") for name in names]
    batch.wait_for("removed")
    batch.tell("removed")
    counts = batch.simulator.ledger["counts"]
    assert {kind: count["live"] for kind, count in counts.items() if count["live"]} == {
        "message": counts["message"]["live"]
    }
