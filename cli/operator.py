"""``tasks``, ``task`` and ``done``: what waits for a person."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from cli.control import command_each, timing
from cli.exits import USAGE, Exit
from cli.operator_input import (
    LONGEST_REASON,
    Words,
    check_values,
    find_item,
    read_exhibit,
    reveal_secrets,
    vault_if_any,
)
from cli.params import NAME, OPTIONAL_NAME, NameAndValue, complete_keys, echo_json, json_option
from engine.texts import LANGUAGES, language_of
from settings import locale_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from engine.operator_commands import Said
    from engine.reading import Record

ITEM = click.argument("item", metavar="ITEM", shell_complete=complete_keys)
BY = click.option(
    "--by", metavar="WHO", type=Words(), default=getpass.getuser, help="Who says so. [default: your login]"
)
LANG = click.option(
    "--lang", type=click.Choice(LANGUAGES), help="Language of tasks and of AJO's words. [default: your locale's]"
)


@click.command("tasks")
@OPTIONAL_NAME
@click.option("--mine", is_flag=True, help="Only tasks assigned to your login name.")
@click.option("--assignee", metavar="WHO", help="Only tasks assigned to WHO.")
@click.option("--all", "is_all", is_flag=True, help="Also what is done, paused or ended.")
@LANG
@json_option()
def tasks_command(
    name: str | None, *, mine: bool, assignee: str | None, is_all: bool, lang: str | None, as_json: bool
) -> None:
    """List what waits for a person, of one onboarding or of all.

    Operator tasks, items of checklists that hold something up, other waits, steps that have failed.

    \b
    Examples:  onboard tasks
               onboard tasks acme-rcs --all
               onboard tasks --mine
    """
    from cli.state import reading, unknown_name
    from engine.operator_items import read_items
    from engine.queries import find_onboardings

    who = getpass.getuser() if mine else assignee
    with reading() as fetch:
        if name is not None and not find_onboardings(fetch, [name]):
            raise unknown_name(fetch, [name])
        items = read_items(fetch, name, is_all=is_all, assignee=who, language=_language(lang))
    if as_json:
        echo_json(items)
    elif not items:
        click.echo("Nothing waits for a person." if who is None else f"No task is assigned to {who}.")
    else:
        from cli.task_pages import print_list

        print_list(items)


@click.group("task", context_settings={"help_option_names": ["-h", "--help"]})
def task_command() -> None:
    """Show, confirm, reject or assign what waits for a person. `onboard tasks` lists it.

    \b
    Examples:  onboard task show acme-rcs inbound-webhook --lang es
               onboard task done acme-rcs inbound-webhook --value url=https://...
               onboard task reject acme-rcs credential --reason "no rights there"
    """


@task_command.command("show", short_help="Where to click, what to enter, what to bring back.")
@NAME
@ITEM
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "html"]), default="text", help="How to print it."
)
@LANG
@click.option("--show-secrets", is_flag=True, help="Show the secrets to enter; who asked for each is recorded.")
@BY
@json_option()
def show_task(name: str, item: str, *, form: str, lang: str | None, show_secrets: bool, by: str, as_json: bool) -> None:
    """Where to click, what to enter (values to be copied as they are), and what to bring back.

    \b
    Exit codes: 0 shown, 2 no such item, 4 no such onboarding.
    Examples:   onboard task show acme-rcs credential --show-secrets
                onboard task show acme-rcs credential --format html > page.html
    """
    from cli import task_pages
    from cli.state import reading
    from engine.operator_items import read_evidence

    task = find_item(name, item, _language(lang))
    with reading() as fetch:
        task["evidence"] = read_evidence(fetch, name, item)
    if show_secrets and task["kind"] == "task":
        reveal_secrets(task, by)
    if as_json:
        echo_json(task)
        return
    language = _language(lang)
    match form:
        case "markdown":
            click.echo(task_pages.as_markdown(task, language))
        case "html":
            click.echo(task_pages.as_html(task, language))
        case _:
            task_pages.print_task(task, language)


@task_command.command("done", short_help="Confirm an item; its step looks at once.")
@NAME
@ITEM
@click.option(
    "--value",
    "values",
    multiple=True,
    type=NameAndValue(),
    metavar="NAME=VALUE",
    help="What the task asks to bring back; once for each.",
)
@click.option(
    "--evidence", "exhibits", multiple=True, metavar="FILE_OR_TEXT", help="What proves it: a file, or a sentence."
)
@BY
def done_command(name: str, item: str, values: tuple[tuple[str, str], ...], exhibits: tuple[str, ...], by: str) -> int:
    """Confirm that ITEM is done; the step that waits for it looks at once. `onboard done` is short for it.

    What can be checked is checked now; the rest is recorded as declared, by whom and when. An item that is no operator
    task can be confirmed too: that is recorded, and its step looks again.

    \b
    Exit codes: 0 done, 2 no such item or what was brought back cannot be right,
                4 no such onboarding.
    Examples:   onboard task done acme-rcs inbound-webhook --value url=https://...
                onboard task done acme-rcs rejected --evidence mail.eml --by "Jo Doe"
                onboard done acme-rcs credential
    """
    from engine import operator_commands
    from engine.evidence import NotAcceptable
    from engine.operator_tasks import MissingValues

    given, kept = dict(values), [read_exhibit(text) for text in exhibits]
    check_values(find_item(name, item), given)
    vault = vault_if_any()
    try:
        return _say(
            name,
            lambda connection: operator_commands.report_done(
                connection, name, item, values=given, exhibits=kept, vault=vault, by=by, **timing()
            ),
            f"{item} is done, by {by}.",
        )
    except MissingValues as error:
        wanted = " ".join(f"--value {value}=…" for value in error.names)
        raise Exit(f"{item} needs what you brought back: add {wanted}", USAGE) from None
    except NotAcceptable as error:
        raise Exit(str(error), USAGE) from None


@task_command.command("reject", short_help="Say that a task cannot be done, or was done wrong.")
@NAME
@ITEM
@click.option(
    "--reason", required=True, type=Words(LONGEST_REASON), metavar="TEXT", help="Why, for whoever looks next."
)
@BY
def reject_task(name: str, item: str, reason: str, by: str) -> int:
    """Say that an operator task cannot be done as it stands, or was done wrong; the step shows the reason.

    What was brought back is forgotten. `onboard task done` answers it again, whoever can.

    \b
    Exit codes: 0 rejected, 2 no such task, 4 no such onboarding.
    Example:    onboard task reject acme-rcs credential --reason "the sandbox is locked until Monday"
    """
    from engine import operator_commands
    from engine.evidence import NotAcceptable

    _require_task(find_item(name, item), "reject")
    vault = vault_if_any()
    try:
        return _say(
            name,
            lambda connection: operator_commands.reject(
                connection, name, item, reason=reason, vault=vault, by=by, **timing()
            ),
            f"{item} is rejected, by {by}.",
        )
    except NotAcceptable as error:
        raise Exit(str(error), USAGE) from None


@task_command.command("assign", short_help="Say whose work a task is.")
@NAME
@ITEM
@click.argument("who", type=Words())
@BY
def assign_task(name: str, item: str, who: str, by: str) -> int:
    """Say whose work an operator task is; `onboard tasks --assignee WHO` lists it.

    \b
    Exit codes: 0 assigned, 2 no such task, 4 no such onboarding.
    Example:    onboard task assign acme-rcs credential jdoe
    """
    from engine import operator_commands
    from engine.clock import now

    _require_task(find_item(name, item), "assign")
    return _say(
        name,
        lambda connection: operator_commands.assign(connection, name, item, who=who, by=by, at=now()),
        f"{item} is assigned to {who}.",
    )


def _language(lang: str | None) -> str:
    return lang or language_of(locale_name())


def _require_task(item: Record, verb: str) -> None:
    if item["kind"] != "task":
        raise Exit(f"{item['key']} is no operator task, so there is nothing to {verb}: {item['title']}", USAGE)


def _say(name: str, work: Callable[[Connection], Said | None], sentence: str) -> int:
    """Run a command about one item, and say how to go on if it may have moved a step."""
    from engine.operator_tasks import UnknownTask

    said: list[Said] = []

    def command(connection: Connection, _name: str) -> Sequence[Any]:
        said[:] = [found] if (found := work(connection)) else []
        return said[0].wakeups if said else []

    try:
        # Names that people give themselves may hold braces.
        code = command_each([name], command, sentence.replace("{", "{{").replace("}", "}}"))
    except UnknownTask:
        msg = f"{name} does not wait for that any more: the step is done or was skipped; see `onboard show {name}`."
        raise Exit(msg, USAGE) from None
    if code == 0 and said:
        how = f"Go on with: onboard retry {name}" if said[0].has_failed else f"Follow with: onboard watch {name}"
        click.echo(how)
    return code
