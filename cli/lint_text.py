"""How the linter's report looks in a terminal: as a compiler's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cli.faults import print_excerpt
from cli.render import make_console, print_hanging
from engine.lint.rule import Severity

if TYPE_CHECKING:
    from rich.console import Console

    from engine.lint.run import Finding, Report

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold blue"}
REASONS = {
    "offline": "Not run, for lack of the network: ",
    "local file": "Not run where a local file stood in for the address: ",
}


def print_report(report: Report, sound: int) -> None:
    """:param sound: files that were read as specs."""
    console = make_console()
    for finding in report.findings:
        _print_finding(console, finding)
        console.print()
    print_closing(report, sound)


def print_closing(report: Report, sound: int) -> None:
    """What did not run, and the count."""
    console = make_console()
    for reason, words in REASONS.items():
        rules = list(dict.fromkeys(entry.rule for entry in report.not_run if entry.reason == reason))
        if rules:
            print_hanging(console, Text(), Text.assemble((words, "bold"), ", ".join(rules)))
    _print_summary(console, report, sound)


def _print_finding(console: Console, finding: Finding) -> None:
    fault = finding.fault
    place = f"{fault.file}:{fault.line}:{fault.column}" if fault.line else fault.file
    subject = (f"{fault.path}: ", "cyan") if fault.path else ""
    kind = (f"{finding.severity.value}[{finding.rule}]  ", STYLES[finding.severity])
    console.print(Text.assemble((f"{place}  ", "bold"), kind, subject, fault.problem))
    print_excerpt(console, fault)
    margin = " " * (len(str(fault.line)) + 3)
    for source in finding.sources:
        console.print(Text.assemble(margin, ("source: ", "dim"), (str(source), "dim")))


def _print_summary(console: Console, report: Report, sound: int) -> None:
    count = report.count()
    worst = next((severity for severity in Severity if count[severity]), None)
    parts = [
        f"{count[severity]} {severity.value}{'s' * (count[severity] != 1)}" for severity in Severity if count[severity]
    ]
    files = len({finding.fault.file for finding in report.findings})
    checked = f"{sound} file{'s' * (sound != 1)} checked"
    where = f" in {files} file{'s' * (files != 1)}; {checked}" if parts else ""
    console.print(Text((", ".join(parts) + where) or f"{checked}, nothing found", STYLES[worst] if worst else "green"))
