"""``tasks`` and ``done``: work that only a person can do."""

from __future__ import annotations

from typing import Any

import click

from cli.control import run_command
from cli.exits import NOT_FOUND, USAGE, Exit
from cli.state import NAME, complete_name, open_database, reading, unknown


@click.command("tasks")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option("--reveal", is_flag=True, help="Show secrets to enter; this is recorded.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def tasks_command(name: str | None, reveal: bool, as_json: bool) -> None:
    """List open operator tasks: where to click, what to enter, what to bring back.

    \b
    Examples:  onboard tasks
               onboard tasks acme-rcs --reveal
    """
    from engine.queries import list_operator_tasks, onboarding_id

    with reading() as connection:
        if name is not None and onboarding_id(connection, name) is None:
            raise unknown(connection, name)
        tasks = list_operator_tasks(connection, name)
    if reveal:
        _reveal(tasks)
    if as_json:
        from cli.render import print_json

        keys = ("onboarding", "key", "step", "title", "place", "fields", "bring_back", "opened_at")
        print_json([{key: task[key] for key in keys} for task in tasks])
        return
    if not tasks:
        click.echo("Nothing to do by hand.")
    for task in tasks:
        _print_task(task)


def _reveal(tasks: list[dict[str, Any]]) -> None:
    """Put the secrets' values in and record that somebody looked."""
    from engine.clock import now
    from engine.transitions import append_event
    from engine.vault import Vault, load_keys
    from settings import get_settings

    vault = Vault(load_keys(get_settings()))
    with open_database().begin() as connection:
        for task in tasks:
            for field in task["fields"]:
                if "secret" not in field:
                    continue
                field["value"] = vault.read(connection, task["onboarding_id"], field["secret"])
                text = f"{field['secret']} was shown on the command line for {task['title']}"
                append_event(connection, task["onboarding_id"], "secret:revealed", text, at=now(), step=task["step"])


def _print_task(task: dict[str, Any]) -> None:
    from cli.render import since

    click.secho(f"{task['onboarding']}: {task['title']}", bold=True, nl=False)
    click.echo(f"  (open for {since(task['opened_at'])})")
    click.echo(f"  where: {task['place']}")
    width = max(len(field["label"]) for field in task["fields"])
    for field in task["fields"]:
        value = field.get("value") or f"<secret {field['secret']}: onboard tasks {task['onboarding']} --reveal>"
        click.echo(f"    {field['label']:<{width}}  {value}")
    options = "".join(f" --value {name}=…" for name in task["bring_back"])
    click.echo(f'  then: onboard done {task["onboarding"]} {task["key"]}{options} --by "YOUR NAME"\n')


@click.command("done")
@NAME
@click.argument("key")
@click.option("--value", "values", multiple=True, metavar="NAME=VALUE", help="What the task asks to bring back.")
@click.option("--by", required=True, metavar="WHO", help="Who did it; recorded with the resource.")
def done_command(name: str, key: str, values: tuple[str, ...], by: str) -> None:
    """Confirm that a person did the operator task KEY of NAME; the onboarding goes on.

    \b
    Example:  onboard done acme-rcs inbound-webhook --value url=https://… --by "Jo Doe"
    """
    from engine import commands
    from engine.clock import now
    from engine.operator_tasks import MissingValues, UnknownTask
    from settings import get_settings

    given = dict(_split(value) for value in values)
    grace = get_settings().wake_grace_seconds
    try:
        run_command(
            name,
            lambda connection: commands.confirm(
                connection, name, key, values=given, by=by, at=now(), grace_seconds=grace
            ),
        )
    except UnknownTask:
        raise Exit(f"{name} has no open task {key!r}; `onboard tasks {name}` lists them", NOT_FOUND) from None
    except MissingValues as error:
        hints = " ".join(f"--value {missing}=…" for missing in error.names)
        raise Exit(f"the task {key} needs more: {hints}", USAGE) from None
    click.echo(f"{name}: {key} recorded as done by {by}")


def _split(value: str) -> tuple[str, str]:
    name, separator, content = value.partition("=")
    if not separator or not name or not content:
        raise Exit(f"--value {value!r} is not NAME=VALUE", USAGE)
    return name, content.strip()
