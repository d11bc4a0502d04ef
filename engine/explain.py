"""What keeps an onboarding from going on: for what, since when, who can end it, what happens then, who looks when.

Pure: rows in, values out. ``cli.words`` makes the sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.checklist_view import done_command, is_needed, milestone
from engine.retry import FAILURES_BEFORE_GIVING_UP
from models.states import DONE, OnboardingState, StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from engine.queries import Forwards, Step, Summary
    from engine.reading import Record

S = StepState
O = OnboardingState  # noqa: E741  as in engine.transitions

A_PERSON = "a person"
A_WORKER = "a worker"
AJO = "Adobe Journey Optimizer"
ONBOARD = "onboard"
ASKED = "a person is asked"
# Whoever the checklist says that checks an item, in words.
CHECKERS = {"program": "onboard itself", "vendor": "the vendor", "person": A_PERSON}

# What moves by itself becomes what will, or what is still in a worker's hands.
WHILE_PAUSED = {
    "ready": "next",
    "held": "next",
    "limit": "next",
    "retrying": "next",
    "running": "last_attempt",
    "lease_lost": "last_attempt",
}


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that an onboarding waits for, or one that everybody should know of it.

    :param kind: what sort of thing; the key of its sentence.
    :param what: what is waited for and how far it is, in the words of the step, the task or the item.
    :param who: who can end it.
    :param until: when ``then`` happens unless it has ended before; of an item of the checklist, when it is due.
    :param looks_at: when onboard looks next; None when nothing looks by itself.
    :param command: what a person can type to end it.
    :param every: how often onboard looks, as the spec has it; the first time of each is spread over it.
    """

    kind: str
    what: str
    step: str | None = None
    since: datetime | None = None
    who: str | None = None
    until: datetime | None = None
    then: str | None = None
    looks_at: datetime | None = None
    command: str | None = None
    every: str | None = None


def explain(
    summary: Summary,
    *,
    tasks: Sequence[Record] = (),
    checklist: Sequence[Record] = (),
    forwards: Forwards | None = None,
    every: str | None = None,
    now: datetime,
) -> list[Blocker]:
    """The most important first; never empty.

    :param tasks: open operator tasks, as :func:`engine.queries.open_tasks` reads them.
    :param checklist: items in any state.
    :param every: how often the spec has it checked.
    """
    found = [*_of_status(summary, every), *_of_step(summary, tasks, checklist, now)]
    if summary.status is O.PAUSED:
        # What it would wait for stays in sight, but nobody looks and no clock ends it.
        found = [found[0], *(_held(each) for each in found[1:])]
    return [*found, *_of_events(summary.name, forwards), *_by_hand(summary.steps)]


def _held(blocker: Blocker) -> Blocker:
    kind = WHILE_PAUSED.get(blocker.kind, blocker.kind)
    return replace(blocker, kind=kind, looks_at=None, until=None, then=None)


def _of_status(one: Summary, every: str | None) -> Iterator[Blocker]:
    """What is true of the onboarding as a whole, whatever its step does."""
    match one.status:
        case O.ACTIVE:
            if one.step is not None:
                yield Blocker("checking", "its checks are running", one.step.name, one.since, ONBOARD)
            else:
                looks_at = one.next_verification_at
                yield Blocker("active", "its next check", None, one.since, ONBOARD, looks_at=looks_at, every=every)
        case O.DEGRADED:
            yield Blocker(
                "degraded",
                one.reason or "no reason was recorded",
                "verification",
                one.since,
                A_PERSON,
                looks_at=one.next_verification_at,
                command=f"onboard retry {one.name}",
                every=every,
            )
        case O.PAUSED:
            command = f"onboard resume {one.name}"
            yield Blocker("paused", one.reason or "somebody paused it", None, one.since, A_PERSON, command=command)
        case O.CANCELLED:
            command = f"onboard {'teardown' if one.is_removal else 'retry'} {one.name}"
            reason = one.reason or "somebody cancelled it"
            kind = "removal_cancelled" if one.is_removal else "cancelled"
            yield Blocker(kind, reason, None, one.since, A_PERSON, command=command)
        case O.TEARING_DOWN if one.step is not None:
            done = sum(step.state in DONE for step in one.steps)
            what = f"{done} of {len(one.steps)} steps are done"
            yield Blocker("tearing_down", what, one.step.name, one.since, command=f"onboard cancel {one.name}")
        case O.REMOVED:
            yield Blocker("removed", "removed", None, one.since, command="onboard start FILE")
        case O.DRAFT | O.TEARING_DOWN:
            yield Blocker("status", one.status.value.replace("_", " "), None, one.since)


def _of_step(one: Summary, tasks: Sequence[Record], checklist: Sequence[Record], now: datetime) -> Iterator[Blocker]:
    """What the step that is on waits for, the work for people it opened, and what the checklist lacks."""
    step = one.step
    if step is None or one.status in {O.DRAFT, O.REMOVED}:
        return
    if one.status is O.CANCELLED:
        for each in one.steps:
            if each.state is S.CANCELLED and each.due_at is not None and each.due_at > now:
                yield Blocker("last_call", "its worker may be in the middle of a call", each.name, until=each.due_at)
        return
    if one.status is O.DEGRADED and step.state is S.FAILED:
        return
    blocker = _of_state(one, step, now) if step.held_by is None else _of_limit(step)
    others: list[Blocker] = []
    for task in tasks:
        # As the wait's own words have it: what stands there is not said again.
        command = f"onboard task done {one.name} {task['key']}"
        if task["step"] == step.name and task["key"] == step.waiting_topic and step.needs_person:
            blocker = replace(blocker, command=command)
        elif task["step"] == step.name:
            others.append(Blocker("task", task["title"], step.name, task["opened_at"], A_PERSON, command=command))
    yield blocker
    yield from others
    # The checklist is the registration's.
    if step.name == "registration" and not one.is_removal:
        yield from _of_checklist(one.name, checklist, step, blocker)


def _of_state(one: Summary, step: Step, now: datetime) -> Blocker:
    """The step's own situation."""
    retry = f"onboard retry {one.name}"
    reason = step.reason or "no reason was recorded"
    if step.is_waiting:
        return _of_wait(one, step, reason, now)
    match step.state:
        case S.READY if step.not_before is not None and step.not_before > now:
            what = "the end of the call that its former worker is in the middle of"
            return Blocker("held", what, step.name, one.updated_at, A_WORKER, step.not_before, "it starts anyway")
        case S.READY:
            return Blocker("ready", "a worker", step.name, one.updated_at, A_WORKER, looks_at=step.due_at)
        case S.RUNNING if step.due_at is not None and step.due_at <= now:
            return Blocker("lease_lost", "another worker", step.name, step.due_at, A_WORKER, looks_at=now)
        case S.RUNNING:
            then = "another takes over"
            return Blocker("running", "its worker", step.name, step.started_at, A_WORKER, step.due_at, then)
        case S.RETRYING:
            then = f"after {FAILURES_BEFORE_GIVING_UP} failures in a row {ASKED}"
            looks_at = step.not_before or step.due_at or now
            return Blocker("retrying", reason, step.name, step.started_at, ONBOARD, None, then, looks_at)
        case S.FAILED:
            return Blocker("failed", reason, step.name, one.since, A_PERSON, command=retry)
        case _:
            return Blocker("stuck", step.state.value, step.name, one.updated_at, A_PERSON, command=retry)


def _of_limit(step: Step) -> Blocker:
    what = step.reason or "held back"
    return Blocker("limit", what, step.name, step.held_since, step.held_by, looks_at=step.not_before)


def _of_wait(one: Summary, step: Step, reason: str, now: datetime) -> Blocker:
    who = step.waiting_for or A_PERSON
    looks_at = now if step.state in {S.READY, S.RUNNING} else step.due_at
    wait = Blocker("wait", reason, step.name, step.waiting_since, who, looks_at=looks_at)
    if step.state is S.WAITING_PERSON and looks_at is None:
        # Too many vanished workers, or too many failures: nothing looks before somebody says so.
        return replace(wait, kind="parked", command=f"onboard retry {one.name}")
    if step.waiting_until is not None and step.waiting_until <= now and not who.startswith(A_PERSON):
        return replace(wait, kind="overdue", what=reason.removeprefix("overdue: "), until=step.waiting_until)
    if step.needs_person:
        return wait
    return replace(wait, until=step.waiting_until, then=ASKED)


def _of_checklist(name: str, checklist: Sequence[Record], step: Step, blocker: Blocker) -> Iterator[Blocker]:
    for item in checklist:
        # What onboard has not looked at yet is no news while it waits for something else.
        is_ours = item["checked_by"] == "program" and item["state"] == "open"
        if is_ours or not is_needed(item, step.waiting_topic):
            continue
        detail = f" ({item['detail']})" if item["detail"] else ""
        is_persons = item["checked_by"] == "person"
        yield Blocker(
            f"item_{item['state']}",
            f"{item['title']}{detail}, needed for the {milestone(item['stage'], checklist)}",
            step.name,
            item["updated_at"],
            CHECKERS.get(item["checked_by"], item["checked_by"]),
            until=item["due_at"],
            looks_at=None if is_persons else blocker.looks_at,
            command=done_command(name, item["key"]) if is_persons else None,
        )


def _of_events(name: str, forwards: Forwards | None) -> Iterator[Blocker]:
    if forwards is None:
        return
    if forwards.waiting:
        what = _count(forwards.waiting)
        yield Blocker("events", what, None, forwards.oldest_at, AJO, looks_at=forwards.due_at)
    if forwards.parked:
        command = f"onboard inbox replay --parked {name}"
        yield Blocker("events_parked", _count(forwards.parked), who=A_PERSON, command=command)


def _count(number: int) -> str:
    return "1 event" if number == 1 else f"{number} events"


def _by_hand(steps: Iterable[Step]) -> Iterator[Blocker]:
    """Nothing waits for it, but it is never out of sight."""
    for step in steps:
        if step.settled_by and step.state in DONE:
            yield Blocker("by_hand", step.reason or "", step.name, step.finished_at, step.settled_by)
