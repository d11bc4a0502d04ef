"""``onboard settings``: every setting, its value and where it comes from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from settings import Settings

MASK = "********"


@dataclass(frozen=True, slots=True)
class Line:
    """One setting as it is shown; a secret's value is only whether there is one."""

    name: str
    value: str
    source: str
    description: str


@click.command("settings")
@click.option("--markdown", is_flag=True, help="Print the table of the README: names, defaults, descriptions.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings_command(markdown: bool, as_json: bool) -> None:
    """Print every setting: its value (secrets masked), where it comes from and what it is for.

    Set one by an environment variable, for example ONBOARD_LOG_LEVEL=DEBUG. What is not set is as the `onboard up` that
    runs on this state folder has it, secrets excepted, and else the default.
    """
    from settings import Settings, get_settings

    if markdown:
        click.echo("| setting | default | what it is for |\n|---|---|---|")
        for name, field in Settings.model_fields.items():
            default = _default_text(name, field)
            click.echo(f"| `{variable(name)}` | {f'`{default}`' if default else ''} | {field.description} |")
        return
    lines = describe(get_settings())
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=2))
        return
    width = max(len(line.name) for line in lines)
    for line in lines:
        click.echo(f"{click.style(line.name.ljust(width), bold=True)}  {line.value or '(empty)'}  [{line.source}]")
        click.echo(f"{'':<{width}}  {line.description}")


def variable(name: str) -> str:
    return "ONBOARD_" + name.upper()


def describe(settings: Settings) -> list[Line]:
    """All settings in the order of ``settings.py``."""
    given = type(settings).from_environment().model_fields_set
    return [
        Line(
            variable(name),
            _value_text(getattr(settings, name)),
            "environment" if name in given else "running stack" if name in settings.model_fields_set else "default",
            field.description or "",
        )
        for name, field in type(settings).model_fields.items()
    ]


def _value_text(value: Any) -> str:
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, list):
        return ", ".join(MASK for _ in value)
    return "" if value is None else str(value)


def _default_text(name: str, field: FieldInfo) -> str:
    if name == "home":
        # The computed default names this user's folder; the table is for everybody.
        return "~/.local/state/onboard"
    return _value_text(field.get_default(call_default_factory=True, validated_data={}))
