"""Arguments and options that several commands share."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = {"s": "seconds", "min": "minutes", "m": "minutes", "h": "hours", "d": "days"}


def complete_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of onboardings for the shell; none when there is no database to ask, for a Tab key must not complain."""
    try:
        from cli.state import reading
        from engine.queries import names_like

        with reading() as fetch:
            return names_like(fetch, incomplete, limit=200)
    except Exception:
        return []


def complete_keys(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of what waits for a person in the onboarding named before."""
    try:
        from cli.state import reading
        from engine.operator_items import read_items

        with reading() as fetch:
            keys = [item["key"] for item in read_items(fetch, ctx.params["name"])]
    except Exception:
        return []
    return [key for key in keys if key.startswith(incomplete)]


def _read_moment(text: str, *, into: int) -> datetime:
    """A duration from now into the past (-1) or the future (1), or a date or time in ISO 8601.

    :raises ValueError, OverflowError: it is none.
    """
    match = re.fullmatch(r"(\d+)\s*(s|min|m|h|d)", text)
    if match:
        return datetime.now(UTC) + into * timedelta(**{UNITS[match[2]]: int(match[1])})
    # Without a zone it is this machine's.
    return datetime.fromisoformat(text).astimezone(UTC)


class Moment(click.ParamType[datetime]):
    """A moment in the past: ``2h``, ``30min``, ``7d`` ago, or a date or time in ISO 8601."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return _read_moment(value, into=-1)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: write for example 30min, 2h, 7d or 2026-11-23T12:00.", param, ctx)


class Future(click.ParamType[datetime]):
    """A moment to come: in ``30d``, ``12h``, or a date or time in ISO 8601."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = _read_moment(value, into=1)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: write for example 12h, 30d or 2027-01-31.", param, ctx)
        if found <= datetime.now(UTC):
            self.fail(f"{value!r} is over.", param, ctx)
        return found


class NameAndValue(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, separator, text = value.partition("=")
        if not (separator and name.strip() and text.strip()):
            self.fail(f"{value!r} is not NAME=VALUE: write for example url=https://...", param, ctx)
        return name.strip(), text.strip()


class Words(click.ParamType[str]):
    """A text that says something."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = " ".join(str(value).split())
        if not text:
            self.fail("it is empty: write who, why or what shows it.", param, ctx)
        return text


class PhoneNumber(click.ParamType[str]):
    """A number in E.164, by the rule of the spec."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from pydantic import TypeAdapter, ValidationError

        from models.spec.refusal import CURE
        from models.spec.types import Phone

        try:
            return TypeAdapter[str](Phone).validate_python(value)
        except ValidationError as error:
            problem, _, cure = str(error.errors()[0]["ctx"]["error"]).partition(CURE)
            self.fail(f"{problem}: {cure}.", param, ctx)


class Condition(click.ParamType[tuple[str, str]]):
    """``FIELD=VALUE``, one that onboardings can be chosen by."""

    name = "field=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        from engine.selection import EVERYTHING, UnknownField

        if isinstance(value, tuple):
            return value
        field, separator, wanted = (part.strip() for part in value.partition("="))
        if not (separator and wanted):
            self.fail(f"{value!r} is not FIELD=VALUE: write for example status=failed.", param, ctx)
        try:
            EVERYTHING.narrowed([(field, wanted)])
        except UnknownField as error:
            self.fail(f"{error}.", param, ctx)
        return field, wanted


def caller() -> str:
    """Who types: login name and host of this process."""
    import getpass
    import socket

    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that no name belongs to.
        login = "somebody"
    return f"{login}@{socket.gethostname()}"


def by_option() -> Callable[[Any], Any]:
    return click.option(
        "--by",
        type=Words(),
        default=caller,
        metavar="WHO",
        help="Who asks for it; recorded. [default: your login name and host]",
    )


NAME = click.argument("name", shell_complete=complete_names)
OPTIONAL_NAME = click.argument("name", required=False, shell_complete=complete_names)
NAMES = click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names)
ANY_NAMES = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)


def json_option(text: str = "Print JSON.") -> Callable[[Any], Any]:
    return click.option("--json", "as_json", is_flag=True, help=text)


def timeout_option() -> Callable[[Any], Any]:
    return click.option(
        "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop watching after this long (exit 1)."
    )


def echo_json(value: Any, *, on_one_line: bool = False) -> None:
    """Print plain records as JSON, times in ISO 8601."""
    from engine.queries import to_json

    click.echo(json.dumps(to_json(value), indent=None if on_one_line else 2, ensure_ascii=False))
