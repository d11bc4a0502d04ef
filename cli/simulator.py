"""``onboard simulator``: run the stand-ins, and direct the ones that run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cli.exits import FAILED, NOT_SET_UP, Exit
from simulator.__main__ import Duration, simulate
from simulator.config import Config
from simulator.durations import show_duration

if TYPE_CHECKING:
    import httpx

# An advance waits for the callbacks that it causes.
TIMEOUT_SECONDS = 60.0


def _serve_unless_told(**options: Any) -> int | None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        return int(context.invoke(simulate, **options))
    given = {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if given - {"host", "port"}:
        raise click.UsageError(
            f"{context.invoked_subcommand} speaks to a simulator that runs; start it with these options first."
        )
    if given:
        context.obj = f"http://{options['host']}:{options['port']}"
    return None


simulator_command = click.Group(
    "simulator",
    params=simulate.params,
    callback=_serve_unless_told,
    invoke_without_command=True,
    context_settings={"show_default": True},
    help=f"""{simulate.help}

    Without a command it runs here until Ctrl-C; `onboard up --simulator` runs one beside everything else. The
    commands speak to the one that runs: that of `onboard up`, else the one at --host and --port. Documentation:
    docs/simulator.md.
    """,
)

_at = click.option("--url", help="The simulator to speak to. [default: that of `onboard up`, else port 8800]")


@simulator_command.command("advance")
@click.argument("duration", type=Duration())
@_at
def advance(duration: float, url: str | None) -> None:
    """Let simulated time pass at once: 30d, 12h, 90s."""
    clock = _call("POST", "clock/advance", url, json={"duration": duration}).json()
    click.echo(f"{show_duration(duration)} later: {_count(clock['happened'], 'thing')} happened.")
    _print_clock(clock)


@simulator_command.command("status")
@_at
def status(url: str | None) -> None:
    """Show the simulated time, what exists and what is still to come."""
    ledger = _call("GET", "ledger", url).json()
    click.echo(f"{_base(url)}/ shows everything as a page.\n")
    for kind, count in ledger["counts"].items():
        click.echo(f"  {kind.replace('_', ' '):<24} {count['created']:>5} made, {count['live']:>5} there")
    click.echo(f"  {'duplicates':<24} {len(ledger['duplicates']):>5}\n")
    _print_clock(_call("GET", "clock", url).json())


@simulator_command.command("inbound")
@click.argument("sender")
@click.argument("text")
@click.option("--from", "handset", default="+14155551234", show_default=True, help="The handset that writes.")
@click.option("--button", help="Answer by a button with this payload.")
@_at
def inbound(sender: str, text: str, handset: str, button: str | None, url: str | None) -> None:
    """Let a handset write TEXT to SENDER, a number or rcs:agent."""
    body = {"from": handset, "to": sender, "body": text, "button_payload": button}
    answer = _call("POST", "inbound", url, json=body).json()
    taken = f"the webhook {answer['delivered_to']} took it" if answer["delivered_to"] else "no webhook took it"
    click.echo(f"{answer['sid']}: {taken}.")


@simulator_command.command("save")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_at
def save(file: Path, url: str | None) -> None:
    """Write the whole pretended world to FILE. Begin from it with --state FILE, or go back to it with load."""
    document = _call("GET", "snapshot", url).content
    file.touch(mode=0o600)
    file.write_bytes(document)
    click.echo(f"{file} holds the world, {len(document):,} bytes. Its secrets open nothing but a simulator.")


@simulator_command.command("load")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_at
def load(file: Path, url: str | None) -> None:
    """Go back to the world in FILE."""
    _call("PUT", "snapshot", url, content=file.read_bytes())
    click.echo(f"The world is that of {file}.")


@simulator_command.command("reset")
@_at
def reset(url: str | None) -> None:
    """Begin again with an empty world."""
    _call("POST", "reset", url)
    click.echo("The world is empty.")


def _print_clock(clock: dict[str, Any]) -> None:
    running = {0: "standing still", 1: "running as real time"}.get(clock["speed"], f"{clock['speed']:g} times as fast")
    click.echo(f"Simulated time: {clock['now'][:19].replace('T', ' ')} UTC, {running}.")
    for one in clock["next"][:5]:
        whose = " ".join(value for value in one["subject"].values() if isinstance(value, str))
        click.echo(f"  {one['at'][:19].replace('T', ' ')}  {one['what']:<24} {whose}")
    if clock["waiting"] > 5:
        click.echo(f"  and {clock['waiting'] - 5} more")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _base(url: str | None) -> str:
    from settings import get_settings, running_stack

    if url is not None:
        return url.rstrip("/")
    if isinstance(named := click.get_current_context().obj, str):
        return named
    stack = running_stack(get_settings().home) or {}
    return str(stack.get("simulator") or f"http://{Config.host}:{Config.port}")


def _call(method: str, path: str, url: str | None, **options: Any) -> httpx.Response:
    """:raises Exit: nobody answers, or the simulator says no."""
    import httpx

    base = _base(url)
    try:
        response = httpx.request(method, f"{base}/_sim/{path}", timeout=TIMEOUT_SECONDS, trust_env=False, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"no simulator answers at {base} ({type(error).__name__}). Start one: `onboard simulator` or `onboard up --simulator`."
        raise Exit(msg, NOT_SET_UP) from None
    if not response.is_success:
        is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
        said = response.json()["title"] if is_problem else f"{response.status_code}; is that a simulator?"
        raise Exit(f"the simulator at {base} says: {said}", FAILED)
    return response
