"""Words for people: spans of time, and what an onboarding waits for, a sentence for each thing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.reasons import in_short
from models.states import OnboardingState, StepState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.explain import Blocker
    from engine.queries import Summary

O = OnboardingState  # noqa: E741  as in engine.transitions
S = StepState
# A ready step that nobody takes for this long speaks of workers that are away.
LONG_READY = timedelta(minutes=2)


def span(duration: timedelta) -> str:
    """In the largest unit of which there are at least two: ``3 d``, ``26 h``, ``90 s``."""
    seconds = max(duration.total_seconds(), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def until(moment: datetime | None, now: datetime) -> str:
    """``in 12 min``; ``now`` when it is due."""
    if moment is None or moment <= now:
        return "now"
    return f"in {span(moment - now)}"


def due(moment: datetime, now: datetime) -> str:
    """``due in 13 d``, or since when it is late."""
    return f"due {until(moment, now)}" if moment > now else f"overdue for {span(now - moment)}"


def day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d")


def clock(moment: datetime) -> str:
    """In this machine's time zone, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


# What is true of each kind of blocker. What happens at its deadline and when somebody looks: ``_tail``.
_SENTENCES = {
    "active": "It has been active for {ago}",
    "checking": "It is active, and its checks are running",
    "degraded": "It was active, and its checks have failed ({ago} ago): {what}",
    "paused": "{what} {ago} ago, and nothing moves until `{command}`",
    "next": "It will go on with {step}",
    "last_attempt": "The worker that is at {step} ends its attempt",
    "cancelled": "{what} {ago} ago; `{command}` takes it up again",
    "status": "It is {what}",
    "tearing_down": "It is being taken down and is at {step}: {what}; `{command}` stops that",
    "removal_cancelled": "{what} {ago} ago; `{command}` goes on with it, and `onboard retry` builds it up again",
    "removed": "It was taken down {ago} ago; history and evidence stay, and `{command}` begins anew",
    "last_call": "At {step} {what}; `onboard retry` waits for its end, {until} at the latest",
    "held": "{step} waits for {what}; it starts {until} at the latest",
    "limit": "{step} is {what}; it has waited for {ago}, and goes on by itself; `onboard limits` shows all",
    "ready": "It is ready for {step} and no worker has taken it for {ago}",
    "running": "It is at work on {step} for {ago}; if its worker goes silent, {then} {until}",
    "lease_lost": "The worker at {step} went silent {ago} ago; the next sweep gives it to another",
    "retrying": "A passing failure at {step}: {what}; tries again {looks}; {then}",
    "wait": "It has waited for {who} for {ago}: {what}",
    "overdue": "It has waited for {who} for {ago}, longer than it should (until {day}), so a person has to look: {what}",
    "parked": "It has waited for {who} for {ago}, and nothing looks before: {what}",
    "failed": "It failed at {step} {ago} ago: {what}",
    "stuck": "{step} is {what} and nothing will move it; `{command}` does",
    "task": "A person has had work to do for {step} for {ago}: {what}; `{command}` confirms it",
    "item_open": "The checklist is open: {what}; {who} can settle it",
    "item_unmet": "The checklist is not met: {what}; {who} can settle it",
    "events": "{what} of Twilio's not at {who} yet, the oldest for {ago}; tried again {looks}",
    "events_parked": "{what} of Twilio's kept from AJO until a person looks (`onboard inbox list --state parked`); "
    "`{command}` sends again",
    "by_hand": "{step} was {what} ({ago} ago)",
}


def sentence(blocker: Blocker, now: datetime) -> str:
    """What it waits for, since when, who can end it, what happens at the deadline and when somebody looks next."""
    ago = span(now - blocker.since) if blocker.since else "an unknown time"
    text = _SENTENCES[blocker.kind].format(
        what=blocker.what.strip().removesuffix("."),
        step=blocker.step,
        who=blocker.who,
        ago=ago,
        then=blocker.then,
        command=blocker.command,
        until=until(blocker.until, now),
        day=day(blocker.until) if blocker.until else "",
        looks=until(blocker.looks_at, now),
    )
    return text + "".join(f"; {part}" for part in _tail(blocker, now)) + "."


def _tail(blocker: Blocker, now: datetime) -> Iterator[str]:
    looks_at, command = blocker.looks_at, blocker.command
    match blocker.kind:
        case "active" if looks_at is None:
            yield "no further check is planned"
        case "active" | "degraded" if looks_at is not None:
            often = f"; every {blocker.every}, spread" if blocker.every else ""
            yield f"checked again {until(looks_at, now)} ({day(looks_at)}{often})"
        case "wait" | "overdue" if looks_at is not None and now - looks_at > LONG_READY:
            yield f"its next look has been due for {span(now - looks_at)}: is the scheduler running? `onboard up` starts it"
        case "wait" | "overdue" if looks_at is not None:
            yield f"looks again {until(looks_at, now)}"
        case "ready" if blocker.since is not None and now - blocker.since > LONG_READY:
            yield "is a worker running? `onboard up` starts one"
        case "item_open" | "item_unmet" if command is None and blocker.since is not None:
            yield f"last seen {span(now - blocker.since)} ago"
        case "item_open" | "item_unmet" if blocker.until is not None:
            yield f"{due(blocker.until, now)} ({day(blocker.until)})"
    if blocker.kind == "wait" and blocker.until is not None:
        limit = f"by {day(blocker.until)}" if blocker.until - now > timedelta(days=1) else until(blocker.until, now)
        yield f"if nothing has moved {limit}, {blocker.then}"
    if (
        blocker.kind in {"degraded", "wait", "parked", "failed", "item_open", "item_unmet"}
        and command is not None
        and command not in blocker.what
    ):
        yield f"then `{command}`"


def matter(summary: Summary, now: datetime) -> str:
    """The same in a few words, for a cell of a table."""
    step = summary.step
    if summary.status is O.ACTIVE and summary.next_verification_at is not None:
        return f"checked again {until(summary.next_verification_at, now)}"
    if summary.status in {O.RUNNING, O.WAITING, O.TEARING_DOWN} and step is not None:
        if step.held_by is not None:
            return step.reason or ""
        if step.is_waiting:
            who = "" if step.needs_person else f"{step.waiting_for}: "
            return f"{who}{step.reason or ''}"
        if step.state is S.READY and now - summary.updated_at > LONG_READY:
            return f"no worker has taken it for {span(now - summary.updated_at)}"
    return in_short(summary.reason or "", summary.name)
