"""``inbox``: what Twilio told, and how far it is on its way to AJO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.exits import NOT_FOUND, USAGE, Exit
from cli.params import OPTIONAL_NAME, echo_json, json_option
from models.states import ForwardState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.reading import Record

IDS = click.argument("ids", nargs=-1, type=int, metavar="ID...")


@click.group("inbox", context_settings={"help_option_names": ["-h", "--help"]})
def inbox_command() -> None:
    """Look at events on their way from Twilio to AJO; send parked ones again.

    \b
    Examples:  onboard inbox list --state parked
               onboard inbox replay --parked acme-rcs
    """


@inbox_command.command("list")
@OPTIONAL_NAME
@click.option("--state", "states", multiple=True, type=click.Choice(list(map(str, ForwardState))), help="Only these.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="The newest; 0 for all.")
@json_option()
def list_events(name: str | None, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List events, newest first, of one onboarding or of all."""
    events = _find(name=name, states=states, limit=limit)
    if as_json:
        echo_json(events)
    elif not events:
        click.echo("No event is like that.")
    else:
        _print(events)


@inbox_command.command("show")
@click.argument("event_id", type=int, metavar="ID")
@json_option()
def show_event(event_id: int, as_json: bool) -> None:
    """Show one event as Twilio sent it, and what became of it."""
    event = _one(event_id)
    if as_json:
        echo_json(event)
        return
    for label in ("id", "onboarding", "kind", "message_sid", "received_at", "forward_state", "forward_tries"):
        click.echo(f"{label.replace('_', ' '):<16} {event[label]}")
    for label in ("forward_due_at", "forwarded_at", "forward_error"):
        if event[label]:
            click.echo(f"{label.replace('_', ' '):<16} {event[label]}")
    click.echo("as it came")
    for field, value in sorted(event["payload"].items()):
        click.echo(f"  {field:<22} {value}")


@inbox_command.command("replay")
@IDS
@click.option("--parked", metavar="NAME", help="All parked events of this onboarding.")
def replay_events(ids: tuple[int, ...], parked: str | None) -> None:
    """Send events to AJO again. AJO cannot tell a second copy from a new event."""
    from cli.state import open_writable
    from engine import inbox
    from engine.clock import now
    from tasks.inbox import send_forwards

    if bool(ids) == bool(parked):
        raise click.UsageError("name the events by their IDs, or an onboarding with --parked NAME.")
    if parked:
        ids = tuple(event["id"] for event in _find(name=parked, states=[ForwardState.PARKED.value], limit=0))
        if not ids:
            click.echo(f"{parked}: no event is parked.")
            return
    for event_id in ids:
        _one(event_id)
    with open_writable() as db, db.begin() as connection:
        # Oldest first: the order in which they happened.
        woken = inbox.replay(connection, sorted(ids), at=now())
    send_forwards(woken)
    click.echo(f"{len(ids)} event{'' if len(ids) == 1 else 's'} on the way to AJO again.")


@inbox_command.command("park")
@click.argument("event_id", type=int, metavar="ID")
@click.option("--reason", default="a person parked it", show_default=True, help="For whoever looks next.")
def park_event(event_id: int, reason: str) -> None:
    """Keep one event from AJO, so that those behind it can go on."""
    from cli.state import open_writable
    from engine import inbox
    from engine.clock import now

    event = _one(event_id)
    with open_writable() as db, db.begin() as connection:
        is_parked = inbox.park(connection, event_id, reason=reason, at=now())
    if not is_parked:
        raise Exit(f"event {event_id} is {event['forward_state']}, not on its way", USAGE)
    click.echo(f"{event['onboarding']}: event {event_id} is parked; to send it: onboard inbox replay {event_id}")


def _find(*, name: str | None, states: Sequence[str], limit: int) -> list[Record]:
    from cli.state import reading, unknown_name
    from engine.queries import find_onboardings, stored_events

    with reading() as fetch:
        if name is not None and not find_onboardings(fetch, [name]):
            raise unknown_name(fetch, [name])
        return stored_events(fetch, name=name, states=states, limit=limit)


def _one(event_id: int) -> dict[str, Any]:
    from cli.state import reading
    from engine.queries import stored_events

    with reading() as fetch:
        found = stored_events(fetch, ids=[event_id])
    if not found:
        raise Exit(f"there is no event {event_id}; `onboard inbox list` shows them", NOT_FOUND)
    return dict(found[0])


def _print(events: Sequence[Record]) -> None:
    from rich.text import Text

    from cli import render, words

    styles = {"parked": render.PERSON, "pending": "yellow", "forwarded": "green", "not_needed": "dim"}
    columns = (
        render.Column("id"),
        render.Column("onboarding", rank=1),
        render.Column("received", rank=2),
        render.Column("event"),
        render.Column("message", rank=0),
        render.Column("state"),
        render.Column("tries", rank=3),
        render.Column("what AJO said"),
    )
    rows = []
    for event in events:
        payload, state = event["payload"], str(event["forward_state"])
        what = payload.get("MessageStatus", "") if event["kind"] == "status" else "inbound"
        error = event["forward_error"] if state != "forwarded" else ""
        received = words.clock(event["received_at"])
        shown = Text(state.replace("_", " "), styles.get(state, ""))
        rows.append(
            (
                *(str(event["id"]), event["onboarding"], received, what, event["message_sid"]),
                *(shown, str(event["forward_tries"]), error or ""),
            )
        )
    render.print_columns(render.make_console(), columns, rows, wraps=False)
