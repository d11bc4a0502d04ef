"""``expand``: the specs of many brands from one template and one CSV."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import FAILED, USAGE, Exit
from cli.params import echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.spec.expand import Expansion

SHOWN = 5


@click.command("expand")
@click.argument("template", type=click.Path(path_type=Path))
@click.argument("table", metavar="BRANDS.CSV", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Write to this folder.",
)
@click.option("--force", is_flag=True, help="Overwrite files that hold something else.")
@json_option("Print the result as JSON.")
def expand_command(template: Path, table: Path, folder: Path, force: bool, as_json: bool) -> int:
    """Write one spec for each row of a CSV: TEMPLATE is a spec whose texts hold placeholders such as {{ brand }}.

    A placeholder names a column; several may stand in one text, in a reference too: ${env:TWILIO_{{ key }}}. A text that
    begins with one stands in quotes. All rows are checked as `onboard validate` does before the first file is written;
    each is called after the spec's name. The CSV is UTF-8, its separator a comma, a semicolon or a tab. A ${file:PATH}
    starts at the folder of the written spec.

    \b
    Exit codes: 0 all are written, 1 the folder cannot be written,
                2 template or CSV is wrong, or a file exists.
    Example:    onboard expand brand.yaml brands.csv -o specs
                onboard start specs/*.yaml
    """
    from cli.spec import faults_json, yaml_text
    from models.spec.expand import expand, read_table
    from models.spec.faults import SpecErrors

    try:
        made = expand(template, read_table(table))
    except SpecErrors as errors:
        if as_json:
            echo_json({"ok": False, "specs": [], "unused_columns": [], "faults": faults_json(errors.faults)})
        else:
            from cli.faults import print_faults, print_summary

            print_faults(errors.faults, to_stderr=True)
            print_summary(errors.faults, 0, to_stderr=True)
        return USAGE
    if made.unused:
        click.echo(f"Warning: no placeholder names the columns {', '.join(made.unused)} of {table}.", err=True)
    head = f"# Made by `onboard expand` from {template.name} and {table.name}: change these and expand again.\n"
    _write_all({folder / f"{spec.name}.yaml": head + yaml_text(data) for spec, data in made.specs}, may_overwrite=force)
    if as_json:
        echo_json({"ok": True, "specs": _specs_json(made, folder), "unused_columns": made.unused, "faults": []})
    else:
        count = len(made.specs)
        click.echo(f"Wrote {count} {'spec' if count == 1 else 'specs'}. To begin: onboard start {folder / '*.yaml'}")
    return 0


def _write_all(texts: Mapping[Path, str], *, may_overwrite: bool) -> None:
    """All or none: each is written under another name, and all are renamed at the end.

    :raises Exit: one exists with another text, or the folder cannot be written.
    """
    parts = {path: path.with_name(f".{path.name}.part") for path in texts}
    try:
        if not may_overwrite:
            taken = [str(path) for path, text in texts.items() if path.exists() and path.read_bytes() != text.encode()]
            if taken:
                more = f" and {len(taken) - SHOWN} more" if len(taken) > SHOWN else ""
                names = ", ".join(taken[:SHOWN]) + more
                raise Exit(
                    f"there are other files already, and nothing was written: {names}; --force overwrites", USAGE
                )
        next(iter(texts)).parent.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            parts[path].write_bytes(text.encode())
        for path in texts:
            parts[path].replace(path)
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise Exit(f"{error.filename} cannot be written: {reason}", FAILED) from None
    finally:
        for part in parts.values():
            # Gone already, unless something broke; what broke may be the folder.
            with contextlib.suppress(OSError):
                part.unlink()


def _specs_json(made: Expansion, folder: Path) -> list[dict[str, str]]:
    return [
        {"file": str(folder / f"{spec.name}.yaml"), "name": spec.name, "channel": spec.channel}
        for spec, _ in made.specs
    ]
