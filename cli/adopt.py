"""``adopt``: take over a channel that was set up by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import FAILED, USAGE, Exit
from cli.params import by_option, echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.adopt import Adopted, Found, Look
    from engine.contract import AnySpec


@click.command("adopt")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what is there, and take nothing over.")
@json_option()
@by_option()
def adopt_command(file: Path, dry_run: bool, as_json: bool, by: str) -> int:
    """Take over the channel that FILE declares, as it was set up by hand.

    Finds its objects by their ids and names at both vendors and records them as adopted; nothing is changed there. Active
    if all is as declared, else degraded, with every difference. What onboard adopted, `onboard teardown` keeps.

    \b
    Exit codes: 0 as declared, 1 with differences (or a vendor did not answer), 2 the file is wrong, it is here already,
                or nothing of it is there.
    Examples:   onboard adopt bistro-sms.yaml --dry-run
                onboard adopt bistro-sms.yaml --by "Jo Doe"
    """
    from cli.spec import load_or_exit
    from providers.errors import OnboardingError
    from settings import get_settings
    from tasks.adoption import find_objects
    from tasks.vendors import make_readers

    ((loaded, secrets),) = load_or_exit([file], with_secrets=True)
    values = {name: secret.get_secret_value() for name, secret in secrets.items()}
    vendors = make_readers(get_settings(), loaded.spec, values.__getitem__)
    try:
        look = find_objects(vendors, loaded.spec, by=by)
    except OnboardingError as error:
        raise Exit(f"nothing was taken over: {error.message}", FAILED) from None
    adopted = None if dry_run else _adopt(loaded.spec, values, look)
    findings = [finding.as_json() for finding in look.missing]
    if adopted is not None and adopted.findings is not None:
        findings = adopted.findings
    if as_json:
        status = adopted.status if adopted else None
        echo_json({"name": loaded.spec.name, "found": look.found, "findings": findings, "status": status})
    else:
        _print(loaded.spec.name, look.found, findings, adopted)
    is_open = adopted is not None and adopted.findings is None
    return FAILED if is_open or any(finding["severity"] == "error" for finding in findings) else 0


def _adopt(spec: AnySpec, values: Mapping[str, str], look: Look) -> Adopted:
    from dataclasses import replace

    from cli.state import open_writable
    from engine.adopt import adopt
    from engine.commands import NotPossible
    from tasks.process import workshop
    from tasks.vendors import make_readers

    with open_writable(may_create=True) as db:
        shop = replace(workshop(), db=db, make_vendors=make_readers)
        try:
            return adopt(shop, spec, values, look)
        except NotPossible as error:
            raise Exit(f"{error}.", USAGE) from None


def _print(name: str, found: Sequence[Found], findings: Sequence[Mapping[str, str]], adopted: Adopted | None) -> None:
    from rich.text import Text

    from cli.render import make_console, print_findings, print_hanging
    from engine.removal import shown_kind

    console = make_console()
    for each in found:
        ids = "" if each.external_id == each.name else f" ({each.external_id})"
        word = f"  declared by {each.declared_by}: nothing public shows it" if each.declared_by else ""
        line = Text.assemble(f"{shown_kind(each.kind)} {each.name}{ids}", (word, "dim"))
        print_hanging(console, Text.assemble("  ", ("= there  ", "green"), " "), line)
    print_findings(console, findings, indent=2, word="differs")
    if adopted is None:
        console.print(Text("Nothing was taken over.", "dim"))
    else:
        rest = "" if adopted.findings is not None else "a vendor did not answer, so the rest is looked at by a worker; "
        console.print(Text.assemble((name, "bold"), f"  {adopted.status}  taken over; {rest}see onboard show {name}"))
