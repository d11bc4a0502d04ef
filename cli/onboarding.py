"""``start``, ``list`` and ``events``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.exits import USAGE, Exit
from cli.show import show_command
from cli.state import NAME, open_database, reading, unknown

if TYPE_CHECKING:
    from engine.start import Started

__all__ = ["events_command", "list_command", "show_command", "start_command"]

FOLLOW_SECONDS = 0.5
STATUSES = [
    "draft",
    "running",
    "waiting",
    "paused",
    "active",
    "degraded",
    "failed",
    "cancelled",
    "tearing_down",
    "removed",
]


@click.command("start")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--update", is_flag=True, help="Apply a changed spec; only the steps it touches run again.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def start_command(files: tuple[Path, ...], update: bool, as_json: bool) -> int:
    """Start the onboardings declared in FILES.

    Idempotent by name: the same spec again does nothing; a changed one is shown and needs --update. All files are
    checked, and their secrets read, before anything is changed.

    \b
    Exit codes: 0 done or unchanged, 2 a file is wrong or differs and --update is missing.
    Example:    onboard start acme-rcs.yaml bistro-sms.yaml
    """
    from cli.spec import load_or_exit

    loaded = load_or_exit(files, with_secrets=True)
    from engine.clock import now
    from engine.commands import NotPossible
    from engine.start import start
    from engine.vault import Vault, load_keys
    from settings import get_settings
    from tasks.steps import CATALOGUE

    settings = get_settings()
    vault = Vault(load_keys(settings))
    engine = open_database(may_create=True)
    results: list[Started] = []
    try:
        for spec, secrets in loaded:
            values = {name: value.get_secret_value() for name, value in secrets.items()}
            with engine.begin() as connection:
                results.append(
                    start(
                        connection,
                        CATALOGUE,
                        vault,
                        spec.spec,
                        values,
                        is_update=update,
                        at=now(),
                        grace_seconds=settings.wake_grace_seconds,
                    )
                )
    except NotPossible as error:
        raise Exit(str(error), USAGE) from None
    finally:
        # What was committed is woken even when a later file fails.
        are_awake = _wake([wakeup for result in results for wakeup in result.wakeups])
    _report(results, as_json=as_json)
    if not are_awake:
        click.echo(
            "The broker does not answer, so nothing runs yet; it starts by itself once `onboard up` runs.", err=True
        )
    return USAGE if any(result.what == "differs" for result in results) else 0


def _wake(wakeups: list[Any]) -> bool:
    """Send the messages; False when the broker is away and the sweep will have to."""
    if not wakeups:
        return True
    from tasks.chain import send

    return send(wakeups) == len(wakeups)


def _report(results: list[Started], *, as_json: bool) -> None:
    if as_json:
        from cli.render import print_json

        keys = ("name", "what", "differences", "reruns")
        print_json([{key: getattr(result, key) for key in keys} for result in results])
        return
    for result in results:
        click.echo(f"{result.name}: {_SENTENCES[result.what].format(steps=', '.join(result.reruns) or 'nothing')}")
        for difference in result.differences:
            click.echo(f"    {difference}")
    if any(result.what == "created" for result in results):
        click.echo("Follow with: onboard watch")


_SENTENCES = {
    "created": "started",
    "unchanged": "unchanged, nothing to do",
    "differs": "differs from what was started; nothing was changed. To apply it: --update",
    "updated": "updated; runs again: {steps}",
}


@click.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those in this status.")
@click.option("--channel", type=click.Choice(["rcs", "sms", "mms"]), help="Only this channel.")
@click.option("--sandbox", help="Only this AJO sandbox.")
@click.option("--waiting", type=click.Choice(["person", "vendor"]), help="Only those that wait for one.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Most rows to show.")
@click.option("--after", metavar="NAME", help="The page that begins after this name.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_command(as_json: bool, **filters: Any) -> None:
    """List onboardings by name.

    \b
    Examples:  onboard list --status failed
               onboard list --waiting person --json
    """
    from engine.queries import Filters, count_by_status, list_onboardings

    with reading() as connection:
        rows = list_onboardings(connection, Filters(**filters))
        counts = count_by_status(connection)
    if as_json:
        from cli.render import print_json

        print_json({"onboardings": rows, "counts": counts})
        return
    if not rows:
        click.echo("No onboardings" + (" like that." if counts else " yet. Begin with: onboard init rcs"))
        return
    _print_list(rows)
    click.echo("  ".join(f"{count} {status}" for status, count in counts.items()))
    if len(rows) == filters["limit"] and sum(counts.values()) > len(rows):
        click.echo(f"More: onboard list --after {rows[-1]['name']}")


def _print_list(rows: list[dict[str, Any]]) -> None:
    from cli import render

    table = render.table("name", "channel", "brand", "sandbox", "status", "steps", "for", "what about")
    table.columns[7].overflow = "ellipsis"
    table.columns[7].no_wrap = True
    for number in (0, 1, 4, 5, 6):
        table.columns[number].no_wrap = True
    for row in rows:
        table.add_row(
            row["name"],
            row["channel"],
            row["brand"],
            row["sandbox"],
            render.status(row["status"]),
            render.steps_bar(row["steps"]),
            render.since(row["waiting_since"] or row["updated_at"]),
            row["reason"] or "",
        )
    render.make_console().print(table)


@click.command("events")
@NAME
@click.option("--follow", "-f", is_flag=True, help="Go on printing what happens, until Ctrl-C.")
@click.option("--step", type=click.Choice(["registration", "webhook", "credential", "channel", "verification"]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Most events to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def events_command(name: str, follow: bool, step: str | None, limit: int, as_json: bool) -> None:
    """Show what happened to one onboarding, oldest first.

    \b
    Example:  onboard events acme-rcs --follow
    """
    from engine.queries import list_events, onboarding_id

    last = 0
    while True:
        with reading() as connection:
            found = onboarding_id(connection, name)
            if found is None:
                raise unknown(connection, name)
            rows = list_events(connection, found, step=step, after=last, limit=limit)
        for row in rows:
            _print_event(row, as_json=as_json)
            last = row["id"]
        if not follow:
            return
        time.sleep(FOLLOW_SECONDS)  # noqa: TID251  a person watches; there is nothing else to wait on


def _print_event(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import json

        shown = {"at": row["at"].isoformat(), **{key: row[key] for key in ("kind", "step", "text", "details")}}
        click.echo(json.dumps(shown))
        return
    from cli.render import moment

    click.echo(f"{moment(row['at'])}  {row['kind']:<24} {row['step'] or '':<13} {row['text']}")
