"""``retry``, ``cancel``, ``pause``, ``resume`` and ``verify``: what a person may ask of an onboarding."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import click

from cli.exits import FAILED, NEEDS_PERSON, NOT_FOUND, USAGE, Exit
from cli.params import NAME, NAMES, timeout_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from engine.queries import Summary
    from engine.reading import Record, Source
    from engine.wake import WakeUp

    Command = Callable[[Connection, str], Sequence[WakeUp] | None]

LOOK_SECONDS = 0.3
PAUSE = Event().wait


def command_each(names: Sequence[str], work: Command, done: str) -> int:
    """Run one command of ``engine.commands`` for each name, in a transaction of its own, and wake what came of it.

    One that is not possible does not keep the others from it. The exit code tells the worst.
    """
    from cli.state import open_writable, reading, unknown_name
    from cli.waking import wake
    from engine.commands import NotPossible, UnknownOnboarding

    wakeups: list[WakeUp] = []
    unknown: list[str] = []
    code = 0
    with open_writable() as db:
        for name in dict.fromkeys(names):
            try:
                with db.begin() as connection:
                    wakeups += work(connection, name) or []
            except UnknownOnboarding:
                unknown.append(name)
            except NotPossible as error:
                click.echo(f"Error: {error}", err=True)
                code = USAGE
            else:
                click.echo(f"{name}: {done.format(name=name)}")
    wake(wakeups)
    if unknown:
        with reading() as fetch:
            click.echo(f"Error: {unknown_name(fetch, unknown).message}", err=True)
        return NOT_FOUND
    return code


def timing() -> dict[str, Any]:
    """When it is asked, and how long a wake-up may be under way."""
    from engine.clock import now
    from settings import get_settings

    return {"at": now(), "grace_seconds": get_settings().wake_grace_seconds}


@click.command("retry")
@NAMES
def retry_command(names: tuple[str, ...]) -> int:
    """Try again now, from the first step that is not done.

    For onboardings that failed, wait or were cancelled; a degraded one goes through all steps and mends what it can.

    \b
    Exit codes: 0 done, 2 not possible now (the sentence says why), 4 no such onboarding.
    Example:    onboard retry acme-rcs
    """
    from engine import commands
    from tasks.steps import CATALOGUE

    return command_each(
        names,
        lambda connection, name: commands.retry(connection, CATALOGUE, name, **timing()),
        "is tried again. Follow with: onboard watch {name}",
    )


@click.command("cancel")
@NAMES
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel_command(names: tuple[str, ...], yes: bool) -> int:
    """End onboardings, also active ones. What exists at the vendors stays; `onboard retry` takes them up again.

    \b
    Exit codes: 0 done, 2 ended already, 4 no such onboarding.
    Example:    onboard cancel acme-rcs --yes
    """
    from engine import commands
    from engine.clock import now
    from settings import is_interactive

    if not yes and is_interactive():
        click.confirm(f"End {', '.join(names)}?", abort=True)
    return command_each(
        names, lambda connection, name: commands.cancel(connection, name, at=now()), "cancelled; nothing was removed"
    )


@click.command("pause")
@NAMES
def pause_command(names: tuple[str, ...]) -> int:
    """Hold onboardings after the step that is running: nothing is polled, retried or checked until `onboard resume`.

    \b
    Exit codes: 0 done, 2 not possible now (the sentence says why), 4 no such onboarding.
    Example:    onboard pause acme-rcs
    """
    from engine import commands
    from engine.clock import now

    return command_each(
        names,
        lambda connection, name: commands.pause(connection, name, at=now()),
        "paused. To go on: onboard resume {name}",
    )


@click.command("resume")
@NAMES
def resume_command(names: tuple[str, ...]) -> int:
    """Let paused onboardings go on where they were.

    \b
    Exit codes: 0 done, 2 it is not paused, 4 no such onboarding.
    Example:    onboard resume acme-rcs
    """
    from engine import commands

    return command_each(
        names, lambda connection, name: commands.resume(connection, name, **timing()), "goes on where it was"
    )


@click.command("verify")
@NAME
@click.option("--send", is_flag=True, help="Send a test message too; the vendor charges for it as for any.")
@click.option("--wait", is_flag=True, help="Wait for the result and show the findings.")
@timeout_option()
def verify_command(name: str, send: bool, wait: bool, timeout: float | None) -> int:
    """Check an active or degraded onboarding again now: reads everything, changes nothing.

    \b
    Exit codes: 0 asked for, or with --wait passed; 1 something differs or the time is over;
                2 not possible now; 3 waits for a person; 4 no such onboarding.
    Example:    onboard verify acme-rcs --send --wait
    """
    from engine import commands

    code = command_each(
        [name],
        lambda connection, each: commands.verify(connection, each, sends_message=send, **timing()),
        "is being checked" + ("" if wait else ". The result: onboard show {name}"),
    )
    if code != 0 or not wait:
        return code
    from cli.state import open_readable

    with open_readable() as source:
        return await_verification(source, name, deadline_seconds=timeout)


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
    for finding in run["findings"]:
        cure = f" -> {finding['cure']}" if finding["cure"] else ""
        click.echo(f"  {finding['severity']}: {finding['subject']} {finding['problem']}{cure}")
    click.echo(f"{one.name}: the checks have {run['state']}")
    return 0 if run["state"] == "passed" else FAILED
