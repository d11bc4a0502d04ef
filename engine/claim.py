"""Leases: which worker works on which step, and what happens when a worker vanishes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, insert, or_, select, update

from engine.transitions import append_event, lock_onboarding, move_step
from models.states import HELD, StepState
from models.tables import Attempt, Onboarding, Step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

# A step whose workers vanish again and again would take every worker down with it.
LOST_LEASES_BEFORE_PARKING = 5
# Clocks of two machines differ a little; a retry that arrives this early is on time.
EARLY_SECONDS = 0.5


class LeaseLost(RuntimeError):
    """Another attempt, or a person, took the step over; whatever this worker still does must not be recorded."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one step, proved by its attempt number."""

    onboarding_id: int
    step_id: int
    step: str
    attempt: int
    failures: int
    is_removal: bool = False


def claim_step(
    connection: Connection, onboarding_id: int, name: str, *, worker: str, at: datetime, lease_seconds: float
) -> Lease | None:
    """Take the step if it is due and nobody has it; None leaves it to whoever decided otherwise."""
    is_free = exists().where(Onboarding.c.id == onboarding_id, Onboarding.c.status.not_in(HELD))
    is_due = or_(Step.c.not_before.is_(None), Step.c.not_before <= at + timedelta(seconds=EARLY_SECONDS))
    if not move_step(
        connection,
        onboarding_id=onboarding_id,
        name=name,
        sources=(StepState.READY, StepState.RETRYING),
        target=StepState.RUNNING,
        at=at,
        where=is_free & is_due,
        due_at=at + timedelta(seconds=lease_seconds),
        not_before=None,
        started_at=at,
        finished_at=None,
        is_signalled=False,
        attempt=Step.c.attempt + 1,
    ):
        return None
    row = connection.execute(
        select(Step.c.id, Step.c.attempt, Step.c.failures, Step.c.is_removal).where(
            Step.c.onboarding_id == onboarding_id, Step.c.name == name
        )
    ).one()
    connection.execute(insert(Attempt).values(step_id=row.id, number=row.attempt, worker=worker, started_at=at))
    return Lease(onboarding_id, row.id, name, row.attempt, row.failures, row.is_removal)


def hold(connection: Connection, lease: Lease, *, at: datetime, lease_seconds: float) -> None:
    """Prove that the lease is still ours and extend it, inside the transaction that writes something.

    :raises LeaseLost: it is not.
    """
    lock_onboarding(connection, lease.onboarding_id)
    statement = (
        update(Step)
        .where(Step.c.id == lease.step_id, Step.c.state == StepState.RUNNING, Step.c.attempt == lease.attempt)
        .values(due_at=at + timedelta(seconds=lease_seconds))
    )
    if connection.execute(statement).rowcount != 1:
        raise LeaseLost(lease.step)


def release(connection: Connection, lease: Lease, *, at: datetime) -> bool:
    """The worker whose lease was taken away by a person has ended its call: no step need wait for it any longer.

    True when the step itself is ready and was only waiting for that; an earlier one is left to the sweep. If another worker
    has begun a step since, it is that one's call that is waited for, and nothing changes.
    """
    lock_onboarding(connection, lease.onboarding_id)
    ours = select(Attempt.c.id).where(Attempt.c.step_id == lease.step_id, Attempt.c.number == lease.attempt)
    last = select(func.max(Attempt.c.id)).join(Step).where(Step.c.onboarding_id == lease.onboarding_id)
    held_back = update(Step).where(
        Step.c.onboarding_id == lease.onboarding_id,
        Step.c.state == StepState.READY,
        Step.c.not_before.isnot(None),
        # Not by a vendor's limit, which this worker knows nothing of.
        Step.c.held_since.is_(None),
        ours.scalar_subquery() == last.scalar_subquery(),
    )
    freed = connection.execute(held_back.values(not_before=None, due_at=at).returning(Step.c.name)).scalars().all()
    return lease.step in freed


def free_expired_lease(connection: Connection, onboarding_id: int, name: str, *, at: datetime) -> bool:
    """Make a step whose worker went silent ready again, or park it for a person after too many losses."""
    row = connection.execute(
        select(Step.c.id, Step.c.attempt, Step.c.lost_leases).where(
            Step.c.onboarding_id == onboarding_id,
            Step.c.name == name,
            Step.c.state == StepState.RUNNING,
            Step.c.due_at <= at,
        )
    ).one_or_none()
    if row is None:
        return False
    is_poison = row.lost_leases + 1 >= LOST_LEASES_BEFORE_PARKING
    reason = (
        f"{row.lost_leases + 1} workers vanished while running {name}; look at the worker's log, then `onboard retry`"
        if is_poison
        else "its worker went silent; another one takes over"
    )
    freed = move_step(
        connection,
        onboarding_id=onboarding_id,
        name=name,
        sources=(StepState.RUNNING,),
        target=StepState.WAITING_PERSON if is_poison else StepState.READY,
        at=at,
        reason=reason,
        fence=row.attempt,
        where=Step.c.due_at <= at,
        lost_leases=row.lost_leases + 1,
        due_at=None if is_poison else at,
        waiting_since=at if is_poison else Step.c.waiting_since,
        waiting_topic="lost" if is_poison else Step.c.waiting_topic,
        waiting_until=None if is_poison else Step.c.waiting_until,
        waiting_for="a person" if is_poison else Step.c.waiting_for,
    )
    if freed:
        connection.execute(
            update(Attempt)
            .where(Attempt.c.step_id == row.id, Attempt.c.number == row.attempt)
            .values(finished_at=at, outcome="lost")
        )
        append_event(connection, onboarding_id, "lease:lost", reason, at=at, step=name)
    return freed
