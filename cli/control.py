"""``retry``, ``cancel``, ``pause`` and ``resume``: what a person may ask of one onboarding, or of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.batch import choose, echo_total, many_options
from cli.exits import FAILED, NOT_FOUND, USAGE
from cli.params import by_option, echo_json
from engine.selection import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from engine.wake import WakeUp

    Command = Callable[[Connection, str], Sequence[WakeUp] | None]

# How each result is counted, and the exit code it asks for; the first of these that occurs decides.
CODES = {"unknown": NOT_FOUND, "failed": FAILED, "not possible": USAGE}


def command_each(names: Sequence[str], work: Command, done: str, *, as_json: bool = False) -> int:
    """Run one command of ``engine.commands`` for each name, in a transaction of its own, and wake what came of it.

    One that is not possible does not keep the others from it. The exit code tells the worst.
    """
    from cli.state import open_writable
    from cli.waking import wake

    if not names:
        return 0
    wakeups: list[WakeUp] = []
    results: list[str] = []
    with open_writable() as db:
        try:
            for name in dict.fromkeys(names):
                result, message = "done", done.format(name=name)
                try:
                    with db.begin() as connection:
                        made_due = work(connection, name) or []
                    wakeups += made_due
                except Exception as error:
                    result, message = failure_of(error, name)
                results.append(result)
                _print_result(name, result, message, as_json=as_json)
        finally:
            # What was committed is woken, whatever ended the rest.
            wake(wakeups)
    if not as_json:
        echo_total(sorted(results, key=["done", *CODES].index))
    return next((code for word, code in CODES.items() if word in results), 0)


def failure_of(error: Exception, name: str) -> tuple[str, str]:
    """What kept this one onboarding from it; every other failure is everybody's and is raised again."""
    from sqlalchemy.exc import OperationalError

    from cli.state import reading, unknown_name
    from engine.commands import NotPossible, UnknownOnboarding

    if isinstance(error, UnknownOnboarding):
        with reading() as fetch:
            return "unknown", unknown_name(fetch, [name]).message
    if isinstance(error, NotPossible):
        return "not possible", str(error)
    if isinstance(error, OperationalError):
        return "failed", f"{name}: the database did not answer ({str(error).splitlines()[0]})"
    raise error


def _print_result(name: str, result: str, message: str, *, as_json: bool) -> None:
    if as_json:
        echo_json({"name": name, "result": result, "message": message}, on_one_line=True)
        return
    from rich.text import Text

    from cli.render import make_console, print_hanging

    is_done = result == "done"
    margin = Text(f"{name}: " if is_done else "Error: ")
    print_hanging(make_console(stderr=not is_done), margin, Text(message))


def timing() -> dict[str, Any]:
    """When it is asked, and how long a wake-up may be under way."""
    from engine.clock import now
    from settings import get_settings

    return {"at": now(), "grace_seconds": get_settings().wake_grace_seconds}


@click.command("retry")
@many_options
@click.option("--from", "from_step", type=click.Choice(STEPS), help="Run this step and all behind it again.")
@by_option()
def retry_command(
    names: tuple[str, ...],
    *,
    as_json: bool,
    from_step: str | None,
    by: str,
    where: Sequence[tuple[str, str]],
    **how: Any,
) -> int:
    """Try again now, from the first step that is not done.

    For onboardings that failed, wait or were cancelled; a degraded one goes through all steps and mends what it can, one
    that is being taken down tries that again.
    With --from also what is done runs again: each step looks first and adopts what is there. --all and --where leave
    cancelled ones out, unless --where status=cancelled asks for them.

    \b
    Exit codes: 0 done, 2 not possible now (the sentence says why), 4 no such onboarding.
    Examples:   onboard retry acme-rcs
                onboard retry acme-rcs --from channel
                onboard retry --where status=failed --where sandbox=prod
    """
    from engine import commands
    from models.states import OnboardingState
    from tasks.steps import CATALOGUE

    can = set(commands.CAN_RETRY if from_step is None else commands.CAN_RETRY_FROM)
    if ("status", "cancelled") not in where:
        can -= {OnboardingState.CANCELLED}
    return command_each(
        choose(names, where=where, can=can, verb="retry", **how),
        lambda connection, name: commands.retry(connection, CATALOGUE, name, from_step=from_step, actor=by, **timing()),
        "is tried again. Follow with: onboard watch {name}",
        as_json=as_json,
    )


@click.command("cancel")
@many_options
@by_option()
def cancel_command(names: tuple[str, ...], *, yes: bool, as_json: bool, by: str, **how: Any) -> int:
    """End onboardings, also active ones. What exists at the vendors stays; `onboard retry` takes them up again.

    \b
    Exit codes: 0 done, 2 ended already, 4 no such onboarding.
    Examples:   onboard cancel acme-rcs --yes
                onboard cancel --where brand="Acme Coffee"
    """
    from engine import commands
    from engine.clock import now
    from settings import is_interactive

    if names and not yes and is_interactive():
        click.confirm(f"End {', '.join(names)}?", abort=True, err=True)
    return command_each(
        choose(names, can=commands.CAN_CANCEL, verb="cancel", yes=yes, **how),
        lambda connection, name: commands.cancel(connection, name, actor=by, at=now()),
        "cancelled; what exists at the vendors stays",
        as_json=as_json,
    )


@click.command("pause")
@many_options
@by_option()
def pause_command(names: tuple[str, ...], *, as_json: bool, by: str, **how: Any) -> int:
    """Hold onboardings after the step that is running: nothing is polled, retried or checked until `onboard resume`.

    \b
    Exit codes: 0 done, 2 not possible now (the sentence says why), 4 no such onboarding.
    Examples:   onboard pause acme-rcs
                onboard pause --all --yes
    """
    from engine import commands
    from engine.clock import now

    return command_each(
        choose(names, can=commands.CAN_PAUSE, verb="pause", **how),
        lambda connection, name: commands.pause(connection, name, actor=by, at=now()),
        "paused. To go on: onboard resume {name}",
        as_json=as_json,
    )


@click.command("resume")
@many_options
@by_option()
def resume_command(names: tuple[str, ...], *, as_json: bool, by: str, **how: Any) -> int:
    """Let paused onboardings go on where they were.

    \b
    Exit codes: 0 done, 2 it is not paused, 4 no such onboarding.
    Examples:   onboard resume acme-rcs
                onboard resume --where name="acme-*"
    """
    from engine import commands

    return command_each(
        choose(names, can=commands.CAN_RESUME, verb="resume", **how),
        lambda connection, name: commands.resume(connection, name, actor=by, **timing()),
        "goes on where it was",
        as_json=as_json,
    )
