"""One attempt at one step, start to finish: claim, run, record. The heart of the product; keep it readable aloud."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from engine import graph, limits
from engine.claim import Lease, LeaseLost, claim_step, release
from engine.context import StepContext, Workshop, person_wait
from engine.contract import Done, Failed, Outcome, Suspend, Wait
from engine.retry import FAILURES_BEFORE_GIVING_UP, LONGEST_BROKER_DELAY_SECONDS, next_delay
from engine.transitions import lock_onboarding, move_step, settle_onboarding
from models.states import DONE, StepState
from models.tables import Attempt, Step
from providers.errors import HeldBack, Misconfigured, NeedsPerson, Refused, Retryable, WorkerStops
from providers.writes import checked

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.contract import StepDefinition
    from providers.errors import OnboardingError

log = logging.getLogger(__name__)

# Restarts, failovers, a locked file: they pass. Other database errors are defects of ours.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)


@dataclass(frozen=True, slots=True)
class GoOn:
    """The step is done: the chain's next link may run."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Deliver the same message again in ``seconds``; short enough for the broker."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """The chain ends here; the database knows how it goes on.

    :param is_held: its vendor has no room or rests, so nobody is to be called up in its place.
    """

    is_held: bool = False


Next = GoOn | TryAgain | Stop


def run_step(shop: Workshop, onboarding_id: int, name: str) -> Next:
    """Claim the step, run it, record what came of it, and say what the carrier shall do.

    A step that is done already lets the chain go on (a redelivered message); one that somebody else works on, or
    that waits, ends the chain: whoever decided that has seen to its continuation.
    """
    settings = shop.settings
    with shop.db.begin() as connection:
        if not graph.is_known(connection, shop.catalogue, onboarding_id, at=shop.now(), worker=shop.worker):
            return Stop()
        if limits.admit(connection, shop, onboarding_id, name) is not None:
            return Stop(is_held=True)
        lease = claim_step(
            connection, onboarding_id, name, worker=shop.worker, at=shop.now(), lease_seconds=settings.lease_seconds
        )
        if lease is None:
            state = connection.execute(
                select(Step.c.state).where(Step.c.onboarding_id == onboarding_id, Step.c.name == name)
            ).scalar_one_or_none()
            return GoOn() if state in DONE else Stop()
    try:
        return conclude(shop, lease, _attempt(shop, lease))
    except LeaseLost:
        log.warning("step %s of onboarding %s was taken over while it ran", name, onboarding_id)
        with shop.db.begin() as connection:
            return TryAgain(0) if release(connection, lease, at=shop.now()) else Stop()


def conclude(shop: Workshop, lease: Lease, outcome: Outcome | _Again) -> Next:
    """Record what an attempt came to.

    :raises LeaseLost: somebody else took over; nothing was written.
    """
    with shop.db.begin() as connection:
        return _record(connection, shop, lease, outcome)


@dataclass(frozen=True, slots=True)
class _Again:
    """A passing failure."""

    error: Retryable


def _attempt(shop: Workshop, lease: Lease) -> Outcome | _Again:
    """Run the step; every way it can end becomes a value."""
    try:
        ctx = StepContext(shop, lease)
        with checked(ctx.hold_for_a_call):
            return _work(ctx, shop.catalogue.by_name[lease.step])
    except Suspend as suspension:
        return suspension.outcome
    except Retryable as error:
        return _Again(error)
    except NeedsPerson as error:
        return person_wait(shop.settings, f"{error.message}: {error.cure}", topic="vendor")
    except Refused as error:
        return Failed(f"{error.message}: {error.cure}")
    except Misconfigured as error:
        return Failed(f"{error} Then run `onboard retry`.")
    except LeaseLost:
        raise
    except DATABASE_AWAY as error:
        return _Again(Retryable(f"the database did not answer ({type(error).__name__})"))
    except Exception as error:
        # A defect of ours must not loop for ever nor vanish; the worker's log has the traceback.
        log.exception("step %s of onboarding %s broke", lease.step, lease.onboarding_id)
        return Failed(
            f"internal error ({type(error).__name__}) in {lease.step}; see the worker's log, then `onboard retry`"
        )


def _work(ctx: StepContext, step: StepDefinition) -> Outcome:
    if ctx.lease.is_removal:
        return step.undo(ctx)
    skip = step.skip_reason(ctx.spec)
    return Done(note=f"skipped: {skip}") if skip else step.act(ctx)


def _record(connection: Connection, shop: Workshop, lease: Lease, outcome: Outcome | _Again) -> Next:
    """Write the outcome, if the lease is still ours, and what it makes possible, in one transaction."""
    # First: a signal that is being committed right now has to be seen below.
    lock_onboarding(connection, lease.onboarding_id)
    now = shop.now()
    match outcome:
        case Done(note=note, also=also):
            target = StepState.SKIPPED if note.startswith("skipped: ") else StepState.SUCCEEDED
            _move(
                connection,
                lease,
                target,
                now,
                reason=note or None,
                finished_at=now,
                failures=0,
                lost_leases=0,
                settles=False,
            )
            if also is not None:
                also(connection)
            return _open_next(connection, shop, lease, now)
        case Wait():
            return _record_wait(connection, lease, outcome, now)
        case Failed(reason=reason, also=also):
            _move(connection, lease, StepState.FAILED, now, reason=reason, finished_at=now)
            if also is not None:
                also(connection)
            return Stop()
        case _Again(error=error):
            return _record_retry(connection, shop, lease, error, now)


def _record_wait(connection: Connection, lease: Lease, wait: Wait, now: datetime) -> Next:
    row = connection.execute(
        select(Step.c.waiting_since, Step.c.waiting_topic, Step.c.is_signalled).where(Step.c.id == lease.step_id)
    ).one()
    since = row.waiting_since if row.waiting_since and row.waiting_topic == wait.topic else now
    is_overdue = not wait.needs_person and now >= since + wait.at_most
    waiting: dict[str, Any] = {
        "waiting_since": since,
        "waiting_topic": wait.topic,
        "waiting_until": since + wait.at_most,
        "waiting_for": wait.who,
    }
    if row.is_signalled and not is_overdue:
        # What it waits for arrived while it ran: look again at once instead of sleeping over it.
        _move(connection, lease, StepState.READY, now, reason=wait.reason, due_at=now, **waiting)
        return TryAgain(0)
    _move(
        connection,
        lease,
        StepState.WAITING_PERSON if wait.needs_person or is_overdue else StepState.WAITING_VENDOR,
        now,
        reason=f"overdue: {wait.reason}" if is_overdue else wait.reason,
        due_at=now + wait.look_again,
        failures=0,
        lost_leases=0,
        **waiting,
    )
    return Stop()


def _record_held(
    connection: Connection, lease: Lease, error: HeldBack | WorkerStops, now: datetime, grace_seconds: float
) -> Next:
    """No failure of the step: its vendor rests, or its worker ends. It goes on where it was."""
    if isinstance(error, WorkerStops):
        due_at = now + timedelta(seconds=grace_seconds)
        _move(connection, lease, StepState.READY, now, note=error.message, due_at=due_at)
        return TryAgain(0)
    limits.note_held(connection, lease.onboarding_id, error.vendor, now)
    columns = limits.held_columns(error.vendor, error.until, error.message, since=now)
    _move(connection, lease, StepState.READY, now, note=error.message, error=error, **columns)
    # Only this process may know of the pause as yet: whoever were called up now would be the next to be held back.
    return Stop(is_held=True)


def _record_retry(connection: Connection, shop: Workshop, lease: Lease, error: Retryable, now: datetime) -> Next:
    if isinstance(error, HeldBack | WorkerStops):
        return _record_held(connection, lease, error, now, shop.settings.wake_grace_seconds)
    failures = lease.failures + 1
    if failures > FAILURES_BEFORE_GIVING_UP:
        reason = f"{error.message}; gave up after {failures} tries. When the vendor is well again: `onboard retry`"
        _move(
            connection,
            lease,
            StepState.WAITING_PERSON,
            now,
            reason=reason,
            error=error,
            waiting_since=now,
            waiting_topic="gave up",
            waiting_until=None,
            waiting_for="a person",
            failures=0,
        )
        return Stop()
    settings = shop.settings
    delay = next_delay(failures, base_seconds=settings.retry_base_seconds, asked=error.after)
    seconds = delay.total_seconds()
    is_short = seconds <= LONGEST_BROKER_DELAY_SECONDS
    # The broker carries a short delay; the database takes over if its message gets lost.
    due_at = now + delay + timedelta(seconds=settings.wake_grace_seconds if is_short else 0)
    _move(
        connection,
        lease,
        StepState.RETRYING,
        now,
        reason=f"{error.message}; try {failures + 1} in {seconds:.1f} s",
        error=error,
        failures=failures,
        due_at=due_at,
        not_before=now + delay,
    )
    return TryAgain(seconds) if is_short else Stop()


def _open_next(connection: Connection, shop: Workshop, lease: Lease, now: datetime) -> Next:
    """Make the next step that is not done ready. Its wake-up is the chain's next link; the sweep covers for a lost one."""
    states = dict(
        connection.execute(select(Step.c.name, Step.c.state).where(Step.c.onboarding_id == lease.onboarding_id)).all()
    )
    # An update re-runs single steps, so what follows may be done already.
    behind = shop.catalogue.from_step(lease.step, is_removal=lease.is_removal)
    following = [step.name for step in behind if states[step.name] not in DONE]
    if following:
        move_step(
            connection,
            onboarding_id=lease.onboarding_id,
            name=following[0],
            sources=(StepState.PENDING,),
            target=StepState.READY,
            at=now,
            due_at=now + timedelta(seconds=shop.settings.wake_grace_seconds),
            settles=False,
        )
    # Once for both moves: between them the onboarding would seem to wait for nothing.
    settle_onboarding(connection, lease.onboarding_id, at=now)
    return GoOn()


def _move(
    connection: Connection,
    lease: Lease,
    target: StepState,
    now: datetime,
    *,
    error: OnboardingError | None = None,
    reason: str | None = None,
    note: str | None = None,
    **columns: Any,
) -> None:
    """Apply the step's own move under the fence and close the attempt.

    :param note: told in the history only; the step keeps the reason that it has.
    :raises LeaseLost: the step was cancelled or taken over; the transaction must be rolled back.
    """
    if not move_step(
        connection,
        onboarding_id=lease.onboarding_id,
        name=lease.step,
        sources=(StepState.RUNNING,),
        target=target,
        at=now,
        fence=lease.attempt,
        reason=reason,
        text=note,
        **columns,
    ):
        raise LeaseLost(lease.step)
    request_id = error.context.request_id if error is not None and error.context is not None else None
    connection.execute(
        update(Attempt)
        .where(Attempt.c.step_id == lease.step_id, Attempt.c.number == lease.attempt)
        .values(finished_at=now, outcome=target.value, message=reason or note, request_id=request_id)
    )
