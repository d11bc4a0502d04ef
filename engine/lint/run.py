"""Rules over one spec: what they found, and which could not look."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from engine.lint.case import Case
from engine.lint.rule import CATALOGUE, Severity
from engine.lint.rules import FILES as _FILES  # noqa: F401  importing them fills the catalogue
from models.spec.faults import SpecFault, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.lint.facts import Facts
    from engine.lint.rule import Rule, Source
    from models.spec.load import LoadedSpec

BROKEN_SPEC = "spec"
"""Stands for a rule's id where the spec itself is refused, and no rule was asked."""


class UnknownRule(Exception):
    """The message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    severity: Severity
    fault: SpecFault
    """Place, sentence and cure."""
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class NotRun:
    """A rule that could not look at some addresses."""

    file: str
    rule: str
    paths: tuple[str, ...]
    reason: str
    """``offline``, or ``local file``: how an address answers cannot be told from a file."""


@dataclass(frozen=True, slots=True)
class Report:
    findings: list[Finding]
    """In the order of the files and lines."""
    not_run: list[NotRun]

    def count(self) -> Counter[Severity]:
        return Counter(finding.severity for finding in self.findings)


def choose(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[Rule]:
    """The rules whose ids match; ``*`` stands for anything.

    :raises UnknownRule: an id or pattern matches no rule.
    """
    for pattern in (*select, *ignore):
        if not any(fnmatchcase(rule, pattern) for rule in CATALOGUE):
            meant = difflib.get_close_matches(pattern, CATALOGUE, n=1)
            hint = (
                f"did you mean {meant[0]}?" if meant else "docs/lint.md lists them; url-* stands for all that begin so"
            )
            msg = f"there is no rule {pattern!r}: {hint}"
            raise UnknownRule(msg)
    return [
        rule for rule in CATALOGUE.values() if (not select or _matches(rule, select)) and not _matches(rule, ignore)
    ]


def lint(loaded: LoadedSpec, facts: Facts, rules: Iterable[Rule]) -> Report:
    """Ask every rule about one sound spec."""
    case = Case(loaded.spec, facts)
    findings: list[Finding] = []
    not_run: list[NotRun] = []
    for rule in rules:
        for hit in rule.look(case):
            fault = loaded.document.fault(hit.loc, hit.problem, rule.cure)
            findings.append(Finding(rule.id, rule.severity, fault, rule.sources))
        unseen = rule.unseen(case)
        for reason, is_local in (("offline", False), ("local file", True)):
            paths = tuple(path_of(address.loc) for address in unseen if (address.url in facts.files) is is_local)
            if paths:
                not_run.append(NotRun(loaded.file, rule.id, paths, reason))
    findings.sort(key=lambda finding: (finding.fault.line, finding.fault.column))
    return Report(findings, not_run)


def joined(broken: Iterable[SpecFault], reports: Iterable[Report]) -> Report:
    """One report of many files, those that could not be read as specs first."""
    reports = list(reports)
    findings = [Finding(BROKEN_SPEC, Severity.ERROR, fault) for fault in broken]
    return Report(
        findings + [finding for report in reports for finding in report.findings],
        [entry for report in reports for entry in report.not_run],
    )


def _matches(rule: Rule, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(rule.id, pattern) for pattern in patterns)
