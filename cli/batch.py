"""Which onboardings a command that takes many is meant for: those named, or all that match, shown before it begins."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from cli.asking import require_somebody
from cli.exits import FAILED, Exit
from cli.params import ANY_NAMES, Condition, json_option

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from engine.reading import Fetch
    from models.states import OnboardingState

NAMES_SHOWN = 20
# Plans; of more there is one line each.
MOST_SHOWN_WHOLE = 3


def where_option(what: str) -> Callable[[Any], Any]:
    return click.option(
        "--where",
        multiple=True,
        type=Condition(),
        metavar="FIELD=VALUE",
        help=f"{what}: status, channel, sandbox, brand, name (with * and ?), waiting, step. "
        "Repeated: another value of the same field widens, another field narrows.",
    )


def where_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--all`` and ``--where``."""
    for decorate in (  # the last comes first in --help
        where_option("Those that match instead of names"),
        click.option("--all", "is_all", is_flag=True, help="All instead of names."),
    ):
        command = decorate(command)
    return command


def many_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Names, or ``--all`` and ``--where``; ``--yes`` and ``--json``."""
    for decorate in (
        json_option("Print one JSON object a line for each onboarding: name, result, message."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        where_options,
        ANY_NAMES,
    ):
        command = decorate(command)
    return command


def echo_total(results: Iterable[str]) -> None:
    """The last line of a report on several: ``500 onboardings: 498 done, 2 failed``; of one there is nothing to sum up."""
    counts = Counter(results)
    if counts.total() > 1:
        click.echo(f"{counts.total()} onboardings: " + ", ".join(f"{count} {word}" for word, count in counts.items()))


def choose(
    names: Sequence[str],
    *,
    is_all: bool,
    where: Sequence[tuple[str, str]],
    can: Collection[OnboardingState],
    verb: str,
    yes: bool,
    must_fit: bool = False,
) -> list[str]:
    """The names to go through. What is chosen by ``--all`` or ``--where`` is shown, and asked for unless ``yes``.

    :param can: statuses in which the command makes sense; others that match are left out, and said.
    :param must_fit: conditions that fit nothing are an error: a monitor with a misspelt one would be green for ever.
    :raises Exit: nobody can be asked and ``yes`` is missing.
    """
    if names and (is_all or where):
        raise click.UsageError("give names, or --all or --where, not both.")
    if names:
        return list(dict.fromkeys(names))
    if not (is_all or where):
        raise click.UsageError("name the onboardings, or choose them by --where FIELD=VALUE or --all.")
    from cli.render import make_console, print_wrapped
    from cli.state import reading
    from engine.clock import now
    from engine.queries import select_names
    from engine.selection import EVERYTHING

    console = make_console(stderr=True)
    with reading() as fetch:
        found = select_names(fetch, EVERYTHING.narrowed(where), at=now())
        if where and not found:
            misfit = f"Nothing to {verb}: {nothing_like(fetch, where)}"
            if must_fit:
                raise Exit(misfit, FAILED)
            print_wrapped(console, misfit)
            return []
    chosen = [name for name, status in found if status in can]
    print_wrapped(console, _preview(chosen, Counter(status for _, status in found if status not in can), verb))
    if chosen and not yes:
        require_somebody()
        click.confirm(
            f"{verb.capitalize()} {'it' if len(chosen) == 1 else f'these {len(chosen)}'}?", abort=True, err=True
        )
    return chosen


def nothing_like(fetch: Fetch, where: Sequence[tuple[str, str]]) -> str:
    """The sentence for conditions that fit no onboarding, with the values that there are."""
    from engine.clock import now
    from engine.queries import values_that_exist

    said = []
    for field in dict.fromkeys(field for field, _ in where):
        values = values_that_exist(fetch, field, at=now())
        more = f" and {len(values) - NAMES_SHOWN} more" if len(values) > NAMES_SHOWN else ""
        said.append(f"{field}={', '.join(values[:NAMES_SHOWN]) or 'none'}{more}")
    return f"no onboarding is like that. Values that occur: {'; '.join(said)}."


def _preview(chosen: Sequence[str], left_out: Counter[OnboardingState], verb: str) -> str:
    rest = ", ".join(f"{count} {status.value.replace('_', ' ')}" for status, count in sorted(left_out.items()))
    if not chosen:
        return f"Nothing to {verb}" + (f"; left out: {rest}." if rest else ": there are no onboardings.")
    more = f" and {len(chosen) - NAMES_SHOWN} more" if len(chosen) > NAMES_SHOWN else ""
    what = "1 onboarding" if len(chosen) == 1 else f"{len(chosen)} onboardings"
    text = f"To {verb}: {what} ({', '.join(chosen[:NAMES_SHOWN])}{more})."
    return text + (f" Left out: {rest}." if rest else "")
