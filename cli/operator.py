"""``tasks``, ``task`` and ``done``: what waits for a person."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.control import command_each, timing
from cli.exits import USAGE, Exit
from cli.params import NAME, OPTIONAL_NAME, NameAndValue, complete_keys, echo_json, json_option
from engine.texts import LANGUAGES, language_of
from settings import locale_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from engine.evidence import Exhibit
    from engine.operator_commands import Said
    from engine.reading import Record
    from engine.vault import Vault

LONGEST_WORD = 200
LONGEST_REASON = 500


class Words(click.ParamType[str]):
    """Some words on one line, at most ``limit`` characters."""

    name = "text"

    def __init__(self, limit: int = LONGEST_WORD) -> None:
        self.limit = limit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = " ".join(str(value).split())
        if not text or len(text) > self.limit or not text.isprintable():
            self.fail(f"write 1 to {self.limit} printable characters.", param, ctx)
        return text


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
    """List what waits for a person, of one onboarding or of all: operator tasks, other waits, steps that have failed.

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
               onboard task done acme-rcs inbound-webhook --value url=https://... --evidence page.png
               onboard task reject acme-rcs credential --reason "no rights in this sandbox"
    """


@task_command.command("show")
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
                onboard task show acme-rcs credential --format html > credential.html
    """
    from cli import task_pages
    from cli.state import reading
    from engine.operator_items import read_evidence

    task = _find(name, item, lang)
    with reading() as fetch:
        task["evidence"] = read_evidence(fetch, name, item)
    if show_secrets and task["kind"] == "task":
        _reveal(task, by)
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


@task_command.command("done")
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
    Exit codes: 0 done, 2 no such item, or what was brought back cannot be right, 4 no such onboarding.
    Examples:   onboard task done acme-rcs inbound-webhook --value url=https://... --evidence page.png --by "Jo Doe"
                onboard done acme-rcs credential
    """
    from engine import operator_commands
    from engine.evidence import NotAcceptable
    from engine.operator_tasks import MissingValues

    given, kept = dict(values), [_read_exhibit(text) for text in exhibits]
    _check_values(_find(name, item, None), given)
    vault = _vault_if_any()
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


@task_command.command("reject")
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

    _require_task(_find(name, item, None), "reject")
    vault = _vault_if_any()
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


@task_command.command("assign")
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

    _require_task(_find(name, item, None), "assign")
    return _say(
        name,
        lambda connection: operator_commands.assign(connection, name, item, who=who, by=by, at=now()),
        f"{item} is assigned to {who}.",
    )


def _language(lang: str | None) -> str:
    return lang or language_of(locale_name())


def _find(name: str, key: str, lang: str | None) -> Record:
    """The item; whether it is of use is decided by the command, under the onboarding's lock."""
    from cli.state import reading, unknown_name
    from engine.operator_items import find_item, read_items
    from engine.queries import find_onboardings

    with reading() as fetch:
        if not find_onboardings(fetch, [name]):
            raise unknown_name(fetch, [name])
        found = find_item(fetch, name, key, language=_language(lang))
        if found is None:
            keys = [item["key"] for item in read_items(fetch, name)]
            there = f"there are: {', '.join(keys)}" if keys else "nothing waits for a person there"
            raise Exit(f"{name} has no item {key!r}; {there}.", USAGE)
    return found


def _require_task(item: Record, verb: str) -> None:
    if item["kind"] != "task":
        raise Exit(f"{item['key']} is no operator task, so there is nothing to {verb}: {item['title']}", USAGE)


def _check_values(item: Record, given: dict[str, str]) -> None:
    """Refuse what cannot be right before anything is recorded; warn of what is odd."""
    from cli.state import reading
    from engine.operator_checks import check_url, urls_of_others
    from providers.ajo.webhook import look
    from settings import get_settings

    key, wanted = item["key"], item.get("bring_back", [])
    if item["kind"] == "failed":
        raise Exit(f"{item['step']} has failed: mend what it says, then `onboard retry {item['onboarding']}`", USAGE)
    surplus = [value for value in given if value not in wanted]
    if surplus:
        raise Exit(f"{key} does not ask for {', '.join(surplus)}; it asks for {', '.join(wanted) or 'nothing'}.", USAGE)
    if "url" not in given:
        return
    settings = get_settings()
    with reading() as fetch:
        taken = urls_of_others(fetch, item["onboarding"], key)
    verdict = check_url(
        given["url"],
        taken=taken,
        own_url=settings.resolved_public_url,
        vendor_urls=(settings.adobe_platform_url, settings.ajo_automation_url),
        look=lambda url: look(url, settings),
    )
    if verdict.refusals:
        raise Exit("\n".join(verdict.refusals), USAGE)
    for warning in verdict.warnings:
        click.echo(f"Warning: {warning}; it is recorded as you gave it.", err=True)


def _read_exhibit(text: str) -> Exhibit:
    """The file of this name, or the words themselves. What looks like a file that is not there is a mistake."""
    from engine.evidence import LARGEST_BYTES, Exhibit

    path = Path(text)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return Exhibit(path.name, file.read(LARGEST_BYTES + 1))
    except OSError as error:
        if error.filename is not None and path.exists():
            raise Exit(f"{text} cannot be read: {error.strerror}", USAGE) from None
    if not re.search(r"\s|://", text) and re.search(r"[/\\]|\.\w{1,5}$", text):
        raise Exit(f"there is no file {text}; if it is meant as a note, write a sentence.", USAGE)
    if not text.strip():
        raise Exit("--evidence is empty: name a file, or write a sentence.", USAGE)
    return Exhibit("note.txt", text.encode())


def _vault_if_any() -> Vault | None:
    """To find secrets in what was handed in. A machine without the key knows no secret, and may confirm all the same."""
    from engine.vault import Vault, load_keys
    from providers.errors import Misconfigured
    from settings import get_settings

    try:
        return Vault(load_keys(get_settings()))
    except Misconfigured:
        return None


def _reveal(task: Record, by: str) -> None:
    """Put the secrets in the clear into ``task``, once it is recorded that somebody looks."""
    from cli.state import open_writable
    from engine.clock import now
    from engine.commands import NotPossible
    from engine.operator_commands import reveal
    from engine.vault import Vault, load_keys
    from settings import get_settings

    vault = Vault(load_keys(get_settings()))
    with open_writable() as db:
        try:
            with db.begin() as connection:
                secrets = reveal(connection, vault, task["onboarding"], task["key"], by=by, at=now())
        except NotPossible as error:
            raise Exit(str(error), USAGE) from None
    for field in task["fields"]:
        if "secret" in field:
            field["value"] = secrets[field["secret"]]


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
        msg = f"{name} does not wait for that any more: it is done, and so is its step; see `onboard show {name}`."
        raise Exit(msg, USAGE) from None
    if code == 0 and said:
        how = f"Go on with: onboard retry {name}" if said[0].has_failed else f"Follow with: onboard watch {name}"
        click.echo(how)
    return code
