"""A gateway in this process, and requests made of any bytes: whatever comes, it is refused in good order.

Used by hypothesis in ``tests/unit/test_gateway_fuzz.py``, and by atheris, which looks for new ways through the code::

    pip install atheris && python -m tests.fuzz.gateway -max_total_time=60
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from engine import kinds
from engine.clock import now
from engine.start import start
from engine.vault import Vault, new_key
from gateway.app import Gateway
from models.db import make_engine
from models.states import Provenance, ResourceState
from models.tables import BridgeMessage, Onboarding, Resource, WebhookEvent, metadata
from providers.twilio.signature import sign
from settings import Settings
from tasks.steps import CATALOGUE
from tests.factories import make_spec, spec_data

PUBLIC_URL = "https://gateway.example.com"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
METHODS = ("POST", "PUT", "GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "\u00e9")
PATHS = (
    "/twilio/{}/status",
    "/twilio/{}/inbound",
    "/ajo/{}/messages",
    "/ajo/{}/oauth/token",
    "/twilio/{}",
    "/{}",
    "/healthz",
)
TYPES = (
    b"application/x-www-form-urlencoded",
    b"application/json",
    b"application/json; charset=utf-16",
    b"multipart/form-data; boundary=x",
    b"",
    b"\xff\xfe",
)
HEADERS = (
    b"x-twilio-signature",
    b"authorization",
    b"x-onboard-token",
    b"content-length",
    b"i-twilio-idempotency-token",
)
FORM = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "sent"}


class Target:
    """A gateway with one onboarding for each way in which AJO signs in."""

    def __init__(self, folder: Path) -> None:
        self.db = make_engine(f"sqlite:///{folder / 'fuzz.sqlite3'}")
        metadata.create_all(self.db)
        vault = Vault([new_key()])
        self.gateway = Gateway(self.db, vault, Settings(public_url=PUBLIC_URL), _NoWake())
        self.loop = asyncio.new_event_loop()
        secrets = {kinds.AUTH_TOKEN: AUTH_TOKEN, kinds.BRIDGE_TOKEN: "b" * 43, kinds.API_KEY_SECRET: "k" * 32}
        with self.db.begin() as connection:
            for way in ("api_key", "basic", "bearer", "jwt", "oauth"):
                ajo = spec_data("rcs")["ajo"]
                ajo["credential"]["auth"] = way
                spec = make_spec("rcs", f"acme-{way.replace('_', '-')}", ajo=ajo)
                start(connection, CATALOGUE, vault, spec, secrets, is_update=False, at=now(), grace_seconds=60)
            rows = connection.execute(select(Onboarding.c.id, Onboarding.c.endpoint_token)).all()
            for row in rows:
                for kind in (kinds.API_KEY, kinds.MESSAGING_SERVICE):
                    values = {"step": "registration", "vendor": "twilio", "kind": kind, "name": kind, "details": {}}
                    values |= {"onboarding_id": row.id, "external_id": "SK1", "state": ResourceState.PRESENT}
                    values |= {"provenance": Provenance.CREATED, "intended_at": now()}
                    connection.execute(insert(Resource).values(**values))
        self.tokens = [row.endpoint_token for row in rows] + ["nobody"]

    def close(self) -> None:
        self.gateway.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.db.dispose()

    def check(self, data: bytes) -> int:
        """Send the request that these bytes stand for; its status. Whatever it is, nothing comes of it."""
        status, body = self.loop.run_until_complete(self._call(*self._request(data)))
        assert status < 500, (status, body)
        assert b"Traceback" not in body
        with self.db.connect() as connection:
            for table in (WebhookEvent, BridgeMessage):
                assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
        return status

    def _request(self, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
        choices, rest = data[:5].ljust(5, b"\0"), data[5:]
        query, *parts = rest.split(b"\0")
        path = PATHS[choices[0] % len(PATHS)].format(self.tokens[choices[1] % len(self.tokens)])
        headers = [(b"host", b"evil.example"), (b"content-type", TYPES[choices[3] % len(TYPES)])]
        if choices[4] & 1:
            # Replayed: it was genuine for another body.
            headers.append((b"x-twilio-signature", sign(AUTH_TOKEN, PUBLIC_URL + path, FORM).encode()))
        for name in HEADERS:
            if choices[4] & 2 << HEADERS.index(name) and parts:
                headers.append((name, parts.pop(0)))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": METHODS[choices[2] % len(METHODS)],
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        return scope, parts or [b""]

    async def _call(self, scope: dict[str, Any], chunks: list[bytes]) -> tuple[int, bytes]:
        waiting = list(chunks)
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class _NoWake:
    def forwards(self, due: Any) -> None: ...

    def is_reachable(self) -> bool:
        return True
