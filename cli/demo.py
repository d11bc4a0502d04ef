"""``onboard demo``: three onboardings from nothing to verified, all of it real but the vendors."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import FAILED, Exit
from cli.stack.signals import StopRequested, StopSignals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.stack.stack import Stack

TIMEOUT_SECONDS = 90.0
POLL_SECONDS = 0.1

# Weeks become seconds; everything else is as in production.
WAIT_SCALE = "0.003"
SETTINGS = {
    "wait_scale": WAIT_SCALE,
    "tick_seconds": "0.5",
    "sweep_seconds": "5",
    "wake_grace_seconds": "5",
    "retry_base_seconds": "0.2",
    "lease_seconds": "30",
    "http_timeout_seconds": "10",
    # 0 asks for a free port, so that demos can run side by side.
    "gateway_port": "0",
    "flower_port": "0",
}
SIMULATOR = ("--review", "3", "--message", "0.3", "--activation", "1")
# What the example specs refer to; these open nothing but the simulator.
SECRETS = {
    "DEMO_TWILIO_AUTH_TOKEN": "5105a7e0c0ffee00c0ffee00c0ffee01",
    "DEMO_AJO_CLIENT_SECRET": "p8e-simulated-client-secret-5105a7e0",
}

INTRODUCTION = """\
This demo takes three brands' channels (RCS, SMS and MMS) from nothing to verified.

  Real:       the database, the broker, the Celery worker and beat, Flower, the gateway, HTTP between all of them.
  Simulated:  Twilio and Adobe Journey Optimizer, by a local server that answers, reviews, delivers and calls back
              as they do. A carrier's review takes weeks in reality and seconds here. No message leaves this machine.
  Adobe has no public API for credentials, SMS webhooks and channel configurations. The simulator plays an
  organisation's own automation for these; without one, onboard asks a person to click and says exactly what.
"""


@click.command("demo")
@click.option("--keep", is_flag=True, help="Keep the state folder: database, logs, specs.")
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="State folder to use and keep; must be empty."
)
def demo_command(keep: bool, home: Path | None) -> None:
    """Run three onboardings against the simulator, from nothing to verified.

    Everything runs as real processes on free local ports, takes about half a minute and leaves nothing running.
    Settings of your own (ONBOARD_…) are not used.
    """
    if home is not None and home.exists() and any(home.iterdir()):
        raise click.UsageError(f"{home} is not empty; the demo needs a folder of its own.")
    folder = (home or Path(tempfile.mkdtemp(prefix="onboard-demo-"))).absolute()
    is_kept = keep or home is not None
    with StopSignals() as signals:
        try:
            has_succeeded = _run(folder, signals)
            # Logs are worth keeping when something went wrong, and only then.
            is_kept = is_kept or not has_succeeded
        except StopRequested:
            raise click.Abort from None
        except Exception:
            is_kept = True
            raise
        finally:
            if is_kept:
                click.echo(f"State folder kept: {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
    if not has_succeeded:
        raise Exit(f"not all three onboardings became active; the reasons are above, the logs in {folder / 'logs'}")


def _run(folder: Path, signals: StopSignals) -> bool:
    """Start everything, onboard, report, end everything. True if all three became active and AJO's own message went all the way."""
    from cli.stack.loop import show_loop
    from cli.stack.report import all_active, print_ledger, print_onboardings
    from cli.stack.stack import Options, Stack

    begun = time.monotonic()
    click.echo(INTRODUCTION)
    click.echo("Starting the processes …")
    options = Options(
        overrides={"home": str(folder), **SETTINGS},
        inherits_settings=False,
        workers=1,
        restarts=False,
        simulator=SIMULATOR,
    )
    stack = Stack(options, say=click.echo, interrupt=signals.check)
    deadline = begun + TIMEOUT_SECONDS
    try:
        stack.start()
        click.echo(
            f"  gateway {stack.gateway_url}   simulator {stack.simulator_url}   Flower {stack.flower_url}\n"
            f"  ready after {time.monotonic() - begun:.1f} s\n"
        )
        names = _start_onboardings(stack, folder, deadline)
        _run_onboard(stack, ["watch", *names], deadline)
        print_onboardings(stack.settings, names)
        is_active = all_active(stack.settings, names)
        is_heard = is_active and show_loop(
            stack, folder / "specs", lambda arguments: _run_onboard(stack, arguments, deadline)
        )
        is_clean = print_ledger(stack.simulator_url or "")
        click.echo(f"\nFlower showed the tasks at {stack.flower_url} (it ends with the demo; `onboard up` keeps it).")
        return is_heard and is_clean
    finally:
        stack.stop()
        click.echo(f"All processes have ended. {time.monotonic() - begun:.1f} s in all.")


def _start_onboardings(stack: Stack, folder: Path, deadline: float) -> list[str]:
    """What a user would do: write spec files and call ``onboard start``; the onboardings' names."""
    from importlib.resources import files

    from cli.stack.report import onboarding_names

    specs = folder / "specs"
    specs.mkdir()
    for example in sorted(files("models.spec").joinpath("examples").iterdir(), key=lambda entry: entry.name):
        if example.name.endswith(".yaml"):
            (specs / example.name).write_text(example.read_text())
    paths = sorted(specs.glob("*.yaml"))
    click.echo("$ onboard start " + " ".join(f"specs/{path.name}" for path in paths))
    code = _run_onboard(stack, ["start", *map(str, paths)], deadline)
    if code != 0:
        raise Exit(f"`onboard start` ended with exit code {code}; what it said is above", FAILED)
    return onboarding_names(stack.settings)


def _run_onboard(stack: Stack, arguments: Sequence[str], deadline: float) -> int:
    """Run one command of ours on the demo's state folder, on this terminal, while looking after the processes.

    :raises Exit: the time is over, or a process of the stack died.
    """
    from cli.stack.programs import python_command

    command = python_command("cli.main", *arguments)
    process = subprocess.Popen(command, env=stack.environment | SECRETS)  # noqa: S603  our own program
    try:
        while process.poll() is None:
            stack.supervisor.check()
            if time.monotonic() > deadline:
                raise Exit(_timeout_sentence(stack, arguments[0]))
            stack.supervisor.pause(POLL_SECONDS)
        return process.returncode
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait()


def _timeout_sentence(stack: Stack, command: str) -> str:
    tails = [
        f"--- {child.program.name}\n{child.log_tail(6)}" for child in stack.supervisor.children if child.log_tail(1)
    ]
    return f"the demo was not done after {TIMEOUT_SECONDS:.0f} s (in `onboard {command}`). The last log lines:\n" + (
        "\n".join(tails)
    )
