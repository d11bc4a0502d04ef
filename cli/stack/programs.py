"""How each process of onboard is started: the command lines and the environment, in one place."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import settings as settings_module
from cli.stack.child import Program
from settings import LONGEST_CALL, PREFIX, Settings, child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(settings_module.__file__).parent

# Lower starts earlier and stops later. The broker is 0: everything else needs it to the end.
OUTSIDE_STAGE = 1
WORKER_STAGE = 2
BEAT_STAGE = 3

# On top of the call that a worker is in.
WORKER_STOP_MARGIN = 5.0


def python_command(module: str, *arguments: str) -> list[str]:
    """Run a module of ours or of a package. ``-P`` keeps a ``tasks.py`` in the user's folder from hiding ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def make_settings(overrides: Mapping[str, str], *, inherits_settings: bool) -> Settings:
    """The settings of a stack; without ``inherits_settings``, defaults and ``overrides`` whatever the environment says."""
    return Settings.from_environment(overrides) if inherits_settings else Settings.model_validate(dict(overrides))


def make_environment(overrides: Mapping[str, str], *, inherits_settings: bool) -> dict[str, str]:
    """The environment of the processes of a stack; ``overrides`` are named like the settings' fields."""
    own = {PREFIX + name.upper(): value for name, value in overrides.items()}
    environment = child_environment(own)
    if not inherits_settings:
        environment = {name: value for name, value in environment.items() if name in own or not name.startswith(PREFIX)}
    if (ROOT / "pyproject.toml").exists():
        # Run from a checkout that is not installed: the children have to find it too.
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{ROOT}:{known}" if known else str(ROOT)
    return environment


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def reachable(host: str) -> str:
    """The address under which this machine reaches a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  compared, not bound


def base_url(host: str, port: int) -> str:
    shown = reachable(host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def worker(name: str, settings: Settings, environment: Mapping[str, str]) -> Program:
    command = python_command("cli.main", "worker", "--name", name)
    stop_seconds = settings.stop_seconds + LONGEST_CALL * settings.http_timeout_seconds + WORKER_STOP_MARGIN
    return Program(name, command, environment, WORKER_STAGE, stop_seconds)


def beat(environment: Mapping[str, str]) -> Program:
    return Program("beat", python_command("cli.main", "beat"), environment, BEAT_STAGE)


def gateway(environment: Mapping[str, str]) -> Program:
    return Program("gateway", python_command("cli.main", "gateway"), environment, OUTSIDE_STAGE)


def flower(environment: Mapping[str, str]) -> Program:
    return Program("flower", python_command("cli.main", "flower"), environment, WORKER_STAGE)


def simulator(host: str, port: int, options: Sequence[str], environment: Mapping[str, str]) -> Program:
    command = python_command("simulator", "--host", host, "--port", str(port), *options)
    return Program("simulator", command, environment, OUTSIDE_STAGE)


def vendor_urls(simulator_url: str) -> dict[str, str]:
    """Every vendor address, pointed at a simulator; its hosts are path prefixes."""
    return {
        "twilio_api_url": f"{simulator_url}/api.twilio.com",
        "twilio_messaging_url": f"{simulator_url}/messaging.twilio.com",
        "twilio_iam_url": f"{simulator_url}/iam.twilio.com",
        "twilio_monitor_url": f"{simulator_url}/monitor.twilio.com",
        "adobe_ims_url": f"{simulator_url}/ims-na1.adobelogin.com",
        "adobe_platform_url": f"{simulator_url}/platform.adobe.io",
        "ajo_automation_url": f"{simulator_url}/automation",
    }
