"""``show``: one onboarding in full."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cli.params import NAME, echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console
    from rich.text import Text

    from engine.queries import Detail, Step
    from engine.reading import Record

VERIFICATIONS_SHOWN = 3
MESSAGES_SHOWN = 6
# Narrower pages leave out the kinds of events: their texts say nearly the same.
WIDE = 120
STYLES = {
    "met": "green",
    "unmet": "bold red",
    "passed": "green",
    "failed": "bold red",
    "delivered": "green",
    "read": "green",
    "undelivered": "bold red",
    "canceled": "bold red",
}


@click.command("show")
@NAME
@json_option("Print JSON, with all attempts, messages and verifications.")
def show_command(name: str, as_json: bool) -> None:
    """Show one onboarding: how it stands and why, its steps, resources, checklist, messages and findings.

    \b
    Exit codes: 0, or 4 when there is no onboarding of this name.
    Examples:   onboard show acme-rcs
                onboard show acme-rcs --json
    """
    from cli.state import reading, say_if_nothing_runs, unknown_name
    from engine.queries import read_onboarding
    from models.states import ENDED

    with reading() as fetch:
        detail = read_onboarding(fetch, name)
        if detail is None:
            raise unknown_name(fetch, [name])
        if detail.summary.status not in ENDED:
            say_if_nothing_runs(fetch)
    if as_json:
        echo_json(detail)
        return
    from cli.render import make_console
    from engine.clock import now

    print_detail(make_console(), detail, now())


def print_detail(console: Console, detail: Detail, now: datetime) -> None:
    _print_head(console, detail, now)
    _print_steps(console, detail, now)
    _print_tasks(console, detail.tasks)
    if not detail.summary.is_removal:
        _print_checklist(console, detail.checklist, detail.summary.name)
    _print_resources(console, detail.resources, now)
    _print_verifications(console, detail, now)
    _print_messages(console, detail.messages, now)
    _print_round_trip(console, detail)
    if detail.events:
        _title(console, f"Last events (all: onboard events {detail.summary.name})")
        print_events(detail.events, console, indent=2)


def _title(console: Console, words: str) -> None:
    from rich.text import Text

    console.print(Text.assemble("\n", (words, "bold")))


def _print_head(console: Console, detail: Detail, now: datetime) -> None:
    from rich.text import Text

    from cli import render, words

    one = detail.summary
    head = Text.assemble((one.name, "bold"), "  ", render.status(one), f"  {one.channel.upper()} for {one.brand}")
    console.print(head)
    render.print_wrapped(console, _first_sentence(detail, now), indent=2)
    facts = (
        f"AJO sandbox {one.sandbox} of {one.organization_id}, mark {detail.mark}, started {words.clock(one.created_at)}"
    )
    render.print_wrapped(console, Text(facts, "dim"), indent=2)


def _first_sentence(detail: Detail, now: datetime) -> str:
    """All of them: ``onboard explain``."""
    from cli import words
    from engine.explain import explain
    from engine.reasons import in_short

    every = detail.spec["verification"]["every"]
    first = explain(detail.summary, tasks=detail.tasks, checklist=detail.checklist, every=every, now=now)[0]
    # The findings themselves stand under "Verifications".
    return words.sentence(replace(first, what=in_short(first.what, detail.summary.name)), now)


def _print_steps(console: Console, detail: Detail, now: datetime) -> None:
    from rich.text import Text

    from cli import render
    from engine.reasons import in_short

    _title(console, "Steps")
    sentence = _first_sentence(detail, now)
    rows = []
    for step in detail.summary.steps:
        reason = in_short((step.reason or "").removeprefix("skipped: "), detail.summary.name)
        # The sentence above has the reason of the step that is on.
        if step is detail.summary.step and reason in sentence:
            reason = ""
        took = _took(step, detail, now)
        tries = str(step.attempts or "")
        rows.append(
            (
                step.name,
                render.step_state(step.seen_state, is_removal=step.is_removal),
                tries,
                took,
                Text(reason, "dim"),
            )
        )
    columns = [render.Column(title) for title in ("step", "state", "tries", "time", "what about")]
    render.print_columns(console, columns, rows, indent=2, wraps=True)


def _took(step: Step, detail: Detail, now: datetime) -> str:
    """How long it took with all its tries and waits, or has been on."""
    from cli import words
    from engine.queries import began_at

    began = began_at(step, detail.attempts)
    return words.span((step.finished_at or now) - began) if began else ""


def _print_tasks(console: Console, tasks: Sequence[Record]) -> None:
    from cli.render import PERSON, print_wrapped

    if not tasks:
        return
    from rich.text import Text

    name = tasks[0]["onboarding"]
    _title(console, "To do by a person")
    for task in tasks:
        print_wrapped(console, Text.assemble(("! ", PERSON), task["title"], (f"  ({task['key']})", "dim")), indent=2)
    print_wrapped(console, Text(f"Where, and what to enter: onboard task show {name} ITEM", "dim"), indent=2)


def _print_checklist(console: Console, items: Sequence[Record], name: str) -> None:
    """What is not settled and holds something up; the rest is a number."""
    from rich.text import Text

    from cli.render import Column, print_columns, print_wrapped
    from engine.checklist_view import is_blocking, is_settled, milestone

    if not items:
        return
    _title(console, "Checklist")
    rows = [
        (
            item["key"],
            _styled(item["state"]),
            item["checked_by"],
            milestone(item["stage"], items),
            item["detail"] or item["title"],
        )
        for item in items
        if is_blocking(item) or item["state"] == "unmet"
    ]
    if rows:
        columns = [Column("item"), Column("state"), Column("by"), Column("for", rank=1), Column("detail")]
        print_columns(console, columns, rows, indent=2, wraps=True)
    met = sum(map(is_settled, items))
    print_wrapped(
        console, Text(f"{met} of {len(items)} met. All, with reasons: onboard checklist {name}", "dim"), indent=2
    )


def _print_resources(console: Console, resources: Sequence[Record], now: datetime) -> None:
    from cli import words
    from cli.render import Column, print_columns

    if not resources:
        return
    _title(console, "Resources")
    rows = []
    for row in resources:
        is_there = row["state"] == "present"
        origin = row["provenance"] if is_there else row["state"]
        by = f" by {row['declared_by']}" if row["declared_by"] else ""
        seen = f"{words.span(now - row['seen_at'])} ago" if row["seen_at"] else ""
        kind = row["kind"].replace("_", " ").replace("ajo", "AJO").replace("twilio", "Twilio").replace("rcs", "RCS")
        name = row["name"] if row["external_id"] in {None, row["name"]} else f"{row['external_id']}  {row['name']}"
        rows.append((kind, origin + by, seen, name))
    print_columns(
        console,
        [Column("what"), Column("how"), Column("seen", rank=1), Column("id and name")],
        rows,
        indent=2,
        wraps=True,
    )


def _print_verifications(console: Console, detail: Detail, now: datetime) -> None:
    from rich.text import Text

    from cli import words
    from cli.render import print_findings, print_wrapped

    if not detail.verifications:
        return
    _title(console, "Verifications")
    told: list[Record] = []
    for run in detail.verifications[-VERIFICATIONS_SHOWN:]:
        kind = "with a test message" if run["sends_message"] else "reading only"
        ago = f"{words.span(now - (run['finished_at'] or run['requested_at']))} ago"
        print_wrapped(console, Text.assemble(_styled(run["state"]), f"  {run['trigger']}, {kind}, {ago}"), indent=2)
        if run["findings"] and run["findings"] == told:
            print_wrapped(console, Text("the same as before", "dim"), indent=4)
        else:
            print_findings(console, run["findings"], indent=4)
        told = run["findings"]


def _print_messages(console: Console, messages: Sequence[Record], now: datetime) -> None:
    from cli import words
    from cli.render import Column, print_columns

    if not messages:
        return
    _title(console, "Messages")
    rows = []
    for row in messages[-MESSAGES_SHOWN:]:
        error = f"error {row['error_code']}" if row["error_code"] else ""
        ago = f"{words.span(now - row['updated_at'])} ago"
        over = (row["transport"] or "").upper()
        rows.append((row["recipient"], _styled(row["status"]), over, ago, row["sid"] or "", error))
    columns = [Column(word) for word in ("to", "status", "over", "last news", "sid", "")]
    print_columns(console, columns, rows, indent=2, wraps=False)


def _print_round_trip(console: Console, detail: Detail) -> None:
    from cli.hops import last_trip, print_hops

    hops = last_trip(detail.verifications)
    if hops:
        day = next((hop["at"][:10] for hop in hops if hop["at"]), "")
        _title(console, f"Round trip of the last message, {day}")
        print_hops(console, hops)


def print_events(events: Sequence[Record], console: Console | None = None, *, indent: int = 0) -> None:
    """One line each: when, which step, what."""
    from rich.text import Text

    from cli import words
    from cli.render import make_console, print_hanging

    console = console or make_console()
    # As long as the longest kind, `onboarding:tearing_down`.
    has_kinds = not console.is_terminal or console.width >= WIDE
    for event in events:
        kind = f"{event['kind']:<23}  " if has_kinds else ""
        margin = Text.assemble(
            " " * indent, (words.clock(event["at"]), "dim"), f"  {event['step'] or 'onboarding':<12}  {kind}"
        )
        print_hanging(console, margin, Text(event["text"]))


def _styled(word: str) -> Text:
    from rich.text import Text

    return Text(word, STYLES.get(word, "yellow"))
