"""Why checks have failed: all of it for whoever looks closely, a few words for a line of a list. Values in, text out."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.contract import Finding

COUNTED = re.compile(r"\b(\d+ (difference|finding)s): .*", re.DOTALL)
# As engine.desired words a field that differs; stored findings have no other sign of it.
COMPARED = ", wanted "


def reason_of(errors: Sequence[Finding]) -> str:
    """Problems first, and each cure once. Several are counted first, which :func:`in_short` reads."""
    by_cure: dict[str, list[Finding]] = {}
    for finding in errors:
        by_cure.setdefault(finding.cure, []).append(finding)
    text = "; ".join(f"{_problems(found)}: {cure}" if cure else _problems(found) for cure, found in by_cure.items())
    if len(errors) < 2:
        return text
    return f"{len(errors)} {'differences' if all(finding.key for finding in errors) else 'findings'}: {text}"


def in_short(reason: str, name: str) -> str:
    """For lists: of several findings their number, and the command that shows them."""
    return COUNTED.sub(
        lambda found: f"{found[1]}: `onboard {'drift' if found[2] == 'difference' else 'show'} {name}`", reason
    )


def problem_of(subject: str, problem: str) -> str:
    """``credential Acme: name is A, wanted B``, but ``credential Acme does not exist any more``."""
    return f"{subject}{':' if COMPARED in problem or subject == 'vendor' else ''} {problem}"


def _problems(findings: Iterable[Finding]) -> str:
    """A subject stands once before all that is said of it."""
    parts = []
    for subject, group in groupby(findings, key=lambda finding: finding.subject):
        first, *more = (finding.problem for finding in group)
        parts += [problem_of(subject, first), *more]
    return "; ".join(parts)
