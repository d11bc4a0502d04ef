"""``limits``: what each account of Twilio and Adobe takes of us at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.params import echo_json, json_option

if TYPE_CHECKING:
    from datetime import datetime

    from engine.limits_view import AccountState


@click.group("limits", invoke_without_command=True)
@json_option()
@click.pass_context
def limits_command(ctx: click.Context, as_json: bool) -> None:
    """Show how much is under way at each Twilio account and Adobe organisation, and which pause is on.

    The ceilings are ONBOARD_TWILIO_CEILING and ONBOARD_ADOBE_CEILING. A pause is learned from answers: 429, with the
    Retry-After that it came with, or no answer for several calls in a row. Steps that find no room are held back, fail
    nothing and go on by themselves.

    \b
    Examples:   onboard limits
                onboard limits --json
                onboard limits reset Twilio AC0123456789abcdef0123456789abcdef
    """
    if ctx.invoked_subcommand is not None:
        return
    from cli.state import reading
    from engine.clock import now
    from engine.limits_view import read_limits

    at = now()
    with reading() as fetch:
        accounts = read_limits(fetch, at)
    if as_json:
        echo_json(accounts)
    elif accounts:
        _print(accounts, at)
    else:
        click.echo("No step has come to a vendor yet.")


def _print(accounts: list[AccountState], at: datetime) -> None:
    from rich.text import Text

    from cli import render
    from engine.limits import account_shown

    console = render.make_console()
    columns = [render.Column(title) for title in ("vendor", "account", "under way", "held back")]
    rows = [(one.vendor, one.account, f"{one.in_flight} of {one.room}", str(one.held_back)) for one in accounts]
    render.print_columns(console, columns, rows, wraps=False)
    for one in accounts:
        if about := _about(one, at):
            console.print()
            render.print_wrapped(
                console, Text.assemble((account_shown(one.vendor, one.account), "yellow"), f" {about}.")
            )


def _about(one: AccountState, at: datetime) -> str:
    """What is odd about it, to be read behind its name; empty when nothing is."""
    from cli.words import span, until
    from engine.limits import GROWS_EVERY, LATELY, clock

    said = []
    if one.cooldown_until is not None and one.cooldown_until > at:
        times = f", the pause number {one.strikes} in a row" if one.strikes > 1 else ""
        said.append(
            f"{one.reason}; asked again at {clock(one.cooldown_until)} ({until(one.cooldown_until, at)}){times}"
        )
    elif one.strikes:
        said.append("has had a pause and is tried again")
    if one.room < one.ceiling and not one.is_unwell:
        said.append(f"has shown that it takes fewer than {one.ceiling}; one more is tried every {span(GROWS_EVERY)}")
    if one.held_since is not None:
        said.append(f"has kept the oldest step waiting for {span(at - one.held_since)}")
    if one.held_lately_from is not None and at - one.held_lately_from < LATELY:
        times = "once" if one.held_lately == 1 else f"{one.held_lately} times"
        said.append(f"has held steps back {times} since {clock(one.held_lately_from)}")
    return "; ".join(said)


@limits_command.command("reset", short_help="End a pause before its time.")
@click.argument("vendor", type=click.Choice(["Twilio", "Adobe"], case_sensitive=False))
@click.argument("account")
def reset_command(vendor: str, account: str) -> None:
    """End a pause before its time: the vendor said that all is well again, or it was learned from a broken answer.

    What was held back goes on with the next tick. If the account is still unwell, the pause comes again.

    \b
    Exit codes: 0, or 4 when no step has come to this account yet.
    """
    from cli.exits import NOT_FOUND, Exit
    from cli.state import open_writable
    from engine.limit_book import reset

    with open_writable() as engine, engine.begin() as connection:
        if not reset(connection, (vendor, account)):
            msg = f"no step has come to {vendor} {account} yet; `onboard limits` lists the accounts"
            raise Exit(msg, NOT_FOUND)
    click.echo(f"{vendor} {account} is asked again.")
