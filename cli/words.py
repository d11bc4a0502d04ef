"""Words for people: spans of time, and the situation of an onboarding in one sentence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from models.states import OnboardingState, StepState

if TYPE_CHECKING:
    from engine.queries import Step, Summary

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


def day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d")


def clock(moment: datetime) -> str:
    """In this machine's time zone, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def situation(summary: Summary, now: datetime) -> str:
    """How it stands, why, since when, and what ends it."""
    name, step, ago = summary.name, summary.step, span(now - summary.since)
    match summary.status:
        case O.ACTIVE if step is not None:
            return f"It is active, and its checks are running ({step.state.value.replace('_', ' ')})."
        case O.ACTIVE:
            next_check = summary.next_verification_at
            checked = f"; checked again {until(next_check, now)} ({day(next_check)})" if next_check else ""
            return f"It has been active for {ago}{checked}."
        case O.PAUSED:
            return f"A person paused it {ago} ago; `onboard resume {name}` lets it go on."
        case O.CANCELLED:
            return f"A person cancelled it {ago} ago; `onboard retry {name}` takes it up again."
        case O.DEGRADED:
            return f"It was active, and its checks have failed ({ago} ago): {_sentence(summary.reason)}"
        case O.FAILED if step is not None:
            return f"It failed at {step.name} {ago} ago: {_sentence(summary.reason)}"
        case O.RUNNING | O.WAITING if step is not None:
            return _progress(summary, step, now)
        case _:
            return f"It is {summary.status.value.replace('_', ' ')}."


def _progress(summary: Summary, step: Step, now: datetime) -> str:
    ago = span(now - summary.since)
    if step.is_waiting:
        deadline = step.waiting_until
        is_vendors = deadline is not None and not step.needs_person
        limit = f" If nothing moves by {day(deadline)}, a person is asked." if deadline and is_vendors else ""
        looks = f" Looks again {until(step.looks_again_at, now)}." if step.looks_again_at else ""
        who = step.waiting_for or "a person"
        return f"It has waited for {who} for {ago}: {_sentence(step.reason)}{looks}{limit}"
    if step.state is S.RETRYING:
        tries = f"{step.failures} in a row" if step.failures > 1 else "the first"
        return f"A passing failure at {step.name} ({tries}): {_sentence(step.reason)}"
    if step.state is S.READY:
        idle = now - summary.updated_at
        hint = "; is a worker running? `onboard up` starts one" if idle > LONG_READY else ""
        return f"It is ready for {step.name} and no worker has taken it for {span(idle)}{hint}."
    return f"It is at work on {step.name} (step {step.position + 1} of {len(summary.steps)}) for {ago}."


def _sentence(reason: str | None) -> str:
    text = (reason or "no reason was recorded").strip()
    return text if text.endswith((".", "!", "?")) else text + "."


def matter(summary: Summary, now: datetime) -> str:
    """The same in a few words, for a cell of a table."""
    step = summary.step
    if summary.status is O.ACTIVE and summary.next_verification_at is not None:
        return f"checked again {until(summary.next_verification_at, now)}"
    if summary.status in {O.RUNNING, O.WAITING} and step is not None:
        if step.is_waiting:
            who = "" if step.needs_person else f"{step.waiting_for}: "
            return f"{who}{step.reason or ''}"
        if step.state is S.READY and now - summary.updated_at > LONG_READY:
            return f"no worker has taken it for {span(now - summary.updated_at)}"
    return summary.reason or ""
