"""No secret of any spec shows anywhere: Flower, Redis, logs, the database in clear, the command line."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request

import pytest
from sqlalchemy import select

from models.tables import Secret
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.services import eventually, fetch, free_port
from tests.integration.stack import TEST_KEY

FIVE = ("onboard.registration", "onboard.webhook", "onboard.credential", "onboard.channel", "onboard.verification")


@pytest.fixture
def database_url():
    return None


@pytest.fixture
def flower(stack):
    port = free_port()
    stack.env["ONBOARD_FLOWER_PORT"] = str(port)
    stack.spawn("flower", "flower")
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: fetch(f"{url}/api/workers") is not None, within=30, what="Flower answers")
    return url


def page(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def stored_secrets(stack):
    """Those that were minted on the way, too."""
    from engine.vault import Vault

    vault = Vault([TEST_KEY])
    with stack.db.begin() as connection:
        rows = connection.execute(select(Secret.c.onboarding_id, Secret.c.name)).all()
        return {value for row in rows if (value := vault.read(connection, row.onboarding_id, row.name))}


def test_flower_shows_the_five_tasks_by_onboarding_and_no_secret_shows_anywhere(stack, flower, redis):
    stack.up()
    names = [f"acme-{channel}" for channel in ("rcs", "sms", "mms")]
    stack.onboard("start", *(stack.write_spec(name.removeprefix("acme-"), name) for name in names))
    stack.wait_for("active", within=60)

    def shown():
        tasks = json.loads(page(f"{flower}/api/tasks?limit=1000"))
        return {
            (task["name"], task["args"])
            for task in tasks.values()
            if task["name"] in FIVE and task["state"] == "SUCCESS"
        }

    wanted = {(task, f"('{name}',)") for task in FIVE for name in names}
    eventually(lambda: wanted <= shown(), within=20, what="five tasks of each onboarding in Flower")

    tasks = json.loads(page(f"{flower}/api/tasks?limit=1000"))
    assert not [task for task in tasks.values() if task["name"].startswith("clock.")], "ticks bury what matters"

    secrets = stored_secrets(stack) | {AUTH_TOKEN, CLIENT_SECRET}
    assert len(secrets) == 4
    places = {f"Flower page of {uuid}": page(f"{flower}/task/{uuid}") for uuid in list(tasks)[:40]}
    places |= {
        f"Flower {path}": page(f"{flower}/{path}") for path in ("api/tasks?limit=1000", "tasks", "workers", "metrics")
    }
    places |= {f"log {process.log.name}": process.output for process in stack.processes}
    database = stack.folder / "home" / "onboard.sqlite3"
    places |= {path.name: path.read_bytes().decode("latin-1") for path in database.parent.glob("onboard.sqlite3*")}
    places["Redis"] = (
        (stack.folder / "redis" / "appendonlydir").exists()
        and "".join(path.read_bytes().decode("latin-1") for path in (stack.folder / "redis").rglob("*.aof"))
    ) or (stack.folder / "redis" / "appendonly.aof").read_bytes().decode("latin-1")
    for arguments in (
        ["list", "--json"],
        ["show", "acme-rcs", "--json"],
        ["events", "acme-rcs", "--json"],
        ["settings"],
    ):
        places["onboard " + " ".join(arguments)] = stack.onboard(*arguments)
    assert "acme-rcs" in places["onboard show acme-rcs --json"]
    assert "onboard.registration" in places["Redis"]
    for place, text in places.items():
        for secret in secrets:
            assert secret not in text, f"a secret shows in {place}"
            assert urllib.parse.quote(secret, safe="") not in text, f"a secret shows in {place}, quoted"
