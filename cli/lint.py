"""``lint``: what reviewers at Twilio, Google and carriers would object to. Reads files and the web; changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.exits import FAILED, USAGE, WARNINGS, Exit
from cli.params import json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.lint.facts import Facts
    from engine.lint.rule import Rule
    from engine.lint.run import Finding, Report
    from models.spec.load import LoadedSpec


@click.command("lint")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Stay off the network; says which rules did not run.")
@click.option(
    "--assets",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Take pictures and video from DIR where a file there is called as the address ends.",
)
@click.option("--select", multiple=True, metavar="RULE", help="Only this rule; * stands for anything. Repeatable.")
@click.option("--ignore", multiple=True, metavar="RULE", help="All but this rule; * stands for anything. Repeatable.")
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="warning",
    help="The least that is no success; default warning.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", help="Default text.")
@json_option("The same as --format json.")
def lint_command(  # noqa: PLR0917  click passes them by name
    files: tuple[Path, ...],
    offline: bool,
    assets: Path | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str,
    form: str,
    as_json: bool,
) -> int:
    """Check spec FILES before submission: pictures, pages, names, texts, countries.

    \b
    docs/lint.md lists every rule with its reason and its source.
    Exit codes: 0 nothing, or notes only; 6 warnings; 1 errors; 2 a file is no sound spec.
    Example:    onboard lint acme.yaml --assets brand/ --fail-on error
    """
    from engine.lint.run import UnknownRule, choose, joined, lint
    from models.spec.faults import SpecErrors
    from models.spec.load import load_specs

    try:
        rules = choose(select, ignore)
    except UnknownRule as error:
        raise Exit(str(error), USAGE) from None
    broken = []
    try:
        sound = load_specs(files)
    except SpecErrors as errors:
        sound, broken = errors.sound, errors.faults
    facts = _facts(sound, rules, assets=assets, offline=offline)
    report = joined(broken, [lint(loaded, facts, rules) for loaded in sound])
    if as_json or form == "json":
        click.echo(json.dumps(_json(report, sound), indent=2, ensure_ascii=False))
    else:
        from cli.lint_text import print_closing, print_report

        if form == "github":
            click.echo("".join(f"{_annotation(finding)}\n" for finding in report.findings), nl=False)
            print_closing(report, len(sound))
        else:
            print_report(report, len(sound))
    return USAGE if broken else _exit_code(report, fail_on)


def _facts(sound: Sequence[LoadedSpec], rules: Sequence[Rule], *, assets: Path | None, offline: bool) -> Facts:
    """Each address of all files is fetched once, and none when no chosen rule asks for it."""
    from cli.render import make_console
    from engine.lint.case import addresses
    from engine.lint.facts import Facts, gather

    wanted = [address for loaded in sound for address in addresses(loaded.spec)]
    if not wanted or all(rule.needs == "nothing" for rule in rules):
        return Facts()
    fetch_all = None
    if not offline:
        from providers.web.fetch import Web

        fetch_all = Web().fetch_all
    try:
        with make_console(stderr=True).status("Fetching what the files name"):
            return gather(wanted, folder=assets, fetch_all=fetch_all)
    except OSError as error:
        raise Exit(f"{error.filename} cannot be read: {(error.strerror or 'unknown').lower()}", FAILED) from None


def _exit_code(report: Report, fail_on: str) -> int:
    from engine.lint.rule import Severity

    count = report.count()
    if count[Severity.ERROR]:
        return FAILED
    return WARNINGS if count[Severity.WARNING] and fail_on == "warning" else 0


def _json(report: Report, sound: Sequence[LoadedSpec]) -> dict[str, Any]:
    from engine.lint.rule import Severity

    count = report.count()
    return {
        "ok": not count[Severity.ERROR] and not count[Severity.WARNING],
        "counts": {severity.value: count[severity] for severity in Severity},
        "specs": [{"file": one.file, "name": one.spec.name, "channel": one.spec.channel} for one in sound],
        "findings": [_finding(finding) for finding in report.findings],
        "not_run": [
            {"file": entry.file, "rule": entry.rule, "paths": list(entry.paths), "reason": entry.reason}
            for entry in report.not_run
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    fault = finding.fault
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "path": fault.path,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "problem": fault.problem,
        "cure": fault.cure,
        "sources": [{"tag": one.tag.value, "text": one.text, "date": one.date} for one in finding.sources],
    }


def _annotation(finding: Finding) -> str:
    """A workflow command of GitHub Actions; there a note is a notice."""
    from engine.lint.rule import Severity

    fault = finding.fault
    kind = "notice" if finding.severity is Severity.NOTE else finding.severity.value
    place = f"file={_property(fault.file)},line={max(fault.line, 1)},col={max(fault.column, 1)}"
    sources = f" Source: {'; '.join(map(str, finding.sources))}." if finding.sources else ""
    subject = f"{fault.path}: " if fault.path else ""
    text = f"{subject}{fault.problem}. Cure: {fault.cure}.{sources}"
    return f"::{kind} {place},title={_property(finding.rule)}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
