"""``onboard up``: everything this mode needs, in the foreground, until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.stack.stack import Stack

CHECK_SECONDS = 0.25


@click.command("up")
@click.option("--simulator", "has_simulator", is_flag=True, help="Also run the simulator, and talk to it only.")
@click.option("--real-vendors", is_flag=True, help="Go on with a state folder that was the simulator's.")
@click.option("--workers", type=click.IntRange(1, 32), default=1, show_default=True, help="Worker processes.")
def up_command(has_simulator: bool, real_vendors: bool, workers: int) -> None:
    """Start everything this mode needs and keep it running until Ctrl-C.

    \b
    With no settings:        SQLite and a private broker in the state folder.
    With ONBOARD_DATABASE_URL and ONBOARD_BROKER_URL: your PostgreSQL and Redis.
    With --simulator:        stand-ins for Twilio and AJO, kept in the state folder; nothing real is touched.

    A folder that --simulator or the demo has used is refused without it (exit code 5): its onboardings are pretended.
    """
    from cli.demo import WAIT_SCALE
    from cli.processes import refuse_open_flower
    from cli.stack.signals import StopRequested, StopSignals
    from cli.stack.simulated import SIMULATOR_STATE
    from cli.stack.stack import Options, Stack
    from settings import Settings

    if has_simulator and real_vendors:
        raise click.UsageError("--simulator and --real-vendors contradict each other.")
    # Not as another `up` of this folder has it, which may be ending just now.
    settings = Settings.from_environment()
    refuse_open_flower(settings.flower_host, has_password=settings.flower_basic_auth is not None)
    overrides = {"home": str(settings.home.absolute())}
    if has_simulator and "wait_scale" not in settings.model_fields_set:
        # Whoever lets a month pass there wants onboard to look again in seconds, not in hours.
        overrides["wait_scale"] = WAIT_SCALE
    options = Options(
        overrides=overrides,
        inherits_settings=True,
        workers=workers,
        restarts=True,
        simulator=["--state", str(settings.home.absolute() / SIMULATOR_STATE)] if has_simulator else None,
        has_real_consent=real_vendors,
    )
    with StopSignals() as signals:
        stack = Stack(options, say=lambda text: click.echo(text, err=True), interrupt=signals.check)
        try:
            stack.start()
            _show(stack)
            while True:
                stack.supervisor.check()
                stack.supervisor.pause(CHECK_SECONDS)
        except StopRequested:
            click.echo("Stopping …", err=True)
        finally:
            stack.stop()
    click.echo("Stopped.", err=True)


def _show(stack: Stack) -> None:
    from sqlalchemy.engine import make_url

    from cli.demo import SECRETS
    from cli.stack.programs import ROOT, is_loopback
    from cli.stack.simulated import real_vendors

    settings = stack.settings
    rows = [
        ("gateway", stack.gateway_url),
        ("Flower", stack.flower_url),
        ("database", make_url(settings.resolved_database_url).render_as_string()),
        ("broker", stack.broker_shown),
        ("workers", f"{stack.options.workers} x {settings.worker_concurrency} threads"),
        ("logs", str(stack.supervisor.logs)),
    ]
    if settings.public_url is not None:
        rows.insert(1, ("public URL", settings.resolved_public_url))
    if stack.simulator_url is not None:
        rows.insert(2, ("simulator", stack.simulator_url))
        rows.append(("waits", f"{settings.wait_scale:g} of the real ones (ONBOARD_WAIT_SCALE)"))
    width = max(len(name) for name, _ in rows)
    click.echo("onboard is running. Stop it with Ctrl-C.\n")
    for name, where in rows:
        click.echo(f"  {name:<{width}}  {where}")
    click.echo("")
    if stack.simulator_url is not None:
        click.echo(
            "Twilio and AJO are simulated: nothing real is touched. The simulator's address, in a browser, shows what\n"
            "exists there; `onboard simulator advance 30d` lets time pass. To start the example specs against it:\n"
            f"  DEMO_TWILIO_AUTH_TOKEN={SECRETS['DEMO_TWILIO_AUTH_TOKEN']} "
            f"DEMO_AJO_CLIENT_SECRET={SECRETS['DEMO_AJO_CLIENT_SECRET']} \\\n"
            f"    onboard start {ROOT / 'models' / 'spec' / 'examples'}/*.yaml"
        )
    elif settings.public_url is None and is_loopback(settings.gateway_host) and real_vendors(settings):
        click.echo("Vendors cannot reach this gateway yet: set ONBOARD_PUBLIC_URL to an address that leads here.")
