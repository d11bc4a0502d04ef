"""``show``: one onboarding, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.state import NAME, reading, unknown

if TYPE_CHECKING:
    from rich.console import Console


@click.command("show")
@NAME
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show_command(name: str, as_json: bool) -> None:
    """Show one onboarding: what it waits for, its steps, resources, checklist, messages and findings.

    \b
    Example:  onboard show acme-rcs
    """
    from cli import render
    from engine.queries import show_onboarding

    with reading() as connection:
        found = show_onboarding(connection, name)
        if found is None:
            raise unknown(connection, name)
    if as_json:
        render.print_json(found)
        return
    console = render.make_console()
    _print_head(console, found)
    _print_steps(console, found)
    _print_people(console, found)
    _print_things(console, found)


def _print_head(console: Console, found: dict[str, Any]) -> None:
    from rich.text import Text

    from cli import render

    row = found["onboarding"]
    console.print(
        Text(row["name"], "bold").append(
            f"  {row['channel'].upper()} for {row['brand']}, sandbox {row['sandbox']}", "not bold"
        )
    )
    line = Text.assemble("is ", render.status(row["status"]))
    if row["reason"]:
        line.append(f": {row['reason']}")
    console.print(line)
    if row["next_verification_at"] is not None:
        console.print(
            f"checked again {render.until(row['next_verification_at'])} ({render.moment(row['next_verification_at'])})"
        )


def _print_steps(console: Console, found: dict[str, Any]) -> None:
    from cli import render

    table = render.table("step", "state", "tries", "since", "looks again", "what about")
    for step in found["steps"]:
        waits = step["waiting_for"] is not None
        table.add_row(
            step["name"],
            render.state(step["state"]),
            str(step["attempt"] or ""),
            render.since(step["waiting_since"] or step["finished_at"] or step["started_at"]),
            render.until(step["due_at"]) if waits else "",
            (step["reason"] or "") + (f" (waits for {step['waiting_for']})" if waits else ""),
        )
    console.print(table)


def _print_people(console: Console, found: dict[str, Any]) -> None:
    from rich.text import Text

    from cli import render

    for task in found["operator_tasks"]:
        name = found["onboarding"]["name"]
        console.print(
            f"To do by a person: {task['title']}\n  onboard tasks {name}; then onboard done {name} {task['key']}",
            style="magenta",
        )
    if found["checklist"]:
        table = render.table("checklist", "by", "state", "detail")
        for item in found["checklist"]:
            style = {"met": "green", "unmet": "bold red"}.get(item["state"], "yellow")
            table.add_row(item["title"], item["checked_by"], Text(item["state"], style), item["detail"] or "")
        console.print(table)
    for run in found["verifications"][-1:]:
        console.print(f"last verification ({run['trigger']}): {run['state']} {render.moment(run['finished_at'])}")
        for finding in run["findings"]:
            console.print(
                f"  {finding['severity']}: {finding['subject']} {finding['problem']}\n    {finding['cure']}",
            )


def _print_things(console: Console, found: dict[str, Any]) -> None:
    from cli import render

    if found["resources"]:
        table = render.table("resource", "name", "id", "provenance", "seen")
        for row in found["resources"]:
            provenance = row["provenance"] or row["state"]
            by = f" by {row['declared_by']}" if row["declared_by"] else ""
            table.add_row(
                row["kind"].replace("_", " "),
                row["name"],
                row["external_id"] or "",
                provenance + by,
                render.since(row["seen_at"]),
            )
        console.print(table)
    if found["messages"]:
        table = render.table("message", "to", "status", "over", "error")
        for row in found["messages"]:
            error = str(row["error_code"] or "")
            table.add_row(
                row["sid"] or "(not sent yet)", row["recipient"], row["status"], (row["transport"] or "").upper(), error
            )
        console.print(table)
    console.print(f"All that happened: onboard events {found['onboarding']['name']}", style="dim")
