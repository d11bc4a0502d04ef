"""How a plan looks: in order of work, a sign for what happens to each object, old and new for each field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cli.render import make_console, print_hanging
from engine.desired import UNSEEN, Means, Presence, shown
from engine.plan import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from engine.desired import OwnedField
    from engine.plan import Plan, Planned

SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.ADOPT: (">", "cyan"),
    Action.CHANGE: ("~", "yellow"),
    Action.REPLACE: ("±", "magenta"),
    Action.DELETE: ("-", "red"),
    Action.KEEP: ("=", "dim"),
}
MEANS = {
    Means.API: "by API",
    Means.HAND: "by hand: we will wait",
    Means.NEVER: "by hand: it is never changed in place",
}
ONLY_BY_HAND = "by hand: nothing of ours runs for it"
UNHURRIED = "by hand: the checks warn until then"
LONGEST_VALUE = 60
ALWAYS_COUNTED = (Action.CREATE, Action.CHANGE, Action.DELETE)


def print_plan(plan: Plan) -> None:
    console = make_console()
    state = "" if plan.is_started else ", not started yet"
    console.print(Text.assemble((plan.name, "bold"), f"  {plan.channel.upper()}{state}"))
    for difference in plan.spec_differences:
        print_hanging(console, Text("  spec  "), Text(difference))
    for step in plan.steps:
        if step in plan.skipped:
            print_hanging(console, Text(f"{step}  ", "bold"), Text(f"left out: {plan.skipped[step]}", "dim"))
            continue
        objects = [one for one in plan.planned if one.step == step]
        if objects:
            console.print(Text(step, "bold"))
        for one in objects:
            _print_object(console, one, waits=step in plan.runs)
    if plan.runs and (plan.acts or plan.work):
        _print_runs(console, plan)
    elif plan.work:
        print_hanging(
            console, Text("Nothing runs: "), Text(f"a person mends this; `onboard drift {plan.name}` says how.")
        )
    console.print(summary(plan))


def _print_runs(console: Console, plan: Plan) -> None:
    text = f"{', '.join(plan.runs)}. The proof sends a test message to each handset, which Twilio charges for."
    print_hanging(console, Text("Steps that run  "), Text(text))


def print_line(plan: Plan) -> None:
    make_console().print(Text.assemble((plan.name, "bold"), "  ", summary(plan)))


def summary(plan: Plan) -> Text:
    """``Plan: 3 to create, 1 to change, 0 to delete.``"""
    if plan.is_nothing:
        count = sum(one.owned.presence is not Presence.UNREADABLE for one in plan.planned)
        unread = len(plan.planned) - count
        more = f" {unread} cannot be read." if unread else ""
        return Text(f"Nothing to do: {count} objects are as declared.{more}", "green")
    if not plan.acts and not plan.work:
        more = f"Not done yet: {', '.join(plan.runs)}; `onboard explain {plan.name}` says why."
        return Text(f"All objects are as declared. {more}", "bold")
    counted = [
        f"{count} to {action}"
        for action, count in plan.counts.items()
        if action is not Action.KEEP and (count or action in ALWAYS_COUNTED)
    ]
    return Text(f"Plan: {', '.join(sorted(counted, key=_order))}.", "bold")


def _order(counted: str) -> int:
    return [f"to {action}" for action in (*SIGNS,)].index(counted.partition(" ")[2])


def _print_object(console: Console, one: Planned, *, waits: bool) -> None:
    sign, style = SIGNS[one.action]
    means = MEANS[one.means] if waits or one.means is not Means.HAND else ONLY_BY_HAND
    words = {Action.KEEP: "already there", Action.ADOPT: "adopt, already there"}.get(one.action)
    if one.owned.presence is Presence.UNREADABLE and one.action is Action.KEEP:
        words = one.owned.note
    elif one.owned.presence is Presence.ABSENT and one.owned.is_part:
        words = f"set when it is made, {means}"
    elif words is None:
        is_unhurried = one.means is Means.HAND and all(field.severity == "warning" for field in one.fields)
        words = f"{one.action}, {UNHURRIED if is_unhurried and one.fields else means}"
    elif one.action is Action.ADOPT and one.fields:
        words += f", but different: {means}"
    if one.action is Action.KEEP:
        print_hanging(console, Text(f"  {sign} ", style), Text(f"{one.owned.label}: {words}", style))
    else:
        console.print(Text.assemble(f"  {sign} ", (one.owned.label, "bold")), style=style)
        print_hanging(console, Text("      "), Text(words, style))
    if one.owned.note and one.action is not Action.KEEP:
        print_hanging(console, Text("      "), Text(one.owned.note))
    if one.owned.cost and one.action in {Action.CREATE, Action.REPLACE}:
        print_hanging(console, Text("      "), Text(one.owned.cost, "dim"))
    for key in one.accepted:
        print_hanging(console, Text("      "), Text(f"{key} differs, which somebody accepted", "dim"))
    if one.action is Action.CREATE:
        _print_new(console, [field for field in one.fields if field.wanted not in (None, "", [], {})])
    else:
        _print_changes(console, one.fields)


def _print_new(console: Console, fields: Sequence[OwnedField]) -> None:
    for field in fields:
        margin = Text(f"      {field.name}: ", "dim")
        print_hanging(console, margin, Text(_short(field.wanted)), room=_room(console, margin))


def _print_changes(console: Console, fields: Sequence[OwnedField]) -> None:
    costs: dict[str, None] = {}
    for field in fields:
        old = "(not shown)" if field.actual is UNSEEN else _short(field.actual)
        margin = Text(f"      {field.name}: ")
        change = Text.assemble((old, "red"), " → ", (_short(field.wanted), "green"))
        print_hanging(console, margin, change, room=_room(console, margin))
        if field.cost:
            costs[field.cost] = None
    for cost in costs:
        print_hanging(console, Text("      "), Text(cost, "dim"))


def _room(console: Console, margin: Text) -> int | None:
    """A value keeps 30 columns at least: beyond a long name it goes over the edge rather than into a pillar."""
    return max(console.width - margin.cell_len, 30) if console.is_terminal else None


def _short(value: object) -> str:
    text = shown(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
