"""``start`` and ``update``: from spec files to onboardings that run, and that are as their files say."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.asking import require_somebody
from cli.batch import MOST_SHOWN_WHOLE, echo_total
from cli.exits import FAILED, USAGE, Exit
from cli.params import echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from engine.plan import Plan
    from engine.wake import WakeUp
    from models.spec.load import LoadedSpec

    Loaded = Sequence[tuple[LoadedSpec, Mapping[str, SecretStr]]]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one file. ``result`` is a key of ``REPORTS``; ``message`` says what kept it from being done."""

    name: str
    result: str
    message: str = ""
    file: str = ""
    differences: list[str] = field(default_factory=list)
    reruns: list[str] = field(default_factory=list)


FILES = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("start")
@FILES
@click.option("--update", "is_update", is_flag=True, help="Apply a changed spec; only the steps it touches run again.")
@YES
@json_option("Print one JSON object a line for each onboarding: name, result, message, differences.")
def start_command(files: tuple[Path, ...], is_update: bool, yes: bool, as_json: bool) -> int:
    """Start the onboardings declared in spec files, as many as you like at once.

    All files are checked, and their secrets read, before anything is changed. On a terminal the plan is shown first, and
    you are asked; elsewhere it begins at once (`onboard plan FILE` shows what would be done). Starting the same spec
    again does nothing; a changed one is shown, and `onboard update FILE` applies it.

    \b
    Exit codes: 0 all done, 1 one failed, 2 a file is wrong, or differs from
                what was started, or cannot be applied.
    Examples:   onboard start acme-rcs.yaml bistro-sms.yaml
                onboard start --update acme-rcs.yaml
    """
    from cli.reuse import check_reuse
    from cli.spec import load_or_exit
    from settings import is_interactive

    loaded = load_or_exit(files, with_secrets=True)
    check_reuse(file for file, _ in loaded)
    mends: dict[str, list[str]] = {}
    if not (yes or as_json) and is_interactive():
        # What was started already is left alone, unless it is to be updated.
        plans = {
            name: found
            for name, found in _look(loaded).items()
            if is_update or isinstance(found, str) or not found.is_started
        }
        _ask(plans, verb="start")
        mends = _mends(plans)
    return _tell(_start_all(loaded, is_update=is_update, mends=mends), as_json=as_json)


@click.command("update")
@FILES
@YES
@json_option("Print one JSON object a line for each onboarding: name, result, message, differences.")
def update_command(files: tuple[Path, ...], yes: bool, as_json: bool) -> int:
    """Bring started onboardings to their spec files: what changed in the file, and what drifted at the vendors.

    Both vendors are read first. Only the steps whose objects are touched run again, through the same chain, and then the
    proof. What a vendor does not change in place is said before, with what it costs.

    \b
    Exit codes: 0 applied, or nothing to do; 1 a vendor cannot be read;
                2 a file is wrong or cannot be applied, or nobody can be asked
                and --yes is missing.
    Example:    onboard update acme-rcs.yaml
    """
    from cli.reuse import check_reuse
    from cli.spec import load_or_exit

    if not yes:
        require_somebody(as_json=as_json)
    loaded = load_or_exit(files, with_secrets=True)
    check_reuse(file for file, _ in loaded)
    plans = _look(loaded, must_be_started=True)
    blind = {name: found for name, found in plans.items() if isinstance(found, str)}
    if blind:
        raise Exit(
            "\n".join(f"{name} cannot be planned, and nothing was changed: {found}" for name, found in blind.items())
        )
    if not as_json:
        _ask(plans, verb="update", asks=not yes)
    return _tell(_start_all(loaded, is_update=True, mends=_mends(plans)), as_json=as_json)


def _mends(plans: Mapping[str, Plan | str]) -> dict[str, list[str]]:
    """The steps that mend what drifted, by the onboarding's name."""
    return {name: plan.mends for name, plan in plans.items() if not isinstance(plan, str)}


def _tell(reports: Sequence[Report], *, as_json: bool) -> int:
    if as_json:
        for report in reports:
            echo_json(asdict(report), on_one_line=True)
    else:
        _print_reports(reports)
    results = {report.result for report in reports}
    if "failed" in results:
        return FAILED
    return USAGE if results & {"differs", "not possible"} else 0


def _look(loaded: Loaded, *, must_be_started: bool = False) -> dict[str, Plan | str]:
    """The plan of each file, or why one cannot look; none of what is being taken down, where only secrets can change.

    :raises Exit: one was never started.
    """
    from cli.looking import context_of, looking, plan_or_problem

    with looking() as shop:
        contexts = []
        for file, secrets in loaded:
            values = {name: secret.get_secret_value() for name, secret in secrets.items()}
            contexts.append(context_of(shop, file.spec.name, file.spec, values))
        strange = [ctx.name for ctx in contexts if ctx.row is None]
        if strange and must_be_started:
            raise Exit(f"{', '.join(strange)}: not started yet; `onboard start FILE` does that.", USAGE)
        return {ctx.name: plan_or_problem(ctx) for ctx in contexts if not ctx.is_being_removed}


def _ask(plans: Mapping[str, Plan | str], *, verb: str, asks: bool = True) -> None:
    """Show what would be done, and ask unless that sets nothing going.

    :raises Abort: the answer is no.
    """
    from rich.text import Text

    from cli.plan_text import print_line, print_plan
    from cli.render import make_console, print_hanging, print_wrapped

    console = make_console()
    for name, found in plans.items():
        if isinstance(found, str):
            print_hanging(console, Text(f"{name}  ", "bold"), Text(f"cannot be planned: {found}"))
            print_wrapped(console, "Its steps will look for themselves.")
        elif len(plans) <= MOST_SHOWN_WHOLE:
            print_plan(found)
        else:
            print_line(found)
    count = sum(isinstance(found, str) or found.acts for found in plans.values())
    if asks and count:
        click.confirm(f"{verb.capitalize()} {'it' if count == 1 else f'these {count}'}?", abort=True)


def _start_all(loaded: Loaded, *, is_update: bool, mends: Mapping[str, Sequence[str]]) -> list[Report]:
    """Commit one after the other, then wake what was committed, also when something breaks on the way."""
    from cli.control import failure_of
    from cli.state import open_writable
    from cli.waking import wake
    from engine.clock import now
    from engine.start import start
    from engine.vault import Vault, load_keys
    from settings import get_settings
    from tasks.steps import CATALOGUE

    settings = get_settings()
    vault = Vault(load_keys(settings))
    reports: list[Report] = []
    wakeups: list[WakeUp] = []
    with open_writable(may_create=True) as db:
        try:
            for file, secrets in loaded:
                values = {name: secret.get_secret_value() for name, secret in secrets.items()}
                try:
                    with db.begin() as connection:
                        started = start(
                            connection,
                            CATALOGUE,
                            vault,
                            file.spec,
                            values,
                            is_update=is_update,
                            at=now(),
                            grace_seconds=settings.wake_grace_seconds,
                            drifted=mends.get(file.spec.name, ()),
                        )
                except Exception as error:
                    reports.append(Report(file.spec.name, *failure_of(error, file.spec.name), str(file.path)))
                    continue
                wakeups += started.wakeups
                done = (str(file.path), started.differences, started.reruns)
                reports.append(Report(started.name, started.what, "", *done))
        finally:
            wake(wakeups)
    return reports


def _print_reports(reports: Sequence[Report]) -> None:
    from rich.text import Text

    from cli.render import make_console, print_hanging

    console = make_console()
    for report in reports:
        style, words = REPORTS[report.result]
        sentence = words.format(file=report.file, steps=", ".join(report.reruns) or "no step", problem=report.message)
        print_hanging(console, Text.assemble((report.name, "bold"), "  "), Text(sentence, style))
        for difference in report.differences:
            print_hanging(console, Text("    "), Text(difference))
    echo_total(report.result for report in reports)
    begun = [report.name for report in reports if report.result in {"created", "updated"}]
    if begun:
        console.print(Text(f"Follow with: onboard watch{f' {begun[0]}' if len(begun) == 1 else ''}", "dim"))


REPORTS = {
    "created": ("green", "started"),
    "unchanged": ("dim", "unchanged: it was started with this very spec, nothing to do"),
    "updated": ("green", "updated; runs again: {steps}"),
    "differs": (
        "yellow",
        "differs from what was started, nothing was changed. To apply it: onboard update {file}",
    ),
    "not possible": ("bold red", "not possible: {problem}"),
    "failed": ("bold red", "failed: {problem}"),
}
