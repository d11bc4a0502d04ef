"""A simulator as a process of its own, a site that takes its callbacks, and helpers to speak to both."""

import contextlib
import json
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx
import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT.parent / "shared" / "contracts"
ACCOUNT = "AC5105a7e0000000000000000000000001"
TOKEN = "5105a7e0c0ffee00c0ffee00c0ffee01"
ORGANIZATION = "5105A7E0C0FFEE@AdobeOrg"
CLIENT_ID = "onboard-simulator"
CLIENT_SECRET = "p8e-simulated-client-secret-5105a7e0"
NUMBER = "+14155550100"
HANDSET = "+14155551234"

T = TypeVar("T")
# One simulator serves most modules: it stands still, so that tests step through its weeks instead of waiting.
SHARED = ("--speed", "0", "--review", "28d", "--message", "1h", "--activation", "5s", "--max-concurrent", "2")


@dataclass
class Simulator:
    """A running simulator and an HTTP client signed in to Twilio's account."""

    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        options.setdefault("auth", (ACCOUNT, TOKEN))
        return self.http.request(method, path, **options)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.http.request(method, f"/_sim/{path}", json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def advance(self, duration: str) -> Any:
        """Let time pass; returns once the callbacks that this causes are made."""
        return self.control("POST", "clock/advance", {"duration": duration})

    def ledger(self) -> Any:
        return self.control("GET", "ledger")

    def messages_url(self, end: str = ".json") -> str:
        return f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages{end}"

    def send(self, to: str, **form: Any) -> httpx.Response:
        return self.call("POST", self.messages_url(), data={"To": to, "Body": "hello", **form})

    def message(self, sid: str) -> Any:
        return self.call("GET", self.messages_url(f"/{sid}.json")).json()

    def new_service(self, name: str = "Brand", **form: str) -> str:
        path = "/messaging.twilio.com/v1/Services"
        response = self.call("POST", path, data={"FriendlyName": name, **form})
        assert response.status_code == 201, response.text
        return str(response.json()["sid"])

    def number_sid(self, phone_number: str = NUMBER) -> str:
        path = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
        found = self.call("GET", path, params={"PhoneNumber": phone_number}).json()["incoming_phone_numbers"]
        return str(found[0]["sid"])

    def attach(self, service: str, **member: str) -> httpx.Response:
        part = "PhoneNumbers" if "PhoneNumberSid" in member else "ChannelSenders"
        return self.call("POST", f"/messaging.twilio.com/v1/Services/{service}/{part}", data=member)

    def new_sender(self, sender_id: str = "rcs:brand_agent", **body: Any) -> Any:
        path = "/messaging.twilio.com/v2/Channels/Senders"
        response = self.call("POST", path, json={"sender_id": sender_id, **body})
        assert response.status_code == 202, response.text
        return response.json()

    def sender(self, sid: str) -> Any:
        return self.call("GET", f"/messaging.twilio.com/v2/Channels/Senders/{sid}").json()

    def online_sender(self, sender_id: str = "rcs:brand_agent", **body: Any) -> str:
        sid = str(self.new_sender(sender_id, **body)["sid"])
        self.advance("30d")
        assert self.sender(sid)["status"] == "ONLINE"
        return sid

    def rcs_service(self, **form: str) -> str:
        """A service with one online RCS sender and one number to fall back on."""
        service = self.new_service(**form)
        assert self.attach(service, PhoneNumberSid=self.number_sid()).status_code == 201
        assert self.attach(service, Sid=self.online_sender()).status_code == 201
        return service


@contextmanager
def running_simulator(*options: str) -> Iterator[Simulator]:
    """Start a simulator on a free port and wait until it says that it is ready."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--seed", "1", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], 30)[0], "the simulator did not get ready"
        line = process.stdout.readline()
        assert line.startswith("simulator ready on http://"), line
        url = line.split()[-1]
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            yield Simulator(url, process, client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    with running_simulator(*SHARED) as simulator:
        yield simulator


@pytest.fixture
def sim(shared_simulator: Simulator) -> Simulator:
    """The shared simulator with an empty world."""
    shared_simulator.http.put("/_sim/clock", json={"speed": 0}).raise_for_status()
    shared_simulator.control("POST", "reset")
    return shared_simulator


def until(probe: Callable[[], T], seconds: float = 10.0) -> T:
    """Ask again and again until the answer is true; fails once the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)


@dataclass
class Callback:
    method: str
    path: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass
class Site:
    """Our side of the callbacks: keeps what came, answers with the next of `answers` or 204.

    Redirects go before bodies, each used once.
    """

    url: str
    received: list[Callback] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    redirects: list[tuple[int, str]] = field(default_factory=list)
    delay_seconds: float = 0.0
    bodies: list[tuple[str, str]] = field(default_factory=list)
    """Content type and body, sent with 200."""

    def statuses(self, sid: str) -> list[str]:
        return [c.fields["MessageStatus"] for c in self.received if c.fields.get("MessageSid") == sid]


@contextmanager
def callback_site() -> Iterator[Site]:
    """A small HTTP server on a free port."""
    site = Site("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            fields = dict(parse_qsl(body, keep_blank_values=True))
            site.received.append(Callback(self.command, self.path, dict(self.headers), fields))
            threading.Event().wait(site.delay_seconds)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._answer()

        def _answer(self) -> None:
            if site.redirects:
                status, location = site.redirects.pop(0)
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
            elif site.bodies:
                content_type, text = site.bodies.pop(0)
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write(text.encode())
            else:
                self.send_response(site.answers.pop(0) if site.answers else 204)
                self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that the base class looks for

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema wants a null type."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    if node.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def check_contract(contract: str, schema: str, body: Any) -> None:
    """Check a body against a schema of a vendor's public contract, and that it has no field beyond it."""
    path = CONTRACTS / contract
    if not path.exists():
        pytest.skip("the public API contracts are not at hand")
    document = json.loads(path.read_text())
    components = _as_json_schema(document["components"])
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", "components": components})
    known = document["components"]["schemas"][schema]["properties"]
    assert not body.keys() - known.keys()
