"""``verify``: check what is active again now."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import click

from cli.batch import choose, many_options
from cli.control import command_each, timing
from cli.exits import FAILED, NEEDS_PERSON, Exit
from cli.params import by_option, timeout_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.queries import Summary
    from engine.reading import Record, Source

LOOK_SECONDS = 0.3
PAUSE = Event().wait


@click.command("verify")
@many_options
@click.option("--send", is_flag=True, help="Send a test message too; the vendor charges for it as for any.")
@click.option("--wait", is_flag=True, help="Wait for the result of one and show the findings.")
@timeout_option()
@by_option()
def verify_command(
    names: tuple[str, ...], *, send: bool, wait: bool, timeout: float | None, as_json: bool, by: str, **how: Any
) -> int:
    """Check active or degraded onboardings again now: reads everything, changes nothing.

    \b
    Exit codes: 0 asked for, or with --wait passed; 1 something differs or the time is over;
                2 not possible now; 3 waits for a person; 4 no such onboarding.
    Examples:   onboard verify acme-rcs --send --wait
                onboard verify --where status=degraded --yes
    """
    from engine import commands

    if wait and (len(set(names)) != 1 or as_json):
        raise click.UsageError("--wait is for one NAME, without --json.")
    code = command_each(
        choose(names, can=commands.CAN_VERIFY, verb="verify", **how),
        lambda connection, name: commands.verify(connection, name, sends_message=send, actor=by, **timing()),
        "is being checked" + ("" if wait else ". The result: onboard show {name}"),
        as_json=as_json,
    )
    if code != 0 or not wait:
        return code
    from cli.state import open_readable

    with open_readable() as source:
        return await_verification(source, names[0], deadline_seconds=timeout)


def await_verification(
    source: Source, name: str, *, deadline_seconds: float | None, pause: Callable[[float], object] = PAUSE
) -> int:
    """Wait for the newest run of the checks and print what it found; the exit code."""
    import time

    from engine.queries import find_onboardings, last_verification

    end = None if deadline_seconds is None else time.monotonic() + deadline_seconds
    while True:
        with source.snapshot() as fetch:
            one = find_onboardings(fetch, [name])[0]
            run = last_verification(fetch, one.id)
        if run is not None and run["state"] in {"passed", "failed"}:
            return _report(one, run)
        if one.needs_person:
            click.echo(f"{name}: waits for a person: {one.reason}")
            return NEEDS_PERSON
        if one.step is not None and one.step.state in {"failed", "cancelled"}:
            raise Exit(f"{name}: the checks ended without a result: {one.reason}")
        if end is not None and time.monotonic() >= end:
            raise Exit(f"{name}: no result after {deadline_seconds:g} s; see `onboard show {name}`")
        pause(LOOK_SECONDS)


def _report(one: Summary, run: Record) -> int:
    from cli.render import make_console, print_findings

    print_findings(make_console(), run["findings"], indent=2)
    click.echo(f"{one.name}: the checks have {run['state']}")
    return 0 if run["state"] == "passed" else FAILED
