"""``plan``: what would be done, and what is as declared already. Reads both vendors, changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.batch import MOST_SHOWN_WHOLE, choose, echo_total, where_options
from cli.exits import FAILED, TwoIsNews
from cli.params import complete_names, echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.context import Workshop
    from engine.plan import Plan, PlanContext

CHANGES = 2


@click.command("plan", cls=TwoIsNews)
@click.argument("targets", nargs=-1, metavar="[FILE|NAME]...", shell_complete=complete_names)
@where_options
@json_option("Print the plans as one JSON list.")
def plan_command(targets: tuple[str, ...], *, is_all: bool, where: Sequence[tuple[str, str]], as_json: bool) -> int:
    """Show what would be done: each object in order of work, field by field, old and new.

    A FILE may be new, or the changed spec of what was started; a NAME is checked against its stored spec. Both vendors
    are read with clients that refuse every change. Of more than three there is one line each.

    \b
    Exit codes (as `terraform plan -detailed-exitcode`, not those of other commands):
                0 nothing to do, 2 something to do or to run to its end,
                1 an error: also a wrong command line, file or name, a --where
                that fits nothing, and a vendor or database that does not answer.
    Examples:   onboard plan acme-rcs.yaml
                onboard plan --where sandbox=prod --json
    """
    from cli.looking import looking, plan_or_problem
    from models.states import OVER, OnboardingState

    plans: list[tuple[str, Plan | str]] = []
    # To look needs no question.
    chosen = choose(
        targets, is_all=is_all, where=where, can=set(OnboardingState) - OVER, verb="plan", yes=True, must_fit=True
    )
    with looking() as shop:
        for ctx in _contexts(shop, chosen):
            found = plan_or_problem(ctx)
            plans.append((ctx.name, found))
            if not as_json:
                _print(ctx.name, found, is_first=len(plans) == 1, is_whole=len(chosen) <= MOST_SHOWN_WHOLE)
    if as_json:
        echo_json([_json(name, found) for name, found in plans])
    else:
        echo_total(map(_word, plans))
    if any(isinstance(found, str) for _, found in plans):
        return FAILED
    return 0 if all(not isinstance(found, str) and found.is_nothing for _, found in plans) else CHANGES


def _contexts(shop: Workshop, targets: Sequence[str]) -> Iterator[PlanContext]:
    """All files are checked before the first vendor is asked."""
    from cli.looking import context_of
    from cli.reuse import check_reuse
    from cli.spec import load_or_exit

    files = [Path(target) for target in targets if is_file(target)]
    names = [target for target in targets if not is_file(target)]
    loaded = load_or_exit(files, with_secrets=True) if files else []
    if loaded:
        check_reuse(file for file, _ in loaded)
    for one, secrets in loaded:
        values = {name: secret.get_secret_value() for name, secret in secrets.items()}
        yield context_of(shop, one.spec.name, one.spec, values)
    for name in dict.fromkeys(names):
        yield context_of(shop, name)


def is_file(target: str) -> bool:
    """A name has neither a dot nor a slash."""
    return "." in target or "/" in target


def _word(plan: tuple[str, Plan | str]) -> str:
    found = plan[1]
    if isinstance(found, str):
        return "cannot be planned"
    return "with nothing to do" if found.is_nothing else "to be changed"


def _print(name: str, found: Plan | str, *, is_first: bool, is_whole: bool) -> None:
    from cli.plan_text import print_line, print_plan

    if is_whole and not is_first:
        click.echo()
    if isinstance(found, str):
        click.echo(f"Error: {name} cannot be planned: {found}", err=True)
    elif is_whole:
        print_plan(found)
    else:
        print_line(found)


def _json(name: str, found: Plan | str) -> dict[str, Any]:
    from engine.plan import as_json

    return {"name": name, "error": found} if isinstance(found, str) else as_json(found)
