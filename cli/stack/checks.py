"""What ``onboard doctor`` looks at. Each check answers with one line and never raises."""

from __future__ import annotations

import os
import stat
import sys
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

from cli.stack import health
from cli.stack.broker import OLDEST_VERSION, parse_version
from cli.stack.result import Result
from cli.stack.simulated import is_simulated, real_vendors, vendor_settings
from settings import running_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from settings import Settings

OLDEST_PYTHON = (3, 11)
# A worker on this network answers in milliseconds; `inspect` always waits the whole time.
PING_SECONDS = 1.0


def run_checks(settings: Settings) -> list[Result]:
    """All checks, in the order in which faults are to be mended."""
    stack = running_stack(settings.home)
    database = _database(settings)
    results = [_python(), _packages(), _home(settings), _keys(settings), database]
    broker = _guarded("broker", lambda: _broker(settings))
    results.append(broker)
    if broker.level == "fail":
        results.append(Result("workers", "fail", "cannot be asked without a broker", "mend the broker first"))
    else:
        results.append(_guarded("workers", lambda: _workers(settings)))
    if database.level == "ok":
        results += [_guarded(subject, partial(check, settings)) for subject, check in health.CHECKS.items()]
    public_url = settings.public_url or (stack["gateway"] if stack else settings.resolved_public_url)
    results.append(_guarded("gateway", lambda: _gateway(public_url.rstrip("/"))))
    if stack is not None and stack["simulator"]:
        return [*results, Result("vendors", "ok", f"simulated at {stack['simulator']}: nothing real is touched")]
    return [*results, _public_url(settings), _vendors(settings, is_running=stack is not None), _automation(settings)]


def _guarded(subject: str, check: Callable[[], Result]) -> Result:
    """A check that speaks to another program; whatever goes wrong there is its finding."""
    try:
        return check()
    except Exception as error:  # doctor has to finish
        return Result(subject, "fail", f"{type(error).__name__}: {_one_line(error)}", "see the lines above")


def _one_line(error: Exception) -> str:
    from providers.redaction import redact

    return redact(str(error).partition("\n")[0])


def _python() -> Result:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Result("python", "fail", found, "install Python 3.11 or later")
    return Result("python", "ok", found)


def _packages() -> Result:
    names = ("celery", "kombu", "redis", "flower", "sqlalchemy", "httpx", "twilio")
    try:
        return Result("packages", "ok", ", ".join(f"{name} {metadata.version(name)}" for name in names))
    except metadata.PackageNotFoundError as error:
        return Result("packages", "fail", f"{error.name} is missing", "install onboard again: pip install .")


def _home(settings: Settings) -> Result:
    home = settings.home
    if not home.exists():
        parent = next(folder for folder in home.absolute().parents if folder.exists())
        if os.access(parent, os.W_OK):
            return Result("state folder", "ok", f"{home} (made on first use)")
        return Result("state folder", "fail", f"{parent} is not writable", "set ONBOARD_HOME to a folder of yours")
    if not os.access(home, os.W_OK | os.X_OK):
        return Result("state folder", "fail", f"{home} is not writable", "set ONBOARD_HOME to a folder of yours")
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        return Result("state folder", "warn", f"{home} can be read by other users", f"chmod 700 {home}")
    return Result("state folder", "ok", str(home))


def _keys(settings: Settings) -> Result:
    from engine.vault import KEY_FILE, Vault, load_keys
    from providers.errors import Misconfigured

    key_file = settings.home / KEY_FILE
    if not settings.secret_keys and settings.is_sqlite and not key_file.exists():
        return Result("secret keys", "ok", f"none yet; {key_file} is made on first use")
    try:
        keys = load_keys(settings)
        Vault(keys)
    except (Misconfigured, OSError) as error:
        return Result("secret keys", "fail", str(error), "onboard secrets new-key")
    if not settings.secret_keys and stat.S_IMODE(key_file.stat().st_mode) & 0o077:
        return Result("secret keys", "fail", f"{key_file} can be read by other users", f"chmod 600 {key_file}")
    return Result(
        "secret keys", "ok", f"{len(keys)} from " + ("the setting" if settings.secret_keys else str(key_file))
    )


def _database(settings: Settings) -> Result:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from models.db import make_engine
    from models.migrations import is_current

    url = make_url(settings.resolved_database_url)
    shown = url.render_as_string()
    if settings.is_sqlite and not os.path.exists(url.database or ""):  # noqa: PTH110  the path is a string
        return Result("database", "warn", f"{shown} does not exist yet", "onboard migrate, or onboard up")
    engine = make_engine(settings.resolved_database_url)
    try:
        if is_current(engine):
            return Result("database", "ok", shown)
        return Result("database", "fail", f"{shown} is not at the current version", "onboard migrate")
    except SQLAlchemyError as error:
        cure = "start it, or correct ONBOARD_DATABASE_URL"
        return Result("database", "fail", f"{shown} does not answer: {_one_line(error)}", cure)
    finally:
        engine.dispose()


def _broker(settings: Settings) -> Result:
    import redis
    from kombu.utils.url import maybe_sanitize_url

    from tasks.broker import NOT_RUNNING, broker_url

    url = broker_url(settings)
    if url == NOT_RUNNING:
        return Result("broker", "fail", "the embedded broker does not run", "onboard up")
    shown = str(maybe_sanitize_url(url))
    if not url.startswith(("redis://", "rediss://")):
        return Result("broker", "warn", f"{shown} is not checked", "only redis:// and rediss:// can be checked")
    client = redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3)
    try:
        info: Any = client.info("server")
        policy = _policy(client)
    except redis.RedisError as error:
        cure = "onboard up" if settings.is_embedded_broker else "start it, or correct ONBOARD_BROKER_URL"
        return Result("broker", "fail", f"{shown} does not answer: {_one_line(error)}", cure)
    finally:
        client.close()
    # Valkey says a Redis version it is compatible with, beside its own.
    version = parse_version(f"v={info.get('valkey_version') or info['redis_version']}")
    found = f"{shown}, version {'.'.join(map(str, version)) if version else 'unknown'}"
    if version is None or version < OLDEST_VERSION:
        return Result("broker", "fail", found, "use Redis or Valkey 6.2 or later")
    if policy not in (None, "noeviction"):
        cure = "set maxmemory-policy noeviction on the server: it may drop messages now"
        return Result("broker", "fail", f"{found}, maxmemory-policy {policy}", cure)
    return Result("broker", "ok", found + (", noeviction" if policy else ""))


def _policy(client: Any) -> str | None:
    """The eviction policy; None where a hosted server does not tell."""
    import redis

    try:
        answer: dict[str, str] = client.config_get("maxmemory-policy")
    except redis.ResponseError:
        return None
    return answer.get("maxmemory-policy")


def _workers(settings: Settings) -> Result:
    from tasks.celery import app

    answers = app.control.ping(timeout=PING_SECONDS)
    names = sorted(name for answer in answers for name in answer)
    if not names:
        cure = "onboard up" if settings.is_embedded_broker else "onboard worker, on as many machines as you like"
        return Result("workers", "fail", f"none answered within {PING_SECONDS:.0f} s", cure)
    return Result("workers", "ok", f"{len(names)}: {', '.join(names[:5])}" + (" …" if len(names) > 5 else ""))


def _gateway(url: str) -> Result:
    import httpx

    try:
        response = httpx.get(f"{url}/healthz", timeout=5)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        cure = "onboard up, or onboard gateway; with ONBOARD_PUBLIC_URL: check proxy, tunnel and DNS"
        return Result("gateway", "fail", f"{url} does not answer: {type(error).__name__}", cure)
    if response.status_code != 200 or "status" not in response.text:
        cure = "ONBOARD_PUBLIC_URL leads to another server; correct it or the proxy behind it"
        return Result("gateway", "fail", f"{url}/healthz answers {response.status_code}, not as our gateway does", cure)
    return Result("gateway", "ok", url)


def _public_url(settings: Settings) -> Result:
    simulated = len(real_vendors(settings)) < len(vendor_settings(settings))
    if settings.public_url is None:
        if simulated:
            return Result("public url", "ok", "not set; the simulator reaches the local gateway")
        cure = "set ONBOARD_PUBLIC_URL to the https address under which Twilio and AJO reach this gateway"
        return Result("public url", "warn", "not set: vendors cannot call back", cure)
    if not settings.public_url.startswith("https://") and not simulated:
        return Result("public url", "warn", f"{settings.public_url} is not https", "put TLS in front of the gateway")
    return Result("public url", "ok", settings.public_url)


def _vendors(settings: Settings, *, is_running: bool) -> Result:
    real = real_vendors(settings)
    if not real:
        return Result("vendors", "ok", "simulated: nothing real is touched")
    if is_simulated(settings.home):
        found = f"real ones, but the onboardings in {settings.home} were made against the simulator"
        # An `up` that runs was told --real-vendors.
        level = "warn" if is_running else "fail"
        return Result("vendors", level, found, "onboard up --simulator, or another ONBOARD_HOME")
    if len(real) < len(vendor_settings(settings)):
        missing = ", ".join("ONBOARD_" + name.upper() for name in real)
        cure = f"point these at the simulator too: {missing}"
        return Result("vendors", "warn", "some are simulated and some are real", cure)
    return Result("vendors", "ok", "Twilio and Adobe themselves")


def _automation(settings: Settings) -> Result:
    if settings.ajo_automation_url:
        return Result("AJO automation", "ok", settings.ajo_automation_url)
    found = "not set: only the guided driver, a person enters what onboard says (onboard tasks)"
    return Result("AJO automation", "ok", found)
