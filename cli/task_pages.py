"""How a task looks: in the terminal, as Markdown, as a page to send to whoever does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.checklist_view import done_command as done_item
from engine.operator_sheet import done_command, to_bring_back
from engine.texts import fill, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from engine.reading import Record


def print_list(items: Sequence[Record]) -> None:
    """What waits for people, one line each."""
    from rich.text import Text

    from cli import render
    from cli.words import due, span
    from engine.clock import now

    console, moment = render.make_console(), now()
    has_assignees = any(item.get("assignee") for item in items)
    columns = [
        render.Column("onboarding"),
        render.Column("item"),
        render.Column("state", rank=2),
        *([render.Column("who", rank=1)] if has_assignees else []),
        render.Column("since", rank=3),
        render.Column("what"),
    ]
    rows = []
    for item in items:
        what = Text(item["title"]) if item["kind"] != "wait" else Text(item["title"], render.PERSON)
        if item.get("due_at"):
            what.append(f", {due(item['due_at'], moment)}", "dim")
        if item.get("rejection"):
            what = Text.assemble((f"{item['rejection']}: ", render.PERSON), what)
        who = [item.get("assignee") or ""] if has_assignees else []
        rows.append(
            (Text(item["onboarding"], "bold"), item["key"], item["state"], *who, span(moment - item["since"]), what)
        )
    render.print_columns(console, columns, rows, wraps=True)
    console.print(Text("\nWhere, and what to enter: onboard task show ONBOARDING ITEM", "dim"))
    if any(item["kind"] == "item" for item in items):
        console.print(Text(f"Items of a checklist: {done_item('ONBOARDING', 'ITEM')}", "dim"))


def print_task(task: Record, language: str) -> None:
    """One item in full. Values are never shortened or wrapped, for they are going to be copied."""
    from rich.text import Text

    from cli.render import PERSON, make_console, print_hanging, print_wrapped

    console, say = make_console(), words(language)
    print_wrapped(console, Text.assemble((task["onboarding"], "bold"), f"  {task['key']}  ", (task["state"], "dim")))
    print_wrapped(console, Text(task["title"], "bold"), indent=2)
    if task["kind"] != "task":
        _print_wait(console, task)
        return
    for line in _notes(task, language):
        print_wrapped(console, Text(line, PERSON), indent=2)
    print_hanging(console, Text(f"  {say('Where')}  ", "dim"), Text(task["place"]))
    for number, text in enumerate(task["instructions"], start=1):
        print_hanging(console, Text(f"  {number}. ", "dim"), Text(text))
    if task["fields"]:
        width = max(len(field["label"]) for field in task["fields"])
        console.print(Text(f"  {say('Enter')}", "dim"))
        for field in task["fields"]:
            _print_field(console, task, field, width, language)
    for name, what in to_bring_back(task["bring_back"], language):
        print_hanging(console, Text(f"  {say('Bring back')}  ", "dim"), Text.assemble((name, "bold"), f": {what}"))
    print_hanging(console, Text(f"  {say('Then')}  ", "dim"), Text(done_command(task), "bold"))
    _print_evidence(console, task)


def _print_wait(console: Console, item: Record) -> None:
    from rich.text import Text

    from cli.render import print_wrapped
    from cli.words import span, until
    from engine.clock import now

    if item["kind"] == "failed":
        print_wrapped(console, Text.assemble("Then  ", (f"onboard retry {item['onboarding']}", "bold")), indent=2)
        return
    if item["kind"] == "item":
        _print_checklist_item(console, item)
        return
    looks = f"{item['step']} has waited for {span(now() - item['since'])}, and looks again {until(item['looks_again_at'], now())}."
    print_wrapped(console, looks, indent=2)
    command = f"onboard task done {item['onboarding']} {item['key']}"
    print_wrapped(
        console, Text.assemble("To let it look at once, and record who did it: ", (command, "bold")), indent=2
    )
    _print_evidence(console, item)


def _print_checklist_item(console: Console, item: Record) -> None:
    from rich.text import Text

    from cli.render import print_wrapped
    from cli.words import due
    from engine.clock import now

    late = f", {due(item['due_at'], now())}" if item["due_at"] else ""
    detail = f": {item['detail']}" if item["detail"] else ""
    print_wrapped(console, f"needed for the {item['stage']}{late}{detail}", indent=2)
    print_wrapped(console, f"Why, and what counts as evidence: onboard checklist {item['onboarding']}", indent=2)
    print_wrapped(console, Text.assemble("Then  ", (item["command"], "bold")), indent=2)
    _print_evidence(console, item)


def _print_evidence(console: Console, item: Record) -> None:
    from rich.text import Text

    from cli.render import print_wrapped
    from cli.words import clock

    for each in item["evidence"]:
        line = f"{each['name']}, {each['size']} bytes, from {each['given_by']} at {clock(each['given_at'])}"
        print_wrapped(console, Text(line, "dim"), indent=2)


def _print_field(console: Console, task: Record, field: Record, width: int, language: str) -> None:
    from rich.text import Text

    from cli.render import print_hanging

    value = field.get("value")
    if value is None:
        margin = Text(f"    {field['label']:<{width}}  ")
        print_hanging(console, margin, Text(_instead(task, field, language), "magenta"))
    elif "\n" in value:
        console.print(Text(f"    {field['label']}"))
        for line in value.splitlines():
            console.print(Text(line, "cyan"), soft_wrap=True)
    else:
        console.print(Text.assemble(f"    {field['label']:<{width}}  ", (value, "cyan")), soft_wrap=True)


def _instead(task: Record, field: Record, language: str) -> str:
    """What stands where there is nothing to copy."""
    if "note" in field:
        return f"({field['note']})"
    command = f"onboard task show {task['onboarding']} {task['key']} --show-secrets"
    text = words(language)("Secret: %(command)s shows it, and records who asked.")
    return f"({fill(text, {'command': command})})"


def _notes(task: Record, language: str) -> list[str]:
    """Whose it is, and why it was rejected."""
    say, lines = words(language), []
    if task["assignee"]:
        lines.append(fill(say("Assigned to %(who)s"), {"who": task["assignee"]}))
    if task["rejection"]:
        params = {"who": task["rejected_by"], "reason": task["rejection"]}
        lines.append(fill(say("Rejected by %(who)s: %(reason)s"), params))
    return lines


def _evidence_hint(language: str) -> str:
    text = words(language)("Add %(option)s for whatever proves it: a screenshot, an e-mail, a sentence.")
    return fill(text, {"option": "--evidence"})


def as_markdown(task: Record, language: str) -> str:
    """For a ticket. Each value stands in a block of its own, which most viewers let one copy at once."""
    if task["kind"] != "task":
        return f"# {task['onboarding']}: {task['key']}\n\n{_plain(task['title'])}"
    say = words(language)
    parts = [f"# {_plain(task['title'])}", *map(_plain, _notes(task, language))]
    parts += [f"**{say('Where')}:** {_plain(task['place'])}", f"## {say('What to do')}"]
    parts.append("\n".join(f"{number}. {_plain(text)}" for number, text in enumerate(task["instructions"], start=1)))
    parts.append(f"## {say('Enter')}")
    for field in task["fields"]:
        has_value = field.get("value") is not None
        shown = _block(field["value"]) if has_value else f"_{_plain(_instead(task, field, language))}_"
        parts.append(f"**{_plain(field['label'])}**\n\n{shown}")
    if task["bring_back"]:
        back = to_bring_back(task["bring_back"], language)
        parts += [f"## {say('Bring back')}", "\n".join(f"* `{name}`: {what}" for name, what in back)]
    parts += [f"## {say('Then')}", _block(done_command(task)), _evidence_hint(language)]
    return "\n\n".join(part for part in parts if part)


def _plain(text: str) -> str:
    """Words that Markdown must not take for marks."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def _block(value: str) -> str:
    """A block whose fence is longer than any in the value."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", value))])
    return f"{fence}\n{value}\n{fence}"


def as_html(task: Record, language: str) -> str:
    """A page on its own, without scripts: a click on a value selects it as a whole."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    is_task = task["kind"] == "task"
    environment = Environment(loader=PackageLoader("cli", "pages"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("task.html").render(
        task=task,
        language=language,
        say=words(language),
        is_task=is_task,
        notes=_notes(task, language) if is_task else [],
        bring_back=to_bring_back(task["bring_back"], language) if is_task else [],
        command=done_command(task) if is_task else "",
        hint=_evidence_hint(language),
        instead=lambda field: _instead(task, field, language),
    )
