"""Notices on their way to real receivers: a webhook, a Slack-compatible one, and a mail server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from engine import notices
from engine.contract import Wait
from models.tables import Event, Notice
from settings import Settings
from tasks.notices import deliver
from tests.integration.services import free_port
from tests.unit.engine_world import EngineWorld

TOKEN = "3ccdd113474722377935511fc85d3dd4"


class Receiver:
    """Keeps what is posted to it; answers ``status``."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, json.loads(body)))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    built = Receiver()
    yield built
    built.close()


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list]]:
    mails: list = []

    class Keep:
        async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802  aiosmtpd's name
            mails.append(envelope)
            return "250 taken"

    controller = Controller(Keep(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller.port, mails
    controller.stop()


@pytest.fixture
def world(database_url) -> Iterator[EngineWorld]:
    built = EngineWorld(database_url or "sqlite://")
    built.script["registration"] = [
        Wait("submission", "submit the sender", "a person", timedelta(days=99), timedelta(days=365), needs_person=True)
    ]
    built.start()
    built.run("registration")
    yield built
    built.db.dispose()


def turn(world, **changes) -> int:
    """What sweep, tick and the sending task do, one after the other."""
    shop = replace(world.shop, settings=Settings(**changes))
    with world.db.begin() as connection:
        notices.plan(connection, shop.settings, at=world.time)
        is_waiting = notices.is_waiting(connection, shop.settings, at=world.time)
    return deliver(shop) if is_waiting else 0


def test_a_reminder_and_an_escalation_reach_webhook_slack_and_mailbox_once_each(world, receiver, mailbox):
    port, mails = mailbox
    to = {
        "notice_urls": [f"json://{receiver.address}/hook", f"mmost://{receiver.address}/{TOKEN}"],
        "escalation_urls": [f"mailto://127.0.0.1:{port}?from=onboard@example.com&to=boss@example.com"],
    }
    world.forward(days=2)
    assert [turn(world, **to), turn(world, **to)] == [1, 0]
    assert [path for path, _ in receiver.got] == ["/hook", f"/hooks/{TOKEN}"]
    (_, plain), (_, slack) = receiver.got
    assert plain["title"] == "Reminder: acme has waited for a person for 2 days"
    assert "submit the sender" in plain["message"]
    assert "Reminder: acme" in slack["text"]
    assert not mails
    world.forward(days=5)
    assert [turn(world, **to), turn(world, **to)] == [1, 0]
    assert len(receiver.got) == 4
    (mail,) = mails
    assert mail.rcpt_tos == ["boss@example.com"]
    assert b"Escalation: acme has waited for a person for 7 days" in mail.content
    world.forward(days=100)
    assert turn(world, **to) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_receiver_that_fails_costs_the_others_nothing_and_no_secret_is_told(world, receiver, caplog):
    receiver.status = 500
    urls = [f"mmost://{receiver.address}/{TOKEN}", "nonsense", f"json://127.0.0.1:{free_port()}/{TOKEN}"]
    world.forward(days=2)
    assert turn(world, notice_urls=urls) == 1
    assert turn(world, notice_urls=urls) == 0, "nobody knows whether it was heard, so it is not repeated"
    with world.db.begin() as connection:
        notice = connection.execute(select(Notice)).one()
        texts = connection.execute(select(Event.c.text)).scalars().all()
    assert notice.state == "failed"
    assert "1 (mmost): not taken" in notice.outcome
    assert "2 (unknown): no address that Apprise knows" in notice.outcome
    assert "3 (json): not taken" in notice.outcome
    assert TOKEN not in "".join([notice.outcome, *texts])
