"""``drift`` and ``accept-drift``: what is there beside what is declared, and what a person lives with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cli.asking import require_somebody
from cli.batch import MOST_SHOWN_WHOLE, choose, echo_total, many_options
from cli.exits import FAILED, NOT_FOUND, USAGE, Exit, TwoIsNews
from cli.params import NAME, Future, Words, by_option, echo_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from engine.context import Workshop
    from engine.contract import Finding
    from engine.plan import Plan, PlanContext

DRIFTED = 2
ONLY_A_PERSON = "can be mended only by a person, as said above; nothing runs."


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one. ``problem`` says why one could not look."""

    name: str
    problem: str = ""
    found: list[Finding] = field(default_factory=list)
    known: list[Finding] = field(default_factory=list)
    memory: Mapping[str, Row[Any]] = field(default_factory=dict)
    accepted: Mapping[str, Row[Any]] = field(default_factory=dict)
    plan: Plan | None = None

    @property
    def unread(self) -> int:
        """Objects that only a person can look at."""
        planned = self.plan.planned if self.plan else ()
        return sum(one.owned.presence == "unreadable" for one in planned)

    @property
    def word(self) -> str:
        return "could not look" if self.problem else "drifted" if self.found else "as declared"


@click.command("drift", cls=TwoIsNews)
@many_options
@click.option("--fix", is_flag=True, help="Show the plan that mends it and, after a question, carry it out.")
def drift_command(
    names: tuple[str, ...],
    *,
    where: Sequence[tuple[str, str]],
    is_all: bool,
    yes: bool,
    as_json: bool,
    fix: bool,
) -> int:
    """Compare each object and field of ours at both vendors with what is declared, now.

    Nothing is changed at a vendor, unless with --fix. What is found is remembered with its time and, where Twilio
    tells, who changed it; an active onboarding becomes degraded by it, or active again. A test message is sent by
    `onboard verify --send` only.

    \b
    Exit codes: (for cron and CI, not those of other commands) 0 no drift,
                2 drift found, also when --fix sets out to mend it,
                1 one could not look: also a wrong command line or name, a
                --where that fits nothing, and a vendor or
                database that does not answer.
    Examples:   onboard drift --all --json
                onboard drift acme-rcs --fix
    """
    from models.states import OVER, OnboardingState

    # To look needs no question; only --fix asks.
    chosen = choose(
        names, is_all=is_all, where=where, can=set(OnboardingState) - OVER, verb="look at", yes=True, must_fit=True
    )
    results = _look_at(chosen, prints=not as_json, leaves_out=not names)
    if as_json:
        for result in results:
            echo_json(_json(result), on_one_line=True)
    else:
        echo_total(result.word for result in results)
    code = _fix([result for result in results if result.found], yes=yes, is_silent=as_json) if fix else 0
    if code != 0 or any(result.problem for result in results):
        return FAILED
    return DRIFTED if any(result.found for result in results) else 0


def _look_at(names: Sequence[str], *, prints: bool, leaves_out: bool) -> list[Result]:
    """Each by itself: one that cannot be seen keeps no other from it.

    :param leaves_out: those that are being taken down, also where that is paused.
    """
    from dataclasses import replace

    from cli.looking import context_of, looking, require_known
    from cli.state import open_writable

    results = []
    with looking() as shop, open_writable() as db:
        require_known(shop, names)
        memory = replace(shop, db=db)
        for name in names:
            # Read only now: looking at those before took its time, and an update may have ended meanwhile.
            ctx = context_of(shop, name)
            if leaves_out and ctx.is_being_removed:
                click.echo(f"{name} is left out: it is being taken down.", err=True)
                continue
            result = _look(memory, ctx)
            results.append(result)
            if prints:
                _print(result)
    return results


def _look(memory: Workshop, ctx: PlanContext) -> Result:
    from cli.looking import plan_or_problem
    from engine import drift, drift_memory
    from engine.commands import NotPossible

    assert ctx.row is not None  # noqa: S101  it was found by its name
    plan = plan_or_problem(ctx)
    if isinstance(plan, str):
        return Result(ctx.name, problem=plan)
    look = drift.look(ctx, plan)
    try:
        drift.settle(memory, ctx.row, look.found, [one.owned for one in plan.planned])
    except NotPossible as error:
        return Result(ctx.name, problem=str(error))
    return Result(
        ctx.name,
        found=look.found,
        known=look.known,
        memory=drift_memory.remembered(ctx),
        accepted=drift.acceptances(ctx),
        plan=plan,
    )


def _print(result: Result) -> None:
    from rich.text import Text

    from cli.render import make_console, print_hanging
    from cli.words import span
    from engine.clock import now
    from engine.last_change import told

    console = make_console()
    style = {"drifted": "bold red", "as declared": "green"}.get(result.word, "bold magenta")
    unread = f"; {result.unread} cannot be read, a person declared them" if result.unread else ""
    problem = f": {result.problem}" if result.problem else ""
    margin = Text.assemble((result.name, "bold"), "  ")
    print_hanging(console, margin, Text.assemble((result.word, style), problem, (unread, "dim")))
    for place, finding in enumerate(result.found):
        known = result.memory.get(finding.key)
        seen = known.first_seen_at if known else None
        ago = f"  since {seen.astimezone():%Y-%m-%d %H:%M} ({span(now() - seen)})" if seen else ""
        sign = ("  ✘ ", "red") if finding.severity == "error" else ("  ! ", "yellow")
        console.print(Text.assemble(sign, (finding.key, "bold"), (ago, "dim")))
        print_hanging(console, Text("      "), Text(f"{finding.subject}: {finding.problem}"))
        if known and known.last_change:
            at = datetime.fromisoformat(known.last_change["at"]).astimezone()
            print_hanging(console, Text("      "), Text(told(known.last_change, f"{at:%Y-%m-%d %H:%M}")))
        following = result.found[place + 1 : place + 2]
        if not following or following[0].cure != finding.cure:
            print_hanging(console, Text("      "), Text(finding.cure, "dim"))
    for finding in result.known:
        accepted = result.accepted[finding.key]
        text = f"accepted by {accepted.accepted_by} until {accepted.until.astimezone():%Y-%m-%d}: {accepted.reason}"
        print_hanging(console, Text.assemble("  ~ ", (finding.key, "bold"), "  "), Text(text, "dim"))


def _json(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "result": result.word,
        "message": result.problem,
        "unread": result.unread,
        "findings": [_found_json(one, result.memory.get(one.key)) for one in result.found],
        "accepted": [
            {
                "key": one.key,
                **one.as_json(),
                "until": result.accepted[one.key].until,
                "reason": result.accepted[one.key].reason,
                "by": result.accepted[one.key].accepted_by,
            }
            for one in result.known
        ],
    }


def _found_json(finding: Finding, known: Row[Any] | None) -> dict[str, Any]:
    since, change = (known.first_seen_at, known.last_change) if known else (None, None)
    return {"key": finding.key, **finding.as_json(), "since": since, "last_change": change}


def _fix(results: Sequence[Result], *, yes: bool, is_silent: bool) -> int:
    """The exit code of what was begun.

    :raises Exit: nobody can be asked and ``yes`` is missing.
    """
    from cli.control import command_each, timing
    from cli.plan_text import print_line, print_plan
    from engine.start import mend
    from tasks.steps import CATALOGUE

    plans = {result.name: result.plan for result in results if result.plan and result.plan.mends}
    for result in results:
        if result.name not in plans:
            is_at_it = result.plan is not None and result.plan.runs
            why = f"is not done with that yet; see `onboard explain {result.name}`" if is_at_it else ONLY_A_PERSON
            click.echo(f"{result.name} {why}", err=True)
    if not plans:
        return 0
    if not is_silent:
        for plan in plans.values():
            (print_plan if len(plans) <= MOST_SHOWN_WHOLE else print_line)(plan)
    if not yes:
        require_somebody(as_json=is_silent, code=FAILED)
        click.confirm(f"Mend {'it' if len(plans) == 1 else f'these {len(plans)}'}?", abort=True)
    return command_each(
        list(plans),
        lambda connection, name: mend(connection, CATALOGUE, name, plans[name].mends, **timing()),
        "is being mended. Follow with: onboard watch {name}",
        as_json=is_silent,
    )


@click.command("accept-drift")
@NAME
@click.argument("key", metavar="SUBJECT/FIELD")
@click.option("--reason", type=Words(), help="Why it is right as it is; kept and shown.")
@click.option("--until", type=Future(), metavar="WHEN", help="When it counts again: 30d, 12h or 2027-01-31.")
@click.option("--withdraw", is_flag=True, help="Take the acceptance back now.")
@by_option()
def accept_drift_command(
    name: str, key: str, *, reason: str | None, until: datetime | None, withdraw: bool, by: str
) -> None:
    """Leave one difference as it is until a day: nobody is told of it, and nothing mends it.

    SUBJECT/FIELD is as `onboard drift NAME` shows it.

    \b
    Exit codes: 0 done, 4 no such onboarding,
                2 no such difference was ever seen, or a whole object is gone.
    Example:    onboard accept-drift acme-rcs messaging-service/numbers \\
                    --reason "second line, INC-7" --until 30d
    """
    if not withdraw and (reason is None or until is None):
        raise click.UsageError("--reason and --until are needed, so that nobody has to guess later.")
    from cli.state import open_writable, reading, unknown_name
    from engine import drift
    from engine.clock import now
    from engine.commands import NotPossible, UnknownOnboarding

    try:
        with open_writable() as db, db.begin() as connection:
            if withdraw:
                if not drift.withdraw(connection, name, key, actor=by, at=now()):
                    raise Exit(f"{name}: {key} was not accepted.", USAGE)
                click.echo(f"{name}: {key} counts again")
                return
            assert reason is not None  # noqa: S101  see above
            assert until is not None  # noqa: S101  see above
            drift.accept(connection, name, key, reason=reason, until=until, actor=by, at=now())
    except UnknownOnboarding:
        with reading() as fetch:
            raise Exit(unknown_name(fetch, [name]).message, NOT_FOUND) from None
    except NotPossible as error:
        raise Exit(str(error), USAGE) from None
    except drift.NeverSeen as error:
        seen = f"seen were: {', '.join(error.known)}" if error.known else "none was; `onboard drift` looks"
        raise Exit(f"{name}: no difference {key} was ever seen; {seen}.", USAGE) from None
    click.echo(
        f"{name}: {key} is accepted until {until.astimezone():%Y-%m-%d %H:%M}; `onboard drift {name}` settles it"
    )
