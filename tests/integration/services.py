"""Real servers and real processes for tests: each starts on a free port and ends with its test."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def eventually(probe: Callable[[], T | None], *, within: float, what: str, every: float = 0.05) -> T:
    """The first truthy answer of ``probe``; fails the test after ``within`` seconds."""
    deadline = time.monotonic() + within
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s: {what}")
        time.sleep(every)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require(found: object, what: str) -> None:
    """Skip with a reason, or fail where CI promised that the server is there."""
    if found:
        return
    if os.environ.get("ONBOARD_TESTS_REQUIRE_SERVERS"):
        pytest.fail(f"{what} is required here but not installed")
    pytest.skip(f"{what} is not installed")


class Process:
    """A child process with its output in a file."""

    def __init__(self, argv: list[str], *, log: Path, env: Mapping[str, str] | None = None, **options: Any) -> None:
        self.argv, self.log, self.env, self.options = argv, log, env, options
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                self.argv, stdout=output, stderr=output, env=dict(self.env) if self.env else None, **self.options
            )

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.child.poll() is None:
            self.child.send_signal(number)
        self.child.wait(timeout=20)

    def stop(self) -> None:
        try:
            self.kill(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")


class RedisServer(Process):
    """A private Redis with an append-only file, so that it survives SIGKILL as the real one would."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        require(binary, "redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = (
            f"--port {self.port} --bind 127.0.0.1 --appendonly yes --appendfsync everysec --maxmemory-policy noeviction"
        )
        super().__init__([str(binary), *options.split(), "--dir", str(folder), "--save", ""], log=folder / "redis.log")

    def start(self) -> None:
        super().start()
        eventually(self.ping, within=10, what="redis answers")

    def ping(self) -> bool:
        return self.command("PING").startswith(b"+PONG")

    def command(self, line: str) -> bytes:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(65536)
        return b""


class PostgresServer:
    """A private PostgreSQL cluster; as root it runs under the postgres user."""

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        require(binaries, "postgresql")
        # pytest's own folders are closed to other users, and closed again whenever another run begins.
        self.folder, self.port, self.bin_folder = Path(tempfile.mkdtemp()), free_port(), binaries[-1].parent
        self.options: dict[str, Any] = {"cwd": self.folder}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self.options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        initdb = (
            f"{self.bin_folder}/initdb -D data -U postgres -A trust -E UTF8 --no-locale --no-sync --no-instructions"
        )
        subprocess.run(initdb.split(), check=True, stdout=subprocess.DEVNULL, **self.options)
        settings = "-c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c shared_buffers=32MB"
        serve = f"{self.bin_folder}/postgres -D data -k {self.folder} -p {self.port} {settings} -c max_connections=200"
        self.process = Process(serve.split(), log=self.folder / "postgres.log", **self.options)
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        eventually(self.answers, within=20, what="postgres answers")

    def answers(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres").close()
            return True
        return False

    def new_database(self, name: str) -> str:
        import psycopg

        dsn = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def dump(self, url: str) -> bytes:
        """As docs/operations.md says it."""
        return self._client("pg_dump", "--format=custom", url)

    def restore(self, url: str, dump: bytes) -> None:
        """As docs/operations.md says it."""
        self._client("pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname", url, given=dump)

    def _client(self, program: str, *arguments: str, given: bytes = b"") -> bytes:
        plain = [argument.replace("postgresql+psycopg://", "postgresql://") for argument in arguments]
        return subprocess.run([self.bin_folder / program, *plain], input=given, check=True, capture_output=True).stdout

    def crash(self) -> None:
        """All at once, as when the machine fails; :meth:`start` brings it back."""
        self.process.kill(signal.SIGQUIT)

    def start(self) -> None:
        self.process.start()
        eventually(self.answers, within=20, what="postgres answers")

    def stop(self) -> None:
        self.process.kill(signal.SIGINT)
        shutil.rmtree(self.folder)


class Simulator(Process):
    """The stand-ins for both vendors, with short times."""

    def __init__(self, folder: Path, *more: str, **seconds: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        times = {"review": 0.6, "message": 0.2, "activation": 0.3} | seconds
        options = [part for name, value in times.items() for part in (f"--{name}", str(value))]
        argv = [sys.executable, "-m", "simulator", "--port", str(self.port), *options, *more]
        super().__init__(argv, log=folder / "simulator.log", cwd=ROOT)
        eventually(lambda: fetch(f"{self.url}/_sim/healthz"), within=20, what="the simulator answers")

    @property
    def ledger(self) -> dict[str, Any]:
        return fetch(f"{self.url}/_sim/ledger") or {}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return fetch(f"{self.url}/_sim/{path}", body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return fetch(f"{self.url}/_sim/{path}", body, method="PUT")

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return fetch(f"{self.url}/_sim/{path}", body, method="PATCH")

    def delete(self, path: str) -> Any:
        return fetch(f"{self.url}/_sim/{path}", method="DELETE")

    def live(self, kind: str) -> int:
        return int(self.ledger["counts"].get(kind, {}).get("live", 0))

    def writes(self) -> dict[str, int]:
        """Calls that change something at a vendor, by route. Signing in at IMS and passing on events are none."""
        no_writes = ("GET ", "HEAD ", "POST /ims-", "POST /ajo-webhooks")
        return {route: count for route, count in self.ledger["calls"].items() if not route.startswith(no_writes)}

    @property
    def faults(self) -> list[dict[str, Any]]:
        answer = fetch(f"{self.url}/_sim/faults")
        return answer["faults"] if isinstance(answer, dict) else answer

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ONBOARD_TWILIO_API_URL": f"{self.url}/api.twilio.com",
            "ONBOARD_TWILIO_MESSAGING_URL": f"{self.url}/messaging.twilio.com",
            "ONBOARD_TWILIO_IAM_URL": f"{self.url}/iam.twilio.com",
            "ONBOARD_TWILIO_MONITOR_URL": f"{self.url}/monitor.twilio.com",
            "ONBOARD_ADOBE_IMS_URL": f"{self.url}/ims-na1.adobelogin.com",
            "ONBOARD_ADOBE_PLATFORM_URL": f"{self.url}/platform.adobe.io",
            "ONBOARD_AJO_AUTOMATION_URL": f"{self.url}/automation",
        }


def fetch(url: str, body: Mapping[str, Any] | None = None, *, method: str | None = None) -> Any:
    """GET, or POST of JSON unless ``method`` says otherwise; None when nobody answers."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method=method)
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read()
        return json.loads(text) if text else {}
    return None


@contextlib.contextmanager
def running(*processes: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for process in reversed(processes):
            process.stop()
