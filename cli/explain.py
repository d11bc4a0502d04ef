"""``explain``: what an onboarding waits for, one sentence for each thing."""

from __future__ import annotations

import click

from cli.params import NAME, echo_json, json_option


@click.command("explain")
@NAME
@json_option("Print JSON: each thing with its kind, times and sentence.")
def explain_command(name: str, as_json: bool) -> None:
    """Say what an onboarding waits for: since when, who can end it, what happens at the deadline, when onboard looks
    next. What a person decided by hand is said too.

    \b
    Exit codes: 0, or 4 when there is no onboarding of this name.
    Example:    onboard explain acme-rcs
    """
    from cli import words
    from cli.state import reading, say_if_nothing_runs, unknown_name
    from engine.clock import now
    from engine.explain import explain
    from engine.queries import read_forwards, read_onboarding, to_json
    from models.states import ENDED

    with reading() as fetch:
        detail = read_onboarding(fetch, name)
        if detail is None:
            raise unknown_name(fetch, [name])
        forwards = read_forwards(fetch, detail.summary.id)
        if detail.summary.status not in ENDED:
            say_if_nothing_runs(fetch)
    moment, one = now(), detail.summary
    every = detail.spec["verification"]["every"]
    found = explain(one, tasks=detail.tasks, checklist=detail.checklist, forwards=forwards, every=every, now=moment)
    if as_json:
        things = [to_json(each) | {"sentence": words.sentence(each, moment)} for each in found]
        echo_json({"name": one.name, "status": one.status, "things": things})
        return
    from rich.text import Text

    from cli.render import make_console, print_hanging, status

    console = make_console()
    console.print(Text.assemble((one.name, "bold"), "  ", status(one)))
    for each in found:
        print_hanging(console, Text("  - "), Text(words.sentence(each, moment)))
