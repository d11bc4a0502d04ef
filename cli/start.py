"""``start``: from spec files to onboardings that run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import USAGE
from cli.params import echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from engine.wake import WakeUp
    from models.spec.load import LoadedSpec


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one file. ``what`` is created, unchanged, differs, updated or refused."""

    file: str
    name: str
    what: str
    differences: list[str] = field(default_factory=list)
    reruns: list[str] = field(default_factory=list)
    problem: str | None = None


@click.command("start")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--update", "is_update", is_flag=True, help="Apply a changed spec; only the steps it touches run again.")
@json_option()
def start_command(files: tuple[Path, ...], is_update: bool, as_json: bool) -> int:
    """Start the onboardings declared in spec files, as many as you like at once.

    All files are checked, and their secrets read, before anything is changed. Starting the same spec again does
    nothing; a changed one is shown and needs --update.

    \b
    Exit codes: 0 all done, 2 a file is wrong, or differs from what was started, or cannot be applied.
    Examples:   onboard start acme-rcs.yaml bistro-sms.yaml
                onboard start --update acme-rcs.yaml
    """
    from cli.spec import load_or_exit

    loaded = load_or_exit(files, with_secrets=True)
    reports = _start_all(loaded, is_update=is_update)
    if as_json:
        echo_json([asdict(report) for report in reports])
    else:
        _print_reports(reports)
    return USAGE if any(report.what in {"differs", "refused"} for report in reports) else 0


def _start_all(loaded: Sequence[tuple[LoadedSpec, Mapping[str, SecretStr]]], *, is_update: bool) -> list[Report]:
    """Commit one after the other, then wake what was committed, also when something breaks on the way."""
    from cli.state import open_writable
    from cli.waking import wake
    from engine.clock import now
    from engine.commands import NotPossible
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
                        )
                except NotPossible as error:
                    reports.append(Report(str(file.path), file.spec.name, "refused", problem=str(error)))
                    continue
                wakeups += started.wakeups
                done = (started.name, started.what, started.differences, started.reruns)
                reports.append(Report(str(file.path), *done))
        finally:
            wake(wakeups)
    return reports


def _print_reports(reports: Sequence[Report]) -> None:
    from rich.text import Text

    from cli.render import make_console

    console = make_console()
    for report in reports:
        style, words = REPORTS[report.what]
        sentence = words.format(file=report.file, steps=", ".join(report.reruns) or "no step", problem=report.problem)
        console.print(Text.assemble((report.name, "bold"), "  ", (sentence, style)))
        for difference in report.differences:
            console.print(Text(f"    {difference}"))
    begun = [report.name for report in reports if report.what in {"created", "updated"}]
    if begun:
        console.print(Text(f"Follow with: onboard watch{f' {begun[0]}' if len(begun) == 1 else ''}", "dim"))


REPORTS = {
    "created": ("green", "started"),
    "unchanged": ("dim", "unchanged: it was started with this very spec, nothing to do"),
    "updated": ("green", "updated; runs again: {steps}"),
    "differs": (
        "yellow",
        "differs from what was started, nothing was changed. To apply it: onboard start --update {file}",
    ),
    "refused": ("bold red", "refused: {problem}"),
}
