"""``tasks`` and ``done``: work that only a person can do."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from cli.control import command_each, timing
from cli.exits import USAGE, Exit
from cli.params import NAME, OPTIONAL_NAME, NameAndValue, complete_keys, echo_json, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from engine.reading import Record

HIDDEN = "<secret: run with --reveal>"


@click.command("tasks")
@OPTIONAL_NAME
@click.option("--reveal", is_flag=True, help="Show the secrets to enter. Needs a NAME; that it was done is recorded.")
@json_option()
def tasks_command(name: str | None, reveal: bool, as_json: bool) -> None:
    """List open operator tasks, of one onboarding or of all: where to click, what to enter, what to bring back.

    \b
    Examples:  onboard tasks
               onboard tasks acme-rcs --reveal
    """
    from cli.state import reading, unknown_name
    from engine.queries import find_onboardings, open_tasks

    if reveal and name is None:
        raise click.UsageError(
            "--reveal needs the NAME of one onboarding, for example: onboard tasks acme-rcs --reveal"
        )
    with reading() as fetch:
        if name is not None and not find_onboardings(fetch, [name]):
            raise unknown_name(fetch, [name])
        tasks = open_tasks(fetch, name)
    if name is not None and reveal:
        _reveal(name, tasks)
    if as_json:
        echo_json(tasks)
    elif not tasks:
        click.echo("No operator task is open.")
    else:
        _print_tasks(tasks)


def _reveal(name: str, tasks: Sequence[Record]) -> None:
    """Put the secrets in the clear into ``tasks``, once it is recorded that somebody looks."""
    from cli.state import open_writable
    from engine.clock import now
    from engine.commands import find
    from engine.transitions import append_event
    from engine.vault import Vault, load_keys
    from settings import get_settings

    vault = Vault(load_keys(get_settings()))
    with open_writable() as db, db.begin() as connection:
        onboarding = find(connection, name)
        for task in tasks:
            for field in task["fields"]:
                if "secret" not in field:
                    continue
                field["value"] = vault.read(connection, onboarding.id, field["secret"])
                text = f"{field['label']} of the task {task['key']} was shown to {getpass.getuser()}"
                append_event(connection, onboarding.id, "secret:revealed", text, at=now(), step=task["step"])


def _print_tasks(tasks: Sequence[Record]) -> None:
    from cli.render import make_console

    console = make_console()
    for number, task in enumerate(tasks):
        if number:
            console.print()
        _print_task(console, task)


def _print_task(console: Console, task: Record) -> None:
    from rich.text import Text

    from cli.render import print_hanging, print_wrapped
    from cli.words import span
    from engine.clock import now

    ago = span(now() - task["opened_at"])
    console.print(Text.assemble((task["onboarding"], "bold"), f"  {task['title']}  ", (f"open for {ago}", "dim")))
    print_hanging(console, Text("  Where  ", "dim"), Text(task["place"]))
    width = max(len(field["label"]) for field in task["fields"])
    console.print(Text("  Enter", "dim"))
    for field in task["fields"]:
        _print_field(console, field, width)
    options = "".join(f" --value {value}=…" for value in task["bring_back"])
    command = f"onboard done {task['onboarding']} {task['key']}{options}"
    print_wrapped(console, Text.assemble(("Then   ", "dim"), (command, "bold")), indent=2)


def _print_field(console: Console, field: Record, width: int) -> None:
    """The value as it has to be entered: never shortened or wrapped, for it is going to be copied."""
    from rich.text import Text

    value = field.get("value") or HIDDEN
    style = "bold magenta" if value == HIDDEN else "cyan"
    if "\n" not in value:
        console.print(Text.assemble(f"    {field['label']:<{width}}  ", (value, style)), soft_wrap=True)
        return
    console.print(Text(f"    {field['label']}"))
    for line in value.splitlines():
        console.print(Text(line, style), soft_wrap=True)


@click.command("done")
@NAME
@click.argument("key", shell_complete=complete_keys)
@click.option(
    "--value",
    "values",
    multiple=True,
    type=NameAndValue(),
    metavar="NAME=VALUE",
    help="What the task asks to bring back; once for each.",
)
@click.option("--by", metavar="WHO", help="Who did it; recorded with the resource. [default: your login name]")
def done_command(name: str, key: str, values: tuple[tuple[str, str], ...], by: str | None) -> int:
    """Confirm that the operator task KEY of an onboarding is done; the step that waits for it goes on.

    \b
    Exit codes: 0 done, 2 no such open task or something was not brought back, 4 no such onboarding.
    Example:    onboard done acme-rcs inbound-webhook --value url=https://... --by "Jo Doe"
    """
    from cli.state import reading
    from engine import commands
    from engine.operator_tasks import MissingValues, UnknownTask
    from engine.queries import open_tasks

    given, who = dict(values), by or getpass.getuser()
    with reading() as fetch:
        tasks = {task["key"]: task for task in open_tasks(fetch, name)}
    if key in tasks:
        surplus = [value for value in given if value not in tasks[key]["bring_back"]]
        if surplus:
            wanted = ", ".join(tasks[key]["bring_back"]) or "nothing"
            raise Exit(f"{key} does not ask for {', '.join(surplus)}; it asks for {wanted}.", USAGE)
    try:
        return command_each(
            [name],
            lambda connection, each: commands.confirm(connection, each, key, values=given, by=who, **timing()),
            f"{key} is done, by {who}. Follow with: onboard watch {{name}}",
        )
    except UnknownTask:
        open_keys = f"open are: {', '.join(tasks)}" if tasks else "none is open"
        raise Exit(f"{name} has no open task {key!r}; {open_keys}.", USAGE) from None
    except MissingValues as error:
        wanted = " ".join(f"--value {value}=…" for value in error.names)
        raise Exit(f"{key} needs what you brought back: add {wanted}", USAGE) from None
