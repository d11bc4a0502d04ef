"""The only reader of the environment, and of what the running ``up`` says of itself.

Every setting is named ``ONBOARD_<FIELD>``. With none set, everything is embedded: SQLite and a private broker
below :attr:`Settings.home`, all of it on loopback. What is not set is as the ``up`` that runs on this folder has it.
This module imports nothing of ours and is imported by every room.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from datetime import time
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network

PREFIX = "ONBOARD_"
# In the state folder: the lock that an ``up`` holds while it lives, and what it says of itself.
LOCK_FILE = "up.pid"
STATE_FILE = "up.json"
# In HTTP timeouts: how long one call to a vendor may take at the very most (providers/http.py).
LONGEST_CALL = 3
# Longest that the broker believes a worker to be busy with a message before it hands it out again.
VISIBILITY_SECONDS = 900


def _default_home() -> Path:
    """The state folder: ``$XDG_STATE_HOME/onboard``, by default ``~/.local/state/onboard``."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"  # noqa: TID251  this is the reader
    return Path(base) / "onboard"


def _read_span(text: str) -> tuple[time, time]:
    """:raises ValueError: it is not of the form ``20:00-08:00``."""
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text)
    if match is None or match.group(1, 2) == match.group(3, 4):
        msg = f"{text!r} is no span of a day: write for example 20:00-08:00"
        raise ValueError(msg)
    hour, minute, end_hour, end_minute = map(int, match.groups())
    return time(hour, minute), time(end_hour, end_minute)


class Settings(BaseModel):
    """All settings; the text of each field is what ``onboard settings`` and the README print."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(
        default_factory=_default_home, description="State folder of embedded mode: database, broker, keys, logs."
    )
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL (postgresql+psycopg://…). Empty: SQLite in the state folder."
    )
    broker_url: SecretStr | None = Field(None, description="Celery broker URL (redis://…). Empty: the embedded broker.")
    secret_keys: list[SecretStr] = Field(
        default_factory=list,
        description="Comma-separated Fernet keys; the first encrypts, all decrypt. Empty: a key file in the state folder (SQLite only).",
    )
    public_url: str | None = Field(
        None, description="URL under which vendors reach the gateway. Empty: the local gateway."
    )
    gateway_host: str = Field("127.0.0.1", description="Address the gateway listens on.")
    gateway_port: int = Field(8700, description="Port of the gateway (embedded, `up` takes a free one if it is taken).")
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the gateway's Prometheus metrics. Empty: none are served."
    )
    metrics_host: str = Field("127.0.0.1", description="Address the metrics are served on.")
    mtls_proxies: str = Field(
        "", description="Comma-separated addresses or networks of proxies that check AJO's client certificate."
    )
    mtls_header: str = Field(
        "X-Client-Cert-Subject", description="Header in which they name its subject: a common name or a DN (RFC 4514)."
    )
    mtls_common_name: str = Field(
        "ajo-sms.aep-mtls.adobe.com", description="Common name of the client certificate that AJO shows."
    )
    flower_port: int = Field(5555, description="Port of Flower (embedded, `up` takes a free one if it is taken).")
    flower_basic_auth: SecretStr | None = Field(
        None, description="user:password for Flower. Needed when it listens beyond loopback."
    )
    flower_host: str = Field("127.0.0.1", description="Address Flower listens on.")

    twilio_api_url: str = Field("https://api.twilio.com", description="Twilio REST API 2010-04-01.")
    twilio_messaging_url: str = Field("https://messaging.twilio.com", description="Twilio Messaging v1 and v2.")
    twilio_iam_url: str = Field("https://iam.twilio.com", description="Twilio IAM v1 (restricted keys).")
    twilio_monitor_url: str = Field("https://monitor.twilio.com", description="Twilio Monitor v1 (alerts, events).")
    adobe_ims_url: str = Field("https://ims-na1.adobelogin.com", description="Adobe IMS (OAuth tokens).")
    adobe_platform_url: str = Field("https://platform.adobe.io", description="Adobe Experience Platform gateway.")
    ajo_automation_url: str | None = Field(
        None, description="Your own automation in front of AJO (docs/automation.md). Empty: only the guided driver."
    )

    worker_concurrency: int = Field(8, ge=1, le=64, description="Threads of one worker process.")
    twilio_ceiling: int = Field(
        30, ge=1, description="Steps that may be at one Twilio account at the same time, over all workers."
    )
    adobe_ceiling: int = Field(20, ge=1, description="The same for one Adobe organisation, its automation included.")
    http_timeout_seconds: float = Field(20.0, gt=0, description="Longest wait for a vendor's answer to one call.")
    lease_seconds: float = Field(
        120.0,
        gt=0,
        description="How long a step may be silent before another worker may take it over; three times the HTTP timeout at least, less than 900.",
    )
    tick_seconds: float = Field(5.0, gt=0, description="How often beat looks for due work.")
    sweep_seconds: float = Field(30.0, gt=0, description="How often beat looks for lost work.")
    wake_grace_seconds: float = Field(
        60.0, gt=0, description="How long a wake-up message may be under way before it counts as lost."
    )
    broker_stall_seconds: float = Field(
        30.0, ge=2, description="How long a connection to the broker may be silent before it is made anew."
    )
    stop_seconds: float = Field(
        10.0, ge=0, description="How long a worker that is asked to stop may begin calls for the steps it is at."
    )
    park_after_seconds: float = Field(
        86400.0, gt=0, description="How old an event for AJO becomes before a person has to look at it."
    )
    retry_base_seconds: float = Field(2.0, gt=0, description="First retry delay; doubles each time, with jitter.")
    wait_scale: float = Field(
        1.0,
        gt=0,
        description="Multiplies the time between two looks at a vendor or at a person's work; not deadlines, nor pauses after failures. 1 in production, small against the simulator.",
    )
    notice_urls: list[SecretStr] = Field(
        default_factory=list,
        description="Who is told of long waits: Apprise URLs, blanks between them (https://hooks.slack.com/…, json://…, mailtos://…). Empty: nobody; the event log says what was due.",
    )
    escalation_urls: list[SecretStr] = Field(
        default_factory=list, description="Who is told in addition when a reminder has not helped. As above."
    )
    remind_person_days: float = Field(
        2.0, gt=0, description="After how many days of waiting for a person a reminder is due."
    )
    escalate_person_days: float = Field(
        7.0, gt=0, description="After how many days of waiting for a person an escalation is due."
    )
    remind_vendor_days: float = Field(
        28.0, gt=0, description="After how many days of waiting for a vendor a reminder is due."
    )
    escalate_vendor_days: float = Field(
        56.0, gt=0, description="After how many days of waiting for a vendor an escalation is due."
    )
    quiet_hours: str | None = Field(
        None,
        description="When no notice and no scheduled test message is sent, as 20:00-08:00; it goes out afterwards. Empty: never quiet.",
    )
    quiet_zone: str = Field("UTC", description="Time zone of the quiet hours, as Europe/Berlin.")
    checks_per_account_hour: int = Field(
        1000, gt=0, description="Most scheduled checks an hour for one Twilio account or Adobe organisation."
    )
    probe_messages_per_month: int = Field(
        31, ge=0, description="Most scheduled test messages of one onboarding a month; then it is checked without."
    )
    log_level: str = Field("INFO", description="Log level of every process.")

    @classmethod
    def from_environment(cls, overrides: Mapping[str, object] | None = None) -> Settings:
        """The settings that the environment gives, with ``overrides`` by field name on top. An empty variable is none.

        pydantic-settings would do the same, but takes a tenth of a second to import, at every command.
        """
        given = {name: os.environ.get(PREFIX + name.upper()) for name in cls.model_fields}  # noqa: TID251  the reader
        return cls.model_validate({name: value for name, value in given.items() if value} | dict(overrides or {}))

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("notice_urls", "escalation_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        # A comma may stand in such a URL, between the recipients of a mail.
        return value.split() if isinstance(value, str) else value

    @field_validator("quiet_hours")
    @classmethod
    def _is_a_span(cls, value: str | None) -> str | None:
        if value is not None:
            _read_span(value)
        return value

    @field_validator("quiet_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value != "UTC":
            from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError):
                msg = f"{value!r} is no time zone of this machine: write for example Europe/Berlin"
                raise ValueError(msg) from None
        return value

    @field_validator("mtls_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: str) -> str:
        for part in value.split(",") if value else ():
            try:
                ip_network(part.strip(), strict=False)
            except ValueError:
                msg = f"{part.strip()!r} is neither an address (10.0.0.5) nor a network (10.0.0.0/24)"
                raise ValueError(msg) from None
        return value

    @model_validator(mode="after")
    def _lease_outlasts_a_call(self) -> Settings:
        if self.lease_seconds < LONGEST_CALL * self.http_timeout_seconds:
            msg = (
                f"ONBOARD_LEASE_SECONDS ({self.lease_seconds:g}) must be three times ONBOARD_HTTP_TIMEOUT_SECONDS "
                f"({self.http_timeout_seconds:g}) at least: a step whose lease ends during a call is done twice"
            )
            raise ValueError(msg)
        if self.lease_seconds >= VISIBILITY_SECONDS:
            msg = (
                f"ONBOARD_LEASE_SECONDS ({self.lease_seconds:g}) must be less than {VISIBILITY_SECONDS}: after that the "
                "broker hands a dead worker's message out again, and it must find the step free"
            )
            raise ValueError(msg)
        return self

    @property
    def shared(self) -> dict[str, Any]:
        """What was set and is no secret, by field name: what ``up`` tells the commands beside it."""
        secret = {name for name, field in type(self).model_fields.items() if "SecretStr" in str(field.annotation)}
        return self.model_dump(mode="json", include=self.model_fields_set, exclude=secret | {"home"})

    @property
    def resolved_database_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'onboard.sqlite3'}"

    @property
    def mtls_networks(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(part.strip(), strict=False) for part in self.mtls_proxies.split(",") if part.strip()]

    @property
    def is_sqlite(self) -> bool:
        return self.resolved_database_url.startswith("sqlite")

    @property
    def quiet_span(self) -> tuple[time, time] | None:
        """Beginning and end of the quiet hours; they may pass midnight."""
        return _read_span(self.quiet_hours) if self.quiet_hours else None

    @property
    def is_embedded_broker(self) -> bool:
        return self.broker_url is None

    @property
    def resolved_public_url(self) -> str:
        return (self.public_url or f"http://{self.gateway_host}:{self.gateway_port}").rstrip("/")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once: a later change of the environment is not seen on purpose.

    What the environment does not set is as the ``up`` that runs on the state folder has it.
    """
    settings = Settings.from_environment()
    told = (running_stack(settings.home) or {}).get("settings", {})
    missing = {
        name: told[name] for name in Settings.model_fields.keys() & told if name not in settings.model_fields_set
    }
    return Settings.from_environment(missing) if missing else settings


def is_held(home: Path) -> bool:
    """Whether an ``up`` runs on this state folder right now."""
    try:
        descriptor = os.open(home / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def running_stack(home: Path) -> dict[str, Any] | None:
    """What the ``up`` that runs on this state folder says of itself (``Stack.describe``); None when none runs."""
    if not is_held(home):
        return None
    try:
        described: dict[str, Any] = json.loads((home / STATE_FILE).read_text())
    except (OSError, ValueError):
        return None
    return described


def read_reference_variable(name: str) -> str | None:
    """The value of the environment variable a spec names by ``${env:NAME}``; None when it is not set."""
    return os.environ.get(name)  # noqa: TID251  this is the reader


def child_environment(overrides: dict[str, str]) -> dict[str, str]:
    """This process's environment with ``overrides`` on top, for the processes that ``up`` and ``demo`` start."""
    return {**os.environ, **overrides, "PYTHONUNBUFFERED": "1"}  # noqa: TID251  this is the reader


def locale_name() -> str | None:
    """The locale that the environment asks for messages in, by gettext's order; None for none."""
    found = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))  # noqa: TID251  the reader
    return next((value.partition(":")[0] for value in found if value), None)


def is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
