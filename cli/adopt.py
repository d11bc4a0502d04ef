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
    from cli.stack.simulated import settings_for_vendors
    from engine.commands import NotPossible
    from providers.errors import OnboardingError
    from tasks.adoption import find_objects
    from tasks.vendors import make_readers

    ((loaded, secrets),) = load_or_exit([file], with_secrets=True)
    values = {name: secret.get_secret_value() for name, secret in secrets.items()}
    vendors = make_readers(settings_for_vendors(), loaded.spec, values.__getitem__)
    try:
        look = find_objects(vendors, loaded.spec, by=by)
    except OnboardingError as error:
        raise Exit(f"nothing was taken over: {error.message}", FAILED) from None
    try:
        adopted = (_rehearse if dry_run else _adopt)(loaded.spec, values, look)
    except NotPossible as error:
        raise Exit(f"{error}.", USAGE) from None
    is_whole = adopted.findings is not None
    findings = adopted.findings if adopted.findings is not None else [finding.as_json() for finding in look.missing]
    if as_json:
        status = None if dry_run else adopted.status
        echo_json({"name": loaded.spec.name, "found": look.found, "findings": findings, "status": status})
    else:
        _print(look.found, findings)
        _print_end(loaded.spec.name, None if dry_run else adopted.status, is_whole=is_whole)
    return FAILED if not is_whole or any(finding["severity"] == "error" for finding in findings) else 0


def _adopt(spec: AnySpec, values: Mapping[str, str], look: Look) -> Adopted:
    from dataclasses import replace

    from cli.state import open_writable
    from engine.adopt import adopt
    from tasks.process import workshop
    from tasks.vendors import make_readers

    with open_writable(may_create=True) as db:
        return adopt(replace(workshop(), db=db, make_vendors=make_readers), spec, values, look)


def _rehearse(spec: AnySpec, values: Mapping[str, str], look: Look) -> Adopted:
    """The same, in a database in memory that is thrown away: so that it finds the same."""
    from cli.looking import looking
    from engine.adopt import refuse_known, rehearse

    with looking() as shop:
        refuse_known(shop, spec.name)
        return rehearse(shop, spec, values, look)


def _print(found: Sequence[Found], findings: Sequence[Mapping[str, str]]) -> None:
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


def _print_end(name: str, status: str | None, *, is_whole: bool) -> None:
    """:param status: None where nothing was taken over."""
    from rich.text import Text

    from cli.render import make_console

    unanswered = "" if is_whole else "a vendor did not answer, so "
    if status is None:
        rest = f"; {unanswered}there may be more differences" if unanswered else ""
        line = Text(f"Nothing was taken over{rest}.", "dim")
    else:
        rest = f"{unanswered}the rest is looked at by a worker; " if unanswered else ""
        line = Text.assemble((name, "bold"), f"  {status}  taken over; {rest}see onboard show {name}")
    make_console().print(line)
