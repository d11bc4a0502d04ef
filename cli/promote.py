"""``promote``: the spec of a verified channel for the next sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.exits import NEEDS_PERSON, USAGE, Exit
from cli.params import NAME
from cli.spec import OUTPUT, checked_name, write_file, yaml_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.promote import Promotion
    from models.spec.onboarding import AnySpec


@click.command("promote")
@NAME
@click.option("--to-sandbox", required=True, metavar="SANDBOX", help="Name of the AJO sandbox to go to.")
@click.option("--name", "new_name", help="Name of the new onboarding. [default: NAME-SANDBOX]")
@click.option("--sender-id", metavar="rcs:ID", help="RCS: the sender for that sandbox.")
@click.option("--number", "numbers", multiple=True, metavar="NUMBER", help="A number for that sandbox; repeatable.")
@OUTPUT
@click.option("--force", is_flag=True, help="Overwrite the output file.")
def promote_command(  # noqa: PLR0917  one for each option
    name: str,
    to_sandbox: str,
    new_name: str | None,
    sender_id: str | None,
    numbers: tuple[str, ...],
    output: Path | None,
    force: bool,
) -> int:
    """Write the spec of the same channel for another sandbox.

    Only from a channel that is active. Nothing that belongs to one sandbox is carried over; what has to be filled in stands as
    FILL IN, what may be otherwise there has a comment, and both are listed.

    \b
    Exit codes: 0 the spec is valid as it is, 2 not possible, 3 a person has to fill something in, 4 no such onboarding.
    Examples:   onboard promote acme-rcs-dev --to-sandbox prod -o acme-rcs.yaml
                onboard promote bistro-dev --to-sandbox prod --number +14155550177 -o bistro.yaml
    """
    from engine.commands import NotPossible
    from engine.promote import promote

    spec, others = _read(name)
    chosen = checked_name(new_name or f"{name}-{to_sandbox}")
    if any(other.name == chosen for other in others):
        raise Exit(f"there is an onboarding {chosen} already; choose another by --name", USAGE)
    try:
        made = promote(spec, to_sandbox=to_sandbox, name=chosen, others=others, sender_id=sender_id, numbers=numbers)
    except NotPossible as error:
        raise Exit(f"{error}.", USAGE) from None
    text = as_yaml(made, head=f"{name} of sandbox {spec.ajo.sandbox}, promoted to sandbox {to_sandbox}.")
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text, may_overwrite=force)
    faults = _faults(made)
    _tell(made, faults, str(output or "FILE"))
    return NEEDS_PERSON if faults else 0


def _read(name: str) -> tuple[AnySpec, list[Any]]:
    """The spec of an active onboarding, and what its organisation uses."""
    from cli.state import reading, unknown_name
    from engine.queries import read_onboarding, specs_around
    from engine.reuse import Other
    from models.spec.onboarding import spec_from_json

    with reading() as fetch:
        detail = read_onboarding(fetch, name)
        if detail is None:
            raise unknown_name(fetch, [name])
        rows = specs_around(fetch, [detail.summary.organization_id])
    if detail.summary.status != "active":
        status = detail.summary.status.value.replace("_", " ")
        raise Exit(f"{name} is {status}; only a verified channel is promoted (`onboard explain {name}`).", USAGE)
    return spec_from_json(detail.spec), [Other(**row) for row in rows]


def _faults(made: Promotion) -> dict[tuple[str, ...], str]:
    """What `onboard validate` would say of it, by the path of the field."""
    from pydantic import ValidationError

    from models.spec.onboarding import SPEC

    try:
        SPEC.validate_python(made.data)
    except ValidationError as error:
        # The first part of a place is the channel, by which the kind of spec is chosen.
        faults = error.errors()
        return {tuple(part for part in fault["loc"][1:] if isinstance(part, str)): _sentence(fault) for fault in faults}
    return {}


def _sentence(fault: Any) -> str:
    return str(fault["msg"]).removeprefix("Value error, ").replace("\n", "; ")


def as_yaml(made: Promotion, *, head: str) -> str:
    """The spec with its questions as comments."""
    from ruamel.yaml.comments import CommentedMap

    notes = {path: f"FILL IN: {text}" for path, text in made.placeholders.items()}
    notes |= {path: f"CHECK: {text}" for path, text in made.questions.items()}
    notes |= dict.fromkeys(made.secrets, "CHECK: has to be readable where this file is started")

    def commented(value: Any, path: tuple[str, ...]) -> Any:
        if not isinstance(value, dict):
            return value
        made_map = CommentedMap((key, commented(item, (*path, key))) for key, item in value.items())
        for key in value:
            if (*path, key) in notes:
                made_map.yaml_set_comment_before_after_key(key, before=notes[*path, key], indent=2 * len(path))
        return made_map

    data = commented(made.data, ())
    dropped = [f"Left out: {'.'.join(path)}: {text}" for path, text in made.dropped.items()]
    data.yaml_set_start_comment("\n".join([head, *dropped]))
    return yaml_text(data)


def _tell(made: Promotion, faults: Mapping[tuple[str, ...], str], file: str) -> None:
    """On standard error: the spec itself may go to standard output."""
    from rich.text import Text

    from cli.render import make_console, print_wrapped

    console = make_console(stderr=True)

    def section(title: str, items: Mapping[tuple[str, ...], str]) -> None:
        if items:
            console.print(Text(title, "bold"))
        for path, text in items.items():
            print_wrapped(console, f"{'.'.join(path)}: {text}", indent=2)

    section("To fill in", made.placeholders)
    section("Not valid as given", {path: text for path, text in faults.items() if path not in made.placeholders})
    section("To check", made.questions)
    section("Secrets to be entered again", made.secrets)
    section("Left out", made.dropped)
    console.print(Text(f"Then: onboard validate {file} --secrets, and onboard start {file}", "dim"))
