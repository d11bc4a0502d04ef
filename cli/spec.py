"""``init``, ``validate`` and ``schema``; and how every command prints the faults of spec files.

Never imports Celery, SQLAlchemy or httpx: these commands run on a laptop, in an editor and in a hook.
"""

from __future__ import annotations

import io
import json
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.exits import FAILED, USAGE, Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from models.spec.faults import SpecErrors, SpecFault
    from models.spec.load import LoadedSpec

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
OUTPUT = click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")


@click.command("init")
@click.argument("channel", type=click.Choice(["rcs", "sms", "mms"]))
@click.option("--name", help="Name of the onboarding, instead of the template's.")
@OUTPUT
@click.option("--force", is_flag=True, help="Overwrite the output file.")
def init_command(channel: str, name: str | None, output: Path | None, force: bool) -> None:
    """Print a commented spec for CHANNEL (rcs, sms or mms), valid as it is, with example values to replace.

    \b
    Example:  onboard init rcs --name acme-rcs -o acme-rcs.yaml
    """
    text = resources("models.spec").joinpath("templates", f"{channel}.yaml").read_text(encoding="utf-8")
    if name is not None:
        text = text.replace(f"\nname: acme-{channel}\n", f"\nname: {checked_name(name)}\n", 1)
    if output is None:
        click.echo(text, nl=False)
        return
    write_file(output, text, may_overwrite=force)
    click.echo(f"Wrote {output}. Replace the example values, then: onboard validate {output}", err=True)


@click.command("validate")
@FILES
@click.option("--secrets", "with_secrets", is_flag=True, help="Also read the secrets the files refer to.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def validate_command(files: tuple[Path, ...], with_secrets: bool, as_json: bool) -> int:
    """Check spec FILES and show every fault of all of them: its place, its cause and its cure.

    \b
    Exit codes: 0 all are good, 2 at least one is not.
    Example:    onboard validate *.yaml
    """
    sound, _, faults = _load(files, with_secrets=with_secrets)
    if as_json:
        click.echo(
            json.dumps(
                {"ok": not faults, "specs": list(map(_spec_json, sound)), "faults": faults_json(faults)}, indent=2
            )
        )
    else:
        from cli.faults import print_faults, print_sound, print_summary

        print_faults(faults)
        print_sound(sound)
        print_summary(faults, len(sound))
    return USAGE if faults else 0


@click.command("schema")
@OUTPUT
def schema_command(output: Path | None) -> None:
    """Print the JSON Schema (2020-12) of specs. Editors complete and check with it.

    \b
    Example:  onboard schema -o onboard.schema.json
    """
    from models.spec.onboarding import SPEC

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "onboard spec",
        "description": "One channel of one brand. `onboard validate` checks more than a schema can say.",
        **SPEC.json_schema(),
    }
    text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        # It holds nothing but what this command makes: unlike a spec it may be made again at will.
        write_file(output, text, may_overwrite=True)


def load_or_exit(files: Sequence[Path], *, with_secrets: bool) -> list[tuple[LoadedSpec, dict[str, SecretStr]]]:
    """The specs of ``files``, each with its secrets (none unless asked for). Faults are printed and end the command."""
    sound, secrets, faults = _load(files, with_secrets=with_secrets)
    if faults:
        from cli.faults import print_faults, print_summary

        print_faults(faults, to_stderr=True)
        print_summary(faults, len(sound), to_stderr=True)
        raise click.exceptions.Exit(USAGE)
    return [(loaded, secrets.get(loaded.spec.name, {})) for loaded in sound]


def _load(
    files: Sequence[Path], *, with_secrets: bool
) -> tuple[list[LoadedSpec], dict[str, dict[str, SecretStr]], list[SpecFault]]:
    """The good specs, their secrets by name, and all faults: those of secrets too, also beside faults of other files."""
    from models.spec.faults import SpecErrors
    from models.spec.load import load_specs
    from models.spec.references import resolve_all

    faults: list[SpecFault] = []
    secrets: dict[str, dict[str, SecretStr]] = {}

    def keep(errors: SpecErrors) -> list[LoadedSpec]:
        faults.extend(errors.faults)
        return errors.sound

    try:
        sound = load_specs(files)
    except SpecErrors as errors:
        sound = keep(errors)
    if with_secrets:
        try:
            secrets = resolve_all(sound)
        except SpecErrors as errors:
            sound = keep(errors)
    return sound, secrets, faults


def yaml_text(data: Mapping[str, Any]) -> str:
    """Plain data as YAML, in its own order; comments of ruamel.yaml's maps are kept."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def checked_name(name: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from models.spec.types import Name

    try:
        return TypeAdapter[str](Name).validate_python(name)
    except ValidationError:
        msg = "--name takes 3 to 50 of a-z, 0-9 and -, first a letter, for example acme-rcs"
        raise Exit(msg, USAGE) from None


def write_file(output: Path, text: str, *, may_overwrite: bool) -> None:
    try:
        # "x" looks and makes in one move: a file that appears meanwhile is not lost.
        with output.open("w" if may_overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Exit(f"{output} exists already; --force overwrites it", USAGE) from None
    except OSError as error:
        raise Exit(f"{output} cannot be written: {(error.strerror or 'unknown').lower()}", FAILED) from None


def _spec_json(loaded: LoadedSpec) -> dict[str, str]:
    return {"file": str(loaded.path), "name": loaded.spec.name, "channel": loaded.spec.channel}


def faults_json(faults: Sequence[SpecFault]) -> list[dict[str, Any]]:
    keys = ("file", "line", "column", "path", "problem", "cure")
    return [{key: getattr(fault, key) for key in keys} for fault in faults]
