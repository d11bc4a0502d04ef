"""``checklist``: what has to be true before the launch, and a person's word on it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from cli.control import command_each, timing
from cli.exits import USAGE, Exit
from cli.operator_input import LONGEST_REASON, Words, read_exhibit, vault_if_any
from cli.params import NAME, echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from engine.evidence import Exhibit
    from engine.reading import Record

SIGNS = {"met": ("✔", "green"), "unmet": ("✘", "bold red"), "open": ("○", "yellow")}
BY = click.option(
    "--by", metavar="WHO", type=Words(), default=getpass.getuser, help="Who says so. [default: your login]"
)


def complete_items(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Keys of a person's items of the onboarding named before."""
    try:
        rows = _read(ctx.params["name"])
    except Exception:
        return []
    return [row["key"] for row in rows if row["checked_by"] == "person" and row["key"].startswith(incomplete)]


class NameOrCommand(click.Group):
    """``checklist NAME`` is short for ``checklist show NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group(
    "checklist",
    cls=NameOrCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="NAME | COMMAND NAME [ARGS]...",
)
def checklist_command() -> None:
    """Show the checklist of an onboarding; confirm what only a person can settle.

    \b
    Examples:  onboard checklist acme
               onboard checklist done acme de.brand_letter --evidence letter.pdf
               onboard checklist unmet acme mx.spanish --reason "in English"
    """


@checklist_command.command("show")
@NAME
@click.option("--full", is_flag=True, help="Reasons and sources also of what is met.")
@json_option()
def show_checklist(name: str, full: bool, as_json: bool) -> None:
    """Show every item, with reason and source.

    Each has its state, who settles it, until when, and what counts as evidence. What holds something up comes first,
    what is met last. `onboard checklist NAME` is the same.
    """
    from engine.checklist_view import is_blocking, is_settled, with_reasons

    rows = with_reasons(_read(name))
    if as_json:
        echo_json(rows)
        return
    if not rows:
        click.echo(f"{name} has no checklist yet: its registration has not begun.")
        return
    from cli.render import make_console
    from engine.checklist_view import milestone
    from engine.clock import now

    console, moment = make_console(), now()
    _print_head(console, name, rows)
    for row in sorted(rows, key=lambda one: (is_settled(one), not is_blocking(one))):
        _print_item(
            console, row | {"stage": milestone(row["stage"], rows)}, moment, is_full=full or not is_settled(row)
        )


@checklist_command.command("done")
@NAME
@click.argument("item", shell_complete=complete_items)
@BY
@click.option(
    "--evidence", "proofs", multiple=True, metavar="FILE_OR_TEXT", help="What proves it: a file, or a sentence."
)
@click.option("--note", type=Words(LONGEST_REASON), metavar="TEXT", help="Anything else that should be kept.")
def done_item(name: str, item: str, by: str, proofs: tuple[str, ...], note: str | None) -> int:
    """Confirm an item.

    A registration that waits for it goes on. Evidence is kept, at most 5 MB a file, and goes into the evidence pack.

    \b
    Exit codes: 0 done, 2 no such item or not a person's to settle, 4 no such onboarding.
    """
    return _settle(name, item, is_met=True, by=by, exhibits=[read_exhibit(proof) for proof in proofs], note=note)


@checklist_command.command("unmet")
@NAME
@click.argument("item", shell_complete=complete_items)
@BY
@click.option("--reason", required=True, type=Words(LONGEST_REASON), metavar="TEXT", help="What is missing.")
def unmet_item(name: str, item: str, by: str, reason: str) -> int:
    """Say that an item is not met.

    Also if it was confirmed before; what needs it waits until `done`.

    \b
    Exit codes: 0 done, 2 no such item or not a person's to settle, 4 no such onboarding.
    """
    return _settle(name, item, is_met=False, by=by, exhibits=[], note=reason)


def _settle(name: str, key: str, *, is_met: bool, by: str, exhibits: list[Exhibit], note: str | None) -> int:
    from engine import checklist
    from engine.evidence import NotAcceptable

    vault = vault_if_any()
    said = f"{key} is {'met' if is_met else 'not met'}, says {by}".replace("{", "{{").replace("}", "}}")
    try:
        return command_each(
            [name],
            lambda connection, each: checklist.settle(
                connection, each, key, is_met=is_met, by=by, exhibits=exhibits, note=note, vault=vault, **timing()
            ),
            said,
        )
    except checklist.UnknownKey:
        keys = [row["key"] for row in _read(name) if row["checked_by"] == "person"]
        raise Exit(f"{name} has no item {key!r}; a person settles: {', '.join(keys) or 'none yet'}.", USAGE) from None
    except checklist.NotAPersons as error:
        msg = f"{key} is settled by the {error}, not by anybody's word; see `onboard checklist {name}`."
        raise Exit(msg, USAGE) from None
    except NotAcceptable as error:
        raise Exit(str(error), USAGE) from None


def _read(name: str) -> list[Record]:
    from cli.state import reading, unknown_name
    from engine.checklist_view import read_checklist
    from engine.queries import find_onboardings

    with reading() as fetch:
        found = find_onboardings(fetch, [name])
        if not found:
            raise unknown_name(fetch, [name])
        return read_checklist(fetch, found[0].id)


def _print_head(console: Console, name: str, rows: Sequence[Record]) -> None:
    from rich.text import Text

    from cli.render import print_wrapped
    from engine.checklist_view import is_blocking, is_settled, milestone

    needed = {
        stage: sum(row["stage"] == stage for row in filter(is_blocking, rows)) for stage in ("submission", "launch")
    }
    still = "".join(
        f", {count} still needed for the {milestone(stage, rows)}" for stage, count in needed.items() if count
    )
    counts = f"{sum(map(is_settled, rows))} of {len(rows)} met{still}"
    print_wrapped(console, Text.assemble((name, "bold"), f"  {counts}"))


def _print_item(console: Console, row: Record, now: datetime, *, is_full: bool) -> None:
    from rich.text import Text

    from cli.render import print_hanging

    sign, style = SIGNS[row["state"]]
    print_hanging(console, Text.assemble((f"{sign} ", style), (f"{row['key']}  ", "bold")), Text(row["title"]))
    lines = [("", _standing(row, now))]
    if is_full:
        lines += [("Why       ", row["why"]), ("Checked   ", row["check"]), ("Evidence  ", row["wanted"])]
        lines += [("Source    ", f"{row['source']} ({row['tag']}, {row['read_on']})")] if row["source"] else []
    for label, text in lines:
        if text:
            print_hanging(console, Text(f"    {label}", "dim"), Text(text))


def _standing(row: Record, now: datetime) -> str:
    """Who settles it or did, what for, and until when."""
    from cli import words

    if row["state"] == "met":
        by = row["confirmed_by"] or row["settled_by"] or row["checked_by"]
        who = [] if by == "spec" else [f"by {by}"]
        return "; ".join([*who, *map(_shown, row["evidence"]), *filter(None, [row["detail"]])])
    who = [f"says {row['confirmed_by']}"] if row["confirmed_by"] else [row["checked_by"]]
    needed = "advice" if row["stage"] == "advice" else f"needed for the {row['stage']}"
    due = [words.due(row["due_at"], now)] if row["due_at"] else []
    return ", ".join([*who, needed, *due]) + (f": {row['detail']}" if row["detail"] else "")


def _shown(proof: Record) -> str:
    return f"{proof['name']} ({proof['size']:,} bytes, sha256 {proof['sha256'][:12]}…)"
