"""``teardown``: show what would go and what would stay, have the name typed, begin."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from cli.asking import require_somebody
from cli.batch import choose, many_options
from cli.exits import FAILED, USAGE, Exit
from cli.params import by_option, echo_json
from engine.kinds import KEEPABLE, RCS_SENDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

    from engine.removal import Choice, Removal
    from engine.teardown import TeardownPlan

SIGNS = {
    "remove": ("- remove ", "red"),
    "by hand": ("! by hand", "bold magenta"),
    "restore": ("~ restore", "yellow"),
    "keep": ("= keep   ", "green"),
    "gone": ("· gone   ", "dim"),
}
COUNTED = {"remove": "to remove", "by hand": "by hand", "restore": "to restore", "keep": "to keep", "gone": "gone"}


@click.command("teardown")
@many_options
@click.option("--adopted", is_flag=True, help="Also remove what was there before onboard came.")
@click.option(
    "--keep", multiple=True, type=click.Choice(KEEPABLE), metavar="WHAT", help=f"Leave this: {', '.join(KEEPABLE)}."
)
@click.option("--dry-run", is_flag=True, help="Show the plan of one onboarding and end.")
@by_option()
def teardown_command(
    names: tuple[str, ...], *, adopted: bool, keep: tuple[str, ...], dry_run: bool, by: str, **how: Any
) -> int:
    """Take onboardings down: remove what onboard made, last step first, and keep what it adopted.

    Of one onboarding it shows what becomes of each object before it asks for the name; of many how much goes and what is
    done by hand, before it asks how many they are. Access ends first, the gateway's addresses last. History and evidence
    stay. While it goes on: `onboard pause`, `resume`, `retry`; `onboard cancel` stops it. Repeated with --keep, it leaves
    that too.

    \b
    Exit codes: 0 begun, or shown; 1 shown, but a vendor could not be read;
                2 not possible or not confirmed; 4 no such onboarding.
    Examples:   onboard teardown acme-rcs --dry-run
                onboard teardown acme-rcs --keep rcs-sender
                onboard teardown --where sandbox=trial --yes
    """
    from engine.removal import Choice

    choice = Choice(adopted, keep)
    if len(names) == 1 and not how["is_all"] and not how["where"]:
        return _take_down_one(names[0], choice, by, is_dry=dry_run, yes=how["yes"], as_json=how["as_json"])
    if dry_run:
        raise click.UsageError("--dry-run shows the plan of one onboarding: name one.")
    return _take_down_many(names, choice, by, **how)


def _take_down_many(names: Sequence[str], choice: Choice, by: str, *, as_json: bool, yes: bool, **how: Any) -> int:
    from cli.control import command_each, timing
    from engine import teardown
    from models.states import OnboardingState
    from tasks.steps import CATALOGUE

    can = teardown.CAN_TEAR_DOWN - {OnboardingState.TEARING_DOWN}
    # One key is too little here: below they are asked for in another way.
    chosen = choose(names, can=can, verb="take down", yes=True, **how)
    if chosen and not yes:
        require_somebody(as_json=as_json)
        if len(chosen) == 1:
            return _take_down_one(chosen[0], choice, by, is_dry=False, yes=False, as_json=False)
        _ask_for_many([_plan(name, choice) for name in chosen])
    return command_each(
        chosen,
        lambda connection, name: teardown.begin(connection, CATALOGUE, name, choice, actor=by, **timing()),
        "is being taken down. Follow with: onboard watch {name}",
        as_json=as_json,
    )


def _ask_for_many(plans: Sequence[TeardownPlan]) -> None:
    """Show each in short: how much goes, and what a person has to do or an RCS channel loses.

    :raises Exit: another number is typed.
    """
    from rich.text import Text

    from cli.render import make_console, print_hanging

    console = make_console(stderr=True)
    for plan in plans:
        counts = Counter(str(each.fate) for each in plan.removals)
        text = ", ".join(f"{counts[fate]} {word}" for fate, word in COUNTED.items() if fate in counts)
        head = Text.assemble((plan.name, "bold"), f"  {plan.channel.upper()} for {plan.brand}  ")
        print_hanging(console, head, Text(text or "nothing is recorded"))
        for each in plan.removals:
            if each.fate == "by hand" or each.kind == RCS_SENDER:
                _print_removal(console, each, indent=4)
    wanted = click.prompt(f"To take these {len(plans)} down, type how many", default="", show_default=False, err=True)
    if wanted.strip() != str(len(plans)):
        raise Exit("that is not how many they are; nothing was changed.", USAGE)


def _say_unseen(plan: TeardownPlan) -> int:
    """The exit code of a plan that was only to be shown."""
    unseen = sum(each.is_unseen for each in plan.removals)
    if not unseen:
        return 0
    what = "1 object was" if unseen == 1 else f"{unseen} objects were"
    click.echo(f"{what} not looked at, as said above: the plan is only what is recorded of it.", err=True)
    return FAILED


def _take_down_one(name: str, choice: Choice, by: str, *, is_dry: bool, yes: bool, as_json: bool) -> int:

    plan = _plan(name, choice)
    if as_json and (is_dry or not yes):
        echo_json(plan)
    elif not as_json:
        from cli.render import make_console

        print_plan(make_console(), plan)
    if is_dry:
        return _say_unseen(plan)
    if not yes:
        require_somebody(as_json=as_json)
        if click.prompt("To take it down, type its name", default="", show_default=False, err=True) != name:
            raise Exit("that is not its name; nothing was changed.", USAGE)
    _begin(name, choice, by)
    if as_json:
        echo_json({"plan": plan, "result": "begun"})
    else:
        click.echo(f"{name} is being taken down. Follow with: onboard watch {name}")
    return 0


def _plan(name: str, choice: Choice) -> TeardownPlan:
    from dataclasses import replace

    from cli.stack.simulated import settings_for_vendors
    from cli.state import open_writable, reading, unknown_name
    from engine import teardown
    from engine.commands import UnknownOnboarding
    from models.states import OnboardingState
    from tasks.process import workshop
    from tasks.vendors import make_readers

    with open_writable() as db:
        shop = replace(workshop(), db=db, settings=settings_for_vendors(), make_vendors=make_readers)
        try:
            with db.begin() as connection:
                chosen = teardown.merged(connection, name, choice)
            plan = teardown.plan(shop, name, chosen)
        except UnknownOnboarding:
            with reading() as fetch:
                raise unknown_name(fetch, [name]) from None
    if plan.status is OnboardingState.REMOVED:
        raise Exit(f"{name} is removed already; `onboard start FILE` begins anew.", USAGE)
    return plan


def _begin(name: str, choice: Choice, by: str) -> None:
    from cli.control import timing
    from cli.state import open_writable
    from cli.waking import wake
    from engine import teardown
    from engine.commands import NotPossible
    from tasks.steps import CATALOGUE

    with open_writable() as db:
        try:
            with db.begin() as connection:
                wakeups = teardown.begin(connection, CATALOGUE, name, choice, actor=by, **timing())
        except NotPossible as error:
            raise Exit(str(error), USAGE) from None
    wake(wakeups)


def print_plan(console: Console, plan: TeardownPlan) -> None:
    from rich.text import Text

    from cli.render import print_wrapped

    head = f"  {plan.channel.upper()} for {plan.brand}, AJO sandbox {plan.sandbox}"
    console.print(Text.assemble(("Taking down ", ""), (plan.name, "bold"), head))
    if not plan.removals:
        print_wrapped(console, "Nothing is recorded at either vendor.", indent=2)
    for each in plan.removals:
        _print_removal(console, each, indent=2)
    for sentence in _notes(plan):
        print_wrapped(console, sentence)


def _print_removal(console: Console, removal: Removal, *, indent: int) -> None:
    from rich.text import Text

    from cli.render import print_hanging

    sign, style = SIGNS[removal.fate]
    text = Text(removal.what)
    details = "; ".join(part for part in (removal.why, removal.place and f"where: {removal.place}") if part)
    if details:
        text.append(f": {details}", "dim")
    print_hanging(console, Text.assemble(" " * indent, (sign, style), "  "), text)


def _notes(plan: TeardownPlan) -> list[Text | str]:
    """What it means, beyond single objects."""
    notes: list[Text | str] = []
    if plan.channel == "rcs":
        notes.append("From now on the gateway refuses what AJO sends; Twilio's callbacks are taken until the end.")
    if any(each.fate == "by hand" for each in plan.removals):
        notes.append(f"By hand: each becomes a task that is waited for (`onboard tasks {plan.name}`).")
    notes.append("Numbers stay in the account; history and evidence stay here.")
    return notes
