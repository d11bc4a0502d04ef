"""What a person may ask of an onboarding. Each command is one transaction; what it makes due is returned, not sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.operator_tasks import answer_task
from engine.transitions import append_event, move_onboarding, move_step, settle_onboarding
from engine.verifications import last_check_passed, replace_open_runs
from engine.wake import WakeUp, begin_verification, signal_step
from models.states import DONE, OnboardingState, StepState
from models.tables import Onboarding, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.contract import Catalogue

S = StepState
O = OnboardingState  # noqa: E741  as in engine.transitions


class UnknownOnboarding(LookupError):
    """No onboarding has this name."""


class NotPossible(RuntimeError):
    """The command makes no sense in the present state; the message says why and what would."""


def find(connection: Connection, name: str) -> Row[Any]:
    """The onboarding's row, locked: what follows decides by its status.

    :raises UnknownOnboarding: there is none.
    """
    statement = select(Onboarding).where(Onboarding.c.name == name).with_for_update(key_share=True)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise UnknownOnboarding(name)
    return row


def reopen(
    connection: Connection, catalogue: Catalogue, row: Row[Any], names: set[str], *, at: datetime, grace_seconds: float
) -> list[WakeUp]:
    """Make the first step that has something to do ready and those named after it pending.

    A step that runs right now is cancelled under its worker, whose record will be refused. It starts again when that
    worker has ended its call (:func:`engine.claim.release`) or its lease is over: before, a new look at the vendor could
    miss what that call is about to create.
    """
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(activated_at=None))
    found = select(Step.c.name, Step.c.state, Step.c.due_at).where(Step.c.onboarding_id == row.id)
    steps = {step.name: step for step in connection.execute(found).all()}
    states = {name: step.state for name, step in steps.items()}
    wakeups: list[WakeUp] = []
    for name in catalogue.names:
        if states[name] in DONE and name not in names:
            continue
        # A cancelled step keeps the end of the lease that it had; see cancel.
        lease_end = steps[name].due_at if states[name] in {S.RUNNING, S.CANCELLED} else None
        if states[name] is S.RUNNING:
            move_step(
                connection,
                onboarding_id=row.id,
                name=name,
                sources=(S.RUNNING,),
                target=S.CANCELLED,
                at=at,
                settles=False,
            )
            states[name] = S.CANCELLED
        is_first = not wakeups
        target = S.READY if is_first else S.PENDING
        if states[name] is not target:
            move_step(
                connection,
                onboarding_id=row.id,
                name=name,
                sources=(states[name],),
                target=target,
                at=at,
                due_at=(lease_end or at + timedelta(seconds=grace_seconds)) if is_first else None,
                not_before=lease_end if is_first else None,
                failures=0,
                lost_leases=0,
                is_signalled=False,
                finished_at=None,
                waiting_topic=None,
                waiting_since=None,
                waiting_until=None,
                waiting_for=None,
                settles=False,
            )
        if is_first:
            wakeups.append(WakeUp(row.id, row.name, name))
    settle_onboarding(connection, row.id, at=at)
    return wakeups


def retry(
    connection: Connection, catalogue: Catalogue, name: str, *, at: datetime, grace_seconds: float
) -> list[WakeUp]:
    """Try again now, from the first step that is not done; also takes up a cancelled onboarding.

    A degraded one goes through all its steps: each mends what it owns and can mend.

    :raises NotPossible: there is nothing to try again, or it is at work already.
    """
    row = find(connection, name)
    if row.status is O.ACTIVE:
        raise NotPossible(f"{name} is active; to check it again: `onboard verify {name}`")
    if row.status is O.PAUSED:
        raise NotPossible(f"{name} is paused; to let it go on: `onboard resume {name}`")
    if row.status is O.RUNNING:
        raise NotPossible(f"{name} is at work already; see `onboard show {name}`")
    append_event(connection, row.id, "onboarding:retried", "a person asked to try again", at=at)
    if row.status is O.CANCELLED:
        move_onboarding(connection, row.id, O.CANCELLED, O.RUNNING, at=at)
    # A silent check that was under way must not pass for the one that a person asks for now.
    replace_open_runs(connection, row.id, at=at, only_silent=True)
    # Cancelling ends the scheduled checks, so what was active is verified anew; that sets the next date too.
    again = set(catalogue.names) if row.status is O.DEGRADED else {catalogue.names[-1]}
    return reopen(connection, catalogue, row, again, at=at, grace_seconds=grace_seconds)


def cancel(connection: Connection, name: str, *, at: datetime) -> None:
    """End it. A worker in the middle of a step finishes its call and then finds its lease gone.

    :raises NotPossible: it ended already.
    """
    row = find(connection, name)
    if row.status in {O.CANCELLED, O.REMOVED, O.TEARING_DOWN}:
        raise NotPossible(f"{name} is {row.status} already")
    move_onboarding(connection, row.id, row.status, O.CANCELLED, at=at, reason="a person cancelled it")
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(next_verification_at=None))
    found = select(Step.c.name, Step.c.state, Step.c.due_at).where(Step.c.onboarding_id == row.id)
    for step in connection.execute(found).all():
        if step.state not in DONE and step.state is not S.CANCELLED:
            move_step(
                connection,
                onboarding_id=row.id,
                name=step.name,
                sources=(step.state,),
                target=S.CANCELLED,
                at=at,
                # Its worker may be in the middle of a call: `retry` has to wait for its end.
                due_at=step.due_at if step.state is S.RUNNING else None,
            )


def pause(connection: Connection, name: str, *, at: datetime) -> None:
    """Hold it after the step that runs.

    :raises NotPossible: it does not move anyway.
    """
    row = find(connection, name)
    if row.status not in {O.RUNNING, O.WAITING, O.ACTIVE, O.DEGRADED}:
        raise NotPossible(f"{name} is {row.status}; only a running, waiting, active or degraded one can be paused")
    move_onboarding(connection, row.id, row.status, O.PAUSED, at=at, reason="a person paused it")


def resume(connection: Connection, name: str, *, at: datetime, grace_seconds: float) -> list[WakeUp]:
    """Let a paused onboarding go on.

    :raises NotPossible: it is not paused.
    """
    row = find(connection, name)
    if row.status is not O.PAUSED:
        raise NotPossible(f"{name} is {row.status}, not paused")
    move_onboarding(connection, row.id, O.PAUSED, _status_before_pause(connection, row), at=at)
    settle_onboarding(connection, row.id, at=at)
    due_at = at + timedelta(seconds=grace_seconds)
    ready = connection.execute(
        update(Step)
        .where(Step.c.onboarding_id == row.id, Step.c.state.in_([S.READY, S.RETRYING]))
        .values(due_at=due_at)
        .returning(Step.c.name)
    ).scalars()
    return [WakeUp(row.id, name, step) for step in ready]


def _status_before_pause(connection: Connection, row: Row[Any]) -> OnboardingState:
    """Once active, the last check that came to an end decides."""
    if row.activated_at is None:
        return O.RUNNING
    return O.ACTIVE if last_check_passed(connection, row.id) else O.DEGRADED


def verify(
    connection: Connection, name: str, *, sends_message: bool, at: datetime, grace_seconds: float
) -> list[WakeUp]:
    """Ask for a run of the checks now.

    :raises NotPossible: the onboarding is not active yet, or a run is under way.
    """
    row = find(connection, name)
    if row.status not in {O.ACTIVE, O.DEGRADED}:
        raise NotPossible(f"{name} is {row.status}; only an active or degraded onboarding can be verified again")
    if not begin_verification(
        connection, row.id, trigger="request", sends_message=sends_message, at=at, grace_seconds=grace_seconds
    ):
        raise NotPossible(f"a verification of {name} is under way; see `onboard show {name}`")
    return [WakeUp(row.id, name, "verification")]


def confirm(
    connection: Connection,
    name: str,
    key: str,
    *,
    values: Mapping[str, str],
    by: str,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Record that a person did an operator task and wake the step that waits for it.

    :raises engine.operator_tasks.UnknownTask: there is no such open task.
    :raises engine.operator_tasks.MissingValues: something was not brought back.
    """
    row = find(connection, name)
    step = answer_task(connection, row.id, key, values=values, by=by, at=at)
    is_ready = signal_step(connection, row.id, step, at=at, grace_seconds=grace_seconds)
    return [WakeUp(row.id, name, step)] if is_ready else []
