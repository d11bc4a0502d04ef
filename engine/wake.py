"""Finding what is due: signals from the gateway, the tick, the sweep. Returns what to wake; sending is for ``tasks``."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from engine import limit_queue
from engine.claim import free_expired_lease
from engine.transitions import append_event, move_step
from models.spec.onboarding import spec_from_json
from models.states import HELD, WAITING, OnboardingState, StepState, VerificationState
from models.tables import Onboarding, Step, Verification

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Connection

log = logging.getLogger(__name__)

BATCH = 500
# Checks that fall due together are spread by this part of their interval.
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A step that a message shall be sent for. ``name`` is shown beside the id in Flower."""

    onboarding_id: int
    name: str
    step: str


def signal_step(connection: Connection, onboarding_id: int, step: str, *, at: datetime, grace_seconds: float) -> bool:
    """Something arrived that ``step`` may wait for. True when it became ready and its message must be sent.

    A step that runs right now is flagged instead, so that it does not go to sleep over what arrived. A step that is
    neither waiting nor running needs nothing: it looks for itself when it runs.
    """

    def wake_if_waiting() -> bool:
        due_at = at + timedelta(seconds=grace_seconds)
        return move_step(
            connection,
            onboarding_id=onboarding_id,
            name=step,
            sources=WAITING,
            target=StepState.READY,
            at=at,
            due_at=due_at,
        )

    if wake_if_waiting():
        return True
    flag = update(Step).where(
        Step.c.onboarding_id == onboarding_id, Step.c.name == step, Step.c.state == StepState.RUNNING
    )
    if connection.execute(flag.values(is_signalled=True)).rowcount == 1:
        return False
    # It went to sleep between the two statements.
    return wake_if_waiting()


def _due(
    connection: Connection, states: Iterable[StepState], at: datetime, versions: Collection[int] | None
) -> list[Any]:
    statement = (
        select(Step.c.onboarding_id, Step.c.name.label("step"), Step.c.state, Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        # What a vendor's limit holds back is called up (engine.limit_queue), not woken.
        .where(Step.c.due_at <= at, Step.c.held_since.is_(None))
        .where(Step.c.state.in_(list(states)), Onboarding.c.status.not_in(HELD))
        .order_by(Step.c.due_at)
        .limit(BATCH)
        # Two ticks at once share the work, and one that is being moved right now is left for the next tick.
        .with_for_update(skip_locked=True, key_share=True, of=Onboarding)
    )
    if versions is not None:
        statement = statement.where(Onboarding.c.graph_version.in_(list(versions)))
    return list(connection.execute(statement).all())


def tick(
    connection: Connection, *, at: datetime, grace_seconds: float, versions: Collection[int] | None = None
) -> list[WakeUp]:
    """Claim what is due by its own clock: polls, waits, long retries, scheduled checks.

    :param versions: only onboardings on these step graphs: whoever does not know another cannot go on with it.
    """
    wakeups = []
    for row in _due(connection, [*WAITING, StepState.RETRYING], at, versions):
        is_claimed = move_step(
            connection,
            onboarding_id=row.onboarding_id,
            name=row.step,
            sources=(row.state,),
            target=StepState.READY,
            at=at,
            where=Step.c.due_at <= at,
            due_at=at + timedelta(seconds=grace_seconds),
        )
        if is_claimed:
            wakeups.append(WakeUp(row.onboarding_id, row.name, row.step))
    wakeups += call_up(connection, at=at, grace_seconds=grace_seconds, versions=versions)
    return wakeups + _due_verifications(connection, at=at, grace_seconds=grace_seconds)


def call_up(
    connection: Connection,
    *,
    at: datetime,
    grace_seconds: float,
    versions: Collection[int] | None = None,
    beside: int | None = None,
) -> list[WakeUp]:
    """What was held back by a vendor's limit and has room now; see :func:`engine.limit_queue.call_up`."""
    called = limit_queue.call_up(connection, at=at, grace_seconds=grace_seconds, versions=versions, beside=beside)
    return [WakeUp(one.onboarding_id, one.name, one.step) for one in called]


def sweep(
    connection: Connection, *, at: datetime, grace_seconds: float, versions: Collection[int] | None = None
) -> list[WakeUp]:
    """Find what got lost: steps whose worker vanished, and ready steps whose message never arrived.

    :param versions: as of :func:`tick`.
    """
    wakeups = []
    for row in _due(connection, [StepState.RUNNING, StepState.READY], at, versions):
        if row.state is StepState.RUNNING and not free_expired_lease(connection, row.onboarding_id, row.step, at=at):
            continue
        again = update(Step).where(
            Step.c.onboarding_id == row.onboarding_id,
            Step.c.name == row.step,
            Step.c.state == StepState.READY,
            Step.c.due_at <= at,
        )
        if connection.execute(again.values(due_at=at + timedelta(seconds=grace_seconds))).rowcount == 1:
            append_event(
                connection, row.onboarding_id, "step:woken", "woken again: its message got lost", at=at, step=row.step
            )
            wakeups.append(WakeUp(row.onboarding_id, row.name, row.step))
    return wakeups


def _due_verifications(connection: Connection, *, at: datetime, grace_seconds: float) -> list[WakeUp]:
    statement = (
        select(Onboarding.c.id, Onboarding.c.name, Onboarding.c.spec)
        .where(
            Onboarding.c.next_verification_at <= at,
            Onboarding.c.status.in_([OnboardingState.ACTIVE, OnboardingState.DEGRADED]),
        )
        .order_by(Onboarding.c.next_verification_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, key_share=True)
    )
    wakeups = []
    for row in connection.execute(statement).all():
        try:
            verification = spec_from_json(row.spec).verification
        except ValueError:
            # A newer version may refuse what an older one stored: that is no reason to check nobody else.
            log.exception("the stored spec of %s cannot be read; its checks are put off by a day", row.name)
            schedule_verification(connection, row.id, timedelta(days=1), at=at)
            continue
        begun = begin_verification(
            connection,
            row.id,
            trigger="schedule",
            sends_message=verification.send_on_schedule,
            at=at,
            grace_seconds=grace_seconds,
        )
        schedule_verification(connection, row.id, verification.every, at=at)
        if begun:
            wakeups.append(WakeUp(row.id, row.name, "verification"))
    return wakeups


def schedule_verification(connection: Connection, onboarding_id: int, every: timedelta, *, at: datetime) -> None:
    """Set the next due time, jittered so that channels onboarded together are not checked together."""
    due = at + every * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  spreads load, guards nothing
    connection.execute(update(Onboarding).where(Onboarding.c.id == onboarding_id).values(next_verification_at=due))


def begin_verification(
    connection: Connection, onboarding_id: int, *, trigger: str, sends_message: bool, at: datetime, grace_seconds: float
) -> bool:
    """Ask for a run of the checks. False when one is under way already, or the onboarding is not there yet."""
    is_claimed = move_step(
        connection,
        onboarding_id=onboarding_id,
        name="verification",
        sources=(StepState.SUCCEEDED, StepState.FAILED, StepState.WAITING_PERSON),
        target=StepState.READY,
        at=at,
        due_at=at + timedelta(seconds=grace_seconds),
        reason="checks are due",
        failures=0,
        lost_leases=0,
    )
    if is_claimed:
        connection.execute(
            insert(Verification).values(
                onboarding_id=onboarding_id,
                trigger=trigger,
                sends_message=sends_message,
                state=VerificationState.PENDING,
                requested_at=at,
                findings=[],
            )
        )
    return is_claimed
