from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, select

from cli.stack.programs import python_command
from engine.clock import now
from engine.start import start as start_onboarding
from engine.vault import Vault, load_keys
from models.db import make_engine
from models.migrations import upgrade
from models.states import Provenance, ResourceState
from models.tables import Onboarding, Resource, WebhookEvent
from providers.twilio.signature import sign
from settings import Settings, child_environment
from tests.factories import make_spec
from tests.integration.simulator_fixture import until
from tests.unit.engine_world import EngineWorld

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
SID = "SM" + "0" * 32


class Gateway:
    """A gateway process with one onboarding, and no broker anywhere."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "gateway.log"
        settings = Settings(home=folder, gateway_port=port)
        self.db = make_engine(settings.resolved_database_url)
        upgrade(self.db)
        with self.db.begin() as connection:
            options = {"is_update": False, "at": now(), "grace_seconds": 60}
            secrets = {"twilio.auth_token": TOKEN}
            vault = Vault(load_keys(settings))
            start_onboarding(connection, EngineWorld().catalogue, vault, make_spec(), secrets, **options)
            row = connection.execute(select(Onboarding.c.id, Onboarding.c.endpoint_token)).one()
            connection.execute(
                insert(Resource).values(
                    onboarding_id=row.id,
                    step="webhook",
                    vendor="ajo",
                    kind="ajo_inbound_webhook",
                    name="inbound",
                    external_id="w-1",
                    state=ResourceState.PRESENT,
                    provenance=Provenance.CREATED,
                    details={},
                    intended_at=now(),
                )
            )
        self.path = f"/twilio/{row.endpoint_token}/inbound"
        overrides = {
            "ONBOARD_HOME": str(folder),
            "ONBOARD_GATEWAY_PORT": str(port),
            "ONBOARD_BROKER_URL": "redis://127.0.0.1:1/0",
            "PYTHONPATH": str(ROOT),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                python_command("cli.main", "gateway"), env=child_environment(overrides), stdout=log, stderr=log
            )
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def is_ready(self) -> bool:
        try:
            return self.http.get("/healthz").is_success
        except httpx.ConnectError:
            return False

    def post(self, **form: str) -> httpx.Response:
        fields = {"MessageSid": SID, "From": "+14155550100", "Body": "héllo +&="} | form
        headers = {"X-Twilio-Signature": sign(TOKEN, self.url + self.path, fields)}
        return self.http.post(self.path, data=fields, headers=headers)

    def stored(self) -> list[dict[str, str]]:
        with self.db.connect() as connection:
            return list(connection.execute(select(WebhookEvent.c.payload)).scalars())


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path)
    until(made.is_ready, 30)
    yield made
    made.http.close()
    made.process.kill()
    made.process.wait()
    made.db.dispose()


def test_an_event_that_arrives_while_the_broker_is_away_is_stored_and_answered(gateway):
    answer = gateway.post()
    assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert [payload["Body"] for payload in gateway.stored()] == ["héllo +&="]
    until(lambda: "forwarding for acme could not be woken now" in gateway.log.read_text())
    assert "Traceback" not in gateway.log.read_text()
    assert gateway.is_ready()


def test_overlong_headers_are_refused(gateway):
    answer = gateway.http.post(gateway.path, headers={"X-Long": "x" * 200_000}, data={"MessageSid": SID})
    assert answer.status_code in {400, 431}


def test_the_answer_names_no_server_software(gateway):
    assert "server" not in gateway.post().headers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_asked_to(gateway, number):
    os.kill(gateway.process.pid, number)
    assert gateway.process.wait(timeout=15) == 0
