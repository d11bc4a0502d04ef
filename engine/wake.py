"""Finding what is due: signals from the gateway, the tick, the sweep. Returns what to wake; sending is for ``tasks``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select, update

from engine import limit_queue
from engine.claim import free_expired_lease
from engine.limits import WAKEABLE
from engine.rechecks import begin_due
from engine.transitions import append_event, move_step
from models.states import HELD, WAITING, StepState
from models.tables import Onboarding, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from settings import Settings

BATCH = 500


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A step that a message shall be sent for. ``name`` is shown beside the id in Flower."""

    onboarding_id: int
    name: str
    step: str
    is_removal: bool = False


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
        select(Step.c.onboarding_id, Step.c.name.label("step"), Step.c.state, Step.c.is_removal, Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        # What a vendor's limit holds back is called up (engine.limit_queue), not woken. In another state it is not held
        # back any more: a worker of a version that knows no limits moved it and left the mark.
        .where(Step.c.due_at <= at, or_(Step.c.held_since.is_(None), Step.c.state.not_in(list(WAKEABLE))))
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
    connection: Connection,
    *,
    at: datetime,
    grace_seconds: float,
    versions: Collection[int] | None = None,
    settings: Settings | None = None,
) -> list[WakeUp]:
    """Claim what is due by its own clock: polls, waits, long retries, scheduled checks.

    :param versions: only onboardings on these step graphs: whoever does not know another cannot go on with it.
    :param settings: with the limits of scheduled checks; None knows none.
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
            wakeups.append(WakeUp(row.onboarding_id, row.name, row.step, row.is_removal))
    begun = begin_due(connection, settings, at=at, grace_seconds=grace_seconds, versions=versions)
    wakeups += [WakeUp(onboarding_id, name, "verification") for onboarding_id, name in begun]
    # Last: its locks on accounts keep every claim there waiting, and hundreds of checks may begin. Claims too lock the
    # onboarding first.
    return wakeups + call_up(connection, at=at, grace_seconds=grace_seconds, versions=versions)


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
    return [WakeUp(one.onboarding_id, one.name, one.step, one.is_removal) for one in called]


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
            wakeups.append(WakeUp(row.onboarding_id, row.name, row.step, row.is_removal))
    return wakeups
