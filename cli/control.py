"""``retry``, ``cancel``, ``pause``, ``resume`` and ``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.exits import USAGE, Exit
from cli.state import NAME, open_database, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine


def run_command(name: str, work: Callable[..., Any]) -> Engine:
    """Run one command of ``engine.commands`` in a transaction and wake what it made due.

    :raises Exit: the name is unknown (4), or the command makes no sense now (2).
    """
    from engine.commands import NotPossible, UnknownOnboarding
    from tasks.chain import send

    engine = open_database()
    try:
        with engine.begin() as connection:
            wakeups = work(connection)
    except UnknownOnboarding:
        with engine.begin() as connection:
            raise unknown(connection, name) from None
    except NotPossible as error:
        raise Exit(str(error), USAGE) from None
    if wakeups and send(wakeups) < len(wakeups):
        click.echo("The broker does not answer; it goes on by itself once `onboard up` runs.", err=True)
    return engine


def _timing() -> dict[str, Any]:
    from engine.clock import now
    from settings import get_settings

    return {"at": now(), "grace_seconds": get_settings().wake_grace_seconds}


@click.command("retry")
@NAME
def retry_command(name: str) -> None:
    """Try again now, from the first step that is not done.

    Takes up a failed, waiting or cancelled onboarding; lets a degraded one mend what it can.

    \b
    Example:  onboard retry acme-rcs
    """
    from engine import commands
    from tasks.steps import CATALOGUE

    run_command(name, lambda connection: commands.retry(connection, CATALOGUE, name, **_timing()))
    click.echo(f"{name}: tried again. Follow with: onboard watch {name}")


@click.command("cancel")
@NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel_command(name: str, yes: bool) -> None:
    """Stop an onboarding. What exists at the vendors stays; `onboard retry` takes it up again.

    \b
    Example:  onboard cancel acme-rcs --yes
    """
    from engine import commands
    from engine.clock import now
    from settings import is_interactive

    if not yes and is_interactive():
        click.confirm(f"Cancel {name}?", abort=True)
    run_command(name, lambda connection: commands.cancel(connection, name, at=now()))
    click.echo(f"{name}: cancelled")


@click.command("pause")
@NAME
def pause_command(name: str) -> None:
    """Hold an onboarding after the step that is running; nothing is polled or checked meanwhile.

    \b
    Example:  onboard pause acme-rcs
    """
    from engine import commands
    from engine.clock import now

    run_command(name, lambda connection: commands.pause(connection, name, at=now()))
    click.echo(f"{name}: paused. To go on: onboard resume {name}")


@click.command("resume")
@NAME
def resume_command(name: str) -> None:
    """Let a paused onboarding go on.

    \b
    Example:  onboard resume acme-rcs
    """
    from engine import commands

    run_command(name, lambda connection: commands.resume(connection, name, **_timing()))
    click.echo(f"{name}: goes on")


@click.command("verify")
@NAME
@click.option("--send", is_flag=True, help="Send a test message too; it costs what a message costs.")
@click.option("--wait", is_flag=True, help="Wait for the result.")
def verify_command(name: str, send: bool, wait: bool) -> int:
    """Check an active onboarding again now.

    \b
    Exit codes with --wait: 0 all as declared, 1 something differs.
    Example:  onboard verify acme-rcs --send --wait
    """
    from engine import commands

    engine = run_command(name, lambda connection: commands.verify(connection, name, sends_message=send, **_timing()))
    if not wait:
        click.echo(f"{name}: is being checked. See: onboard show {name}")
        return 0
    from cli.watch import follow

    return follow(engine, [name])
