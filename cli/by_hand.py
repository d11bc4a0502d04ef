"""``skip`` and ``mark-done``: a person's word on a step, with a name."""

from __future__ import annotations

import click

from cli.control import command_each, timing
from cli.params import NAME, Words, caller, json_option
from engine.selection import STEPS

STEP = click.argument("step", type=click.Choice(STEPS))
BY = click.option(
    "--by", required=True, type=Words(), metavar="WHO", help="Who decides it; stays in sight with the step."
)


@click.command("skip")
@NAME
@STEP
@BY
@click.option("--reason", required=True, type=Words(), metavar="TEXT", help="Why it is left out.")
@click.option("--evidence", type=Words(), metavar="TEXT", help="Where that can be read: a ticket, an address, a file.")
@json_option("Print JSON: name, result, message.")
def skip_command(name: str, step: str, *, by: str, reason: str, evidence: str | None, as_json: bool) -> int:
    """Leave a step out: it does not run, and the checks do not look at what it owns.

    Not verification, which is the proof, and no step that later ones need an id from before it is recorded. It holds
    until `onboard retry NAME --from STEP`, or until an update of the spec touches the step.

    \b
    Exit codes: 0 done, 2 not possible (the sentence says why), 4 no such onboarding.
    Example:    onboard skip acme-rcs channel --by "Jo Doe" --reason "the agency keeps it" --evidence TICKET-7
    """
    from engine import by_hand
    from tasks.steps import CATALOGUE

    return command_each(
        [name],
        lambda connection, each: by_hand.skip(
            connection, CATALOGUE, each, step, by=by, actor=caller(), reason=reason, evidence=evidence, **timing()
        ),
        f"{step} is skipped, by {by}",
        as_json=as_json,
    )


@click.command("mark-done")
@NAME
@STEP
@BY
@click.option(
    "--evidence", required=True, type=Words(), metavar="TEXT", help="What shows it: a ticket, an address, a file."
)
@json_option("Print JSON: name, result, message.")
def mark_done_command(name: str, step: str, *, by: str, evidence: str, as_json: bool) -> int:
    """Take a step as done, for example a review that the vendor shows later than it tells. The checks still look at it.

    Not verification, which is the proof, and no step that later ones need an id from before it is recorded. It holds
    until `onboard retry NAME --from STEP`, or until an update of the spec touches the step.

    \b
    Exit codes: 0 done, 2 not possible (the sentence says why), 4 no such onboarding.
    Example:    onboard mark-done acme-rcs registration --by "Jo Doe" --evidence "Twilio ticket 4711"
    """
    from engine import by_hand
    from tasks.steps import CATALOGUE

    return command_each(
        [name],
        lambda connection, each: by_hand.mark_done(
            connection, CATALOGUE, each, step, by=by, actor=caller(), evidence=evidence, **timing()
        ),
        f"{step} is marked done, by {by}",
        as_json=as_json,
    )
