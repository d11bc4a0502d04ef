"""``watch``: onboardings live, until each is settled or waits for a person."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

import click

from cli.exits import FAILED, NEEDS_PERSON
from cli.params import ANY_NAMES, timeout_option
from models.states import OnboardingState, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, RenderableType

    from engine.queries import Summary
    from engine.reading import Source

LOOK_SECONDS = 0.3
PAUSE = Event().wait
# So many are named when the time is over.
NAMED = 10
# These may still change without a person's doing.
MOVING = frozenset({OnboardingState.RUNNING, OnboardingState.WAITING, OnboardingState.TEARING_DOWN})
ARRIVED = frozenset({OnboardingState.ACTIVE, OnboardingState.REMOVED})


@click.command("watch")
@ANY_NAMES
@timeout_option()
def watch_command(names: tuple[str, ...], timeout: float | None) -> int:
    """Follow onboardings live until each is active or removed, has failed or ended, or waits for a person.

    Without names: all that are under way. Where the output is no terminal, one line is printed per change.

    \b
    Exit codes: 0 all are active or removed, 1 one has failed or ended or the time is over, 3 one waits for a person.
    Examples:   onboard watch
                onboard watch acme-rcs bistro-sms --timeout 600
    """
    from cli.render import make_console
    from cli.state import open_readable, unknown_name
    from engine.queries import find_onboardings, names_under_way

    with open_readable() as source:
        with source.snapshot() as fetch:
            known = {one.name for one in find_onboardings(fetch, names)}
            wanted = list(dict.fromkeys(names)) or names_under_way(fetch)
            if names and len(known) < len(wanted):
                raise unknown_name(fetch, [name for name in wanted if name not in known])
        if not wanted:
            click.echo("Nothing is under way. `onboard list` shows all.")
            return 0
        return follow(source, wanted, deadline_seconds=timeout, console=make_console())


def follow(
    source: Source,
    names: Sequence[str],
    *,
    deadline_seconds: float | None,
    console: Console,
    pause: Callable[[float], object] = PAUSE,
) -> int:
    """Show the way of these onboardings until all are settled or the time is over; the exit code that sums it up."""
    seen = _looks(source, names, deadline_seconds, pause)
    last = _show_live(seen, console) if console.is_terminal else _print_changes(seen, console)
    if not all(map(is_settled, last)):
        open_ones = [one.name for one in last if not is_settled(one)]
        rest = f" and {len(open_ones) - NAMED} more" if len(open_ones) > NAMED else ""
        names_shown = ", ".join(open_ones[:NAMED])
        click.echo(f"after {deadline_seconds:g} s these are not settled yet: {names_shown}{rest}", err=True)
        return FAILED
    if any(one.status not in ARRIVED and not one.needs_person for one in last):
        return FAILED
    return NEEDS_PERSON if any(one.needs_person for one in last) else 0


def is_settled(one: Summary) -> bool:
    """Whether nothing more happens without a person."""
    has_failed = one.step is not None and one.step.state is StepState.FAILED
    return one.status not in MOVING or one.needs_person or has_failed


def _looks(
    source: Source, names: Sequence[str], deadline_seconds: float | None, pause: Callable[[float], object]
) -> Iterator[list[Summary]]:
    """A look at all of them now and again; the last one is when all are settled, or the time is over."""
    from cli.state import say_if_nothing_runs
    from engine.queries import find_onboardings

    is_told = False
    end = None if deadline_seconds is None else time.monotonic() + deadline_seconds
    while True:
        with source.snapshot() as fetch:
            found = find_onboardings(fetch, names)
            is_told = is_told or (not all(map(is_settled, found)) and say_if_nothing_runs(fetch))
        yield found
        if all(map(is_settled, found)) or (end is not None and time.monotonic() >= end):
            return
        pause(LOOK_SECONDS)


def _print_changes(looks: Iterator[list[Summary]], console: Console) -> list[Summary]:
    """A line for each step and each onboarding that is otherwise than before."""
    from rich.text import Text

    from cli.words import clock
    from engine.clock import now

    known: dict[tuple[str, str], tuple[str, str | None]] = {}
    last: list[Summary] = []
    for last in looks:
        for one in last:
            news = {(one.name, step.name): (str(step.seen_state), step.reason) for step in one.steps}
            news[one.name, "onboarding"] = (str(one.status), one.reason)
            for (name, what), (state, reason) in news.items():
                is_first_and_idle = (name, what) not in known and state == StepState.PENDING
                if known.get((name, what)) != (state, reason) and not is_first_and_idle:
                    about = f"  {reason.removeprefix('skipped: ')}" if reason else ""
                    line = f"{clock(now())}  {name:<20}  {what:<12}  {state.replace('_', ' ')}{about}"
                    console.print(Text(line))
                known[name, what] = (state, reason)
    return last


def _show_live(looks: Iterator[list[Summary]], console: Console) -> list[Summary]:
    from rich.live import Live

    last: list[Summary] = []
    with Live(console=console, refresh_per_second=8, vertical_overflow="crop") as live:
        for last in looks:
            live.update(_view(last, console), refresh=True)
        # What stays on the page afterwards is whole, however long.
        live.vertical_overflow = "visible"
        live.update(_view(last, console, is_last=True))
    return last


def _view(found: Sequence[Summary], console: Console, *, is_last: bool = False) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from cli.watch_table import counts, legend, table

    # Title, head, counts and legend take four lines more.
    room = len(found) if is_last else max(console.height - 5, 3)
    moving_first = sorted(found, key=is_settled) if len(found) > room else found
    parts: list[RenderableType] = [table(moving_first[:room], console.width)]
    if len(found) > room:
        parts.append(Text(f"and {len(found) - room} more", "dim"))
    parts.append(counts(found))
    if not is_last:
        parts.append(legend(console.width))
    return Group(*parts)
