"""``matrix``: who approved where, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.params import OPTIONAL_NAME, echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.text import Text

    from engine.matrix import Cell, CountryRow, Matrix


@click.command("matrix")
@OPTIONAL_NAME
@json_option()
def matrix_command(name: str | None, as_json: bool) -> None:
    """Show country by carrier how the review of an RCS sender stands, and since when; without NAME all in short.

    A country is usable as soon as its first carrier has approved. The words are Twilio's; `?` marks one that onboard
    does not know. "Since" is when onboard saw the change.

    \b
    Exit codes: 0, or 4 when there is no onboarding of this name.
    Examples:   onboard matrix
                onboard matrix acme-rcs --json
    """
    from cli.state import reading, unknown_name
    from engine.matrix import read_matrix
    from engine.queries import find_onboardings

    with reading() as fetch:
        if name is not None and not (found := find_onboardings(fetch, [name])):
            raise unknown_name(fetch, [name])
        if name is not None and found[0].channel != "rcs" and not as_json:
            click.echo(f"{name} is {found[0].channel.upper()}: only RCS is reviewed by country and carrier.")
            return
        matrices = read_matrix(fetch, name)
    if as_json:
        echo_json(matrices)
    elif not matrices:
        click.echo("There is no RCS onboarding yet.")
    elif name is None:
        _print_all(matrices)
    else:
        from engine.clock import now

        _print_one(matrices[0], now())


def _print_all(matrices: Sequence[Matrix]) -> None:
    from rich.text import Text

    from cli import render

    rows = []
    for one in matrices:
        cells = Text("  ").join(_short(country) for country in one.countries)
        rows.append((Text(one.onboarding, "bold"), _status(one.sender), cells))
    columns = (render.Column("name"), render.Column("sender"), render.Column("carriers that approved, by country"))
    render.print_columns(render.make_console(), columns, rows, wraps=True)


def _short(row: CountryRow) -> Text:
    """``DE 1/3``: how many of its carriers approved."""
    from rich.text import Text

    from engine.matrix import APPROVED

    count = sum(cell.status in APPROVED for cell in row.carriers)
    parts = f" {count}/{len(row.carriers)}" if row.carriers else ""
    sign, style = _sign(row.status, is_known=row.is_known, is_usable=row.is_usable)
    # Kept on one line: a blank that does not break.
    return Text(f"{row.country}{parts}\N{NO-BREAK SPACE}{sign}".replace(" ", "\N{NO-BREAK SPACE}"), style)


def _print_one(matrix: Matrix, now: datetime) -> None:
    from rich.text import Text

    from cli import render, words

    console = render.make_console()
    since = f" since {words.clock(matrix.sender.since)}" if matrix.sender.since else ""
    console.print(Text.assemble((matrix.onboarding, "bold"), "  sender ", _status(matrix.sender), since))
    rows: list[tuple[str | Text, ...]] = []
    for country in matrix.countries:
        name = country.country if country.is_declared else f"{country.country} (not in the spec)"
        note = "usable" if country.is_usable else ""
        if country.typical_days is not None and not country.is_usable:
            note = f"reviews took {country.typical_days:g} d (median of {country.typical_count} here)"
        sign, style = _sign(country.status, is_known=country.is_known, is_usable=country.is_usable)
        status = Text(f"{sign} {country.status}", style)
        rows.append((Text(name, "bold"), "", status, *_times(country.since, now), note))
        rows += [("", cell.carrier or "", _status(cell), *_times(cell.since, now), "") for cell in country.carriers]
    titles = ("country", "carrier", "status", "since", "for", "")
    columns = [render.Column(title, rank=1 if title == "since" else 0) for title in titles]
    render.print_columns(console, columns, rows, wraps=True)


def _times(since: datetime | None, now: datetime) -> tuple[str, str]:
    from cli import words

    return (words.clock(since)[:16], words.span(now - since)) if since else ("", "")


def _status(cell: Cell) -> Text:
    from rich.text import Text

    sign, style = _sign(cell.status, is_known=cell.is_known)
    return Text(f"{sign} {cell.status}", style)


def _sign(status: str, *, is_known: bool, is_usable: bool = False) -> tuple[str, str]:
    from engine.matrix import APPROVED, NOT_SUBMITTED, REFUSED

    if is_usable or status in APPROVED:
        return "✔", "green"
    if not is_known:
        return "?", "bold magenta"
    if status in REFUSED:
        return "✘", "bold red"
    return ("·", "dim") if status in {NOT_SUBMITTED, "UNLAUNCHED", "UNKNOWN"} else ("◔", "yellow")
