"""``list`` and ``events``; ``start`` and ``show`` have files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.batch import nothing_like, where_option
from cli.params import NAME, Moment, echo_json, json_option
from engine.selection import STEPS
from models.states import ENDED, OnboardingState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engine.queries import Page
    from engine.reading import Record, Source

FOLLOW_SECONDS = 0.5


@click.command("list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(list(map(str, OnboardingState))),
    help="Only these; may be repeated, like all filters.",
)
@click.option("--channel", "channels", multiple=True, type=click.Choice(["rcs", "sms", "mms"]), help="Only these.")
@click.option("--sandbox", "sandboxes", multiple=True, metavar="NAME", help="Only these AJO sandboxes.")
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="Only these brands.")
@click.option("--name", "names", multiple=True, metavar="GLOB", help="Only names like this; * and ? stand for others.")
@click.option("--step", "steps", multiple=True, type=click.Choice(STEPS), help="Only those that are at this step.")
@click.option("--waiting", multiple=True, type=click.Choice(["person", "vendor"]), help="Only those that wait for one.")
@click.option("--overdue", "is_overdue", is_flag=True, help="Only those whose wait should have ended by now.")
@where_option("Only those that match, as the commands on many have it")
@click.option("--after", metavar="NAME", help="Begin behind this name.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0 for all.")
@json_option()
def list_command(
    *, as_json: bool, after: str | None, limit: int, where: Sequence[tuple[str, str]], **filters: Any
) -> None:
    """List onboardings by name: status, step, since when, and what each waits for.

    \b
    Examples:  onboard list
               onboard list --waiting person
               onboard list --waiting vendor --overdue --name "acme-*"
               onboard list --status failed --status degraded --limit 0 --json
    """
    from cli.state import reading, say_if_nothing_runs
    from engine.clock import now
    from engine.queries import list_onboardings
    from engine.selection import Selection

    with reading() as fetch:
        page = list_onboardings(fetch, Selection(**filters).narrowed(where), at=now(), after=after, limit=limit)
        misfit = nothing_like(fetch, where) if where and not page.onboardings else "no onboarding is like that."
        if page.counts.keys() - ENDED:
            say_if_nothing_runs(fetch)
    if as_json:
        echo_json(page)
    elif not page.onboardings:
        click.echo(
            misfit[0].upper() + misfit[1:]
            if page.counts
            else "There are no onboardings yet. Begin with: onboard init rcs"
        )
    else:
        _print_page(page)


def _print_page(page: Page) -> None:
    from rich.text import Text

    from cli import render, words
    from engine.clock import now

    console, moment = render.make_console(), now()
    columns = (
        render.Column("name"),
        render.Column("channel", rank=1),
        render.Column("brand", rank=3),
        render.Column("sandbox", rank=2),
        render.Column("status"),
        render.Column("step", rank=0),
        render.Column("for"),
        render.Column("what about"),
    )
    rows = []
    for one in page.onboardings:
        what = Text(words.matter(one, moment), render.PERSON if one.needs_person else "")
        since = words.span(moment - one.since)
        rows.append(
            (Text(one.name, "bold"), one.channel, one.brand, one.sandbox, render.status(one), one.progress, since, what)
        )
    render.print_columns(console, columns, rows, wraps=False)
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in page.counts.items())
    shown = len(page.onboardings)
    part = (
        f"{shown} of {page.matching} shown. "
        if page.after
        else f"{shown} shown. "
        if shown < sum(page.counts.values())
        else ""
    )
    console.print(Text(f"\n{part}In all: {counts}.", "dim"))
    if page.after:
        console.print(Text(f"Next page: the same command with --after {page.after}", "dim"))


@click.command("events")
@NAME
@click.option("--step", type=click.Choice(STEPS), help="Only what happened to this step.")
@click.option("--since", type=Moment(), help="Only what happened since: 30min, 2h, 7d ago, or a time in ISO 8601.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="The newest so many; 0 for all."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now, until Ctrl-C.")
@json_option("Print JSON, one object a line.")
def events_command(
    name: str, *, step: str | None, since: datetime | None, limit: int, follow: bool, as_json: bool
) -> None:
    """Show what happened to one onboarding, oldest first.

    \b
    Examples:  onboard events acme-rcs --follow
               onboard events acme-rcs --step registration --since 2d
    """
    from cli.state import open_readable, unknown_name
    from engine.queries import find_onboardings, read_events

    with open_readable() as source:
        with source.snapshot() as fetch:
            found = find_onboardings(fetch, [name])
            if not found:
                raise unknown_name(fetch, [name])
            events = read_events(fetch, found[0].id, step=step, since=since, limit=limit)
            newest = read_events(fetch, found[0].id, limit=1)
        _print_events(events, as_json=as_json)
        if follow:
            _follow_events(source, found[0].id, step, newest[-1]["id"] if newest else 0, as_json=as_json)


def _follow_events(source: Source, onboarding_id: int, step: str | None, behind: int, *, as_json: bool) -> None:
    from threading import Event

    from engine.queries import read_events

    clock = Event()
    while not clock.wait(FOLLOW_SECONDS):
        with source.snapshot() as fetch:
            events = read_events(fetch, onboarding_id, step=step, behind=behind)
        _print_events(events, as_json=as_json)
        behind = events[-1]["id"] if events else behind


def _print_events(events: Sequence[Record], *, as_json: bool) -> None:
    if as_json:
        for event in events:
            echo_json(event, on_one_line=True)
        return
    from cli.show import print_events

    print_events(events)
