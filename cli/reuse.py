"""Before files are planned or started: what in them belongs to a channel that was started already."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cli.exits import USAGE, Exit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.reuse import Other, Taken
    from models.spec.load import LoadedSpec


def check_reuse(loaded: Iterable[LoadedSpec]) -> None:
    """Refuse what can belong to one channel only, and say which sender would serve two sandboxes: that one works, but what
    comes back cannot be told apart.

    :raises click.exceptions.Exit: a file takes something from another channel; the faults are printed.
    """
    from engine.reuse import Other, find_reuse, find_taken, senders_of
    from models.spec.onboarding import spec_to_json

    files = {one.spec.name: one for one in loaded}
    specs = {name: spec_to_json(one.spec) for name, one in files.items()}
    started = _started(list(files.values()))
    services = {other.name: other.service for other in started}
    wanted = [
        Other(name, spec["ajo"]["organization_id"], spec["ajo"]["sandbox"], spec, services.get(name))
        for name, spec in specs.items()
    ]
    _refuse(files, list(find_taken(wanted, started)))
    others = [other for other in started if other.name not in files] + wanted
    for one in wanted:
        elsewhere = [
            other for other in others if other.organization == one.organization and other.sandbox != one.sandbox
        ]
        for reuse in find_reuse(elsewhere, sorted(senders_of(one.spec))):
            click.echo(f"Warning: {one.name}: {reuse}", err=True)


def _started(files: Sequence[LoadedSpec]) -> list[Other]:
    """Those that could have the same: of the files' organisations and accounts."""
    from cli.state import reading
    from engine.queries import specs_around
    from engine.reuse import Other

    organizations = sorted({one.spec.ajo.organization_id for one in files})
    accounts = sorted({one.spec.twilio.account_sid for one in files})
    # Nothing was started yet, or starting will say what is wrong with the database.
    with contextlib.suppress(Exit), reading() as fetch:
        return [Other(**row) for row in specs_around(fetch, organizations, accounts)]
    return []


def _refuse(files: dict[str, LoadedSpec], found: Sequence[tuple[Other, Taken]]) -> None:
    if not found:
        return
    from cli.faults import print_faults, print_summary

    faults = []
    for one, taken in found:
        file, owner = files[one.name], files.get(taken.owner.name)
        fault = file.document.fault(taken.claim.loc, taken.problem, taken.cure)
        if owner is not None:
            problem = f"{taken.claim.words} is in {owner.file} too, and {taken.claim.why}"
            fault = replace(fault, problem=problem, cure=taken.claim.cure)
        faults.append(fault)
    print_faults(faults, to_stderr=True)
    print_summary(faults, len(files) - len({fault.file for fault in faults}), to_stderr=True)
    raise click.exceptions.Exit(USAGE)
