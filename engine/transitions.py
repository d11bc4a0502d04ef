"""The legal moves of steps and onboardings, and the only functions that apply them.

Each move appends its event in the same transaction. A move that the table does not know is a programming error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from models.states import DONE, UNDER_WAY, ForwardState, OnboardingState, StepState
from models.tables import Event, Onboarding, Secret, Step, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

S = StepState
O = OnboardingState  # noqa: E741  the table below is read as a table

STEP_MOVES: dict[StepState, frozenset[StepState]] = {
    S.PENDING: frozenset({S.READY, S.CANCELLED}),
    # A ready step that an update made superfluous goes back to pending.
    S.READY: frozenset({S.RUNNING, S.PENDING, S.CANCELLED}),
    # running -> ready: its wake-up arrived while it ran, or its lease was lost and another worker takes over.
    S.RUNNING: frozenset(
        {S.SUCCEEDED, S.SKIPPED, S.READY, S.RETRYING, S.WAITING_VENDOR, S.WAITING_PERSON, S.FAILED, S.CANCELLED}
    ),
    S.RETRYING: frozenset({S.READY, S.RUNNING, S.PENDING, S.CANCELLED}),
    S.WAITING_VENDOR: frozenset({S.READY, S.PENDING, S.CANCELLED}),
    S.WAITING_PERSON: frozenset({S.READY, S.PENDING, S.CANCELLED}),
    # A finished step starts again when its part of the spec changed, and verification on schedule.
    S.SUCCEEDED: frozenset({S.READY, S.PENDING}),
    S.SKIPPED: frozenset({S.READY, S.PENDING}),
    S.FAILED: frozenset({S.READY, S.PENDING, S.CANCELLED}),
    # Only `retry` takes a cancelled onboarding up again.
    S.CANCELLED: frozenset({S.READY, S.PENDING}),
}

# What a person may decide besides, with a name and evidence (engine.by_hand). Not of a step that runs: what its worker is
# about to create has to be recorded first.
STEP_MOVES_BY_HAND: dict[StepState, frozenset[StepState]] = {
    state: frozenset({S.SUCCEEDED, S.SKIPPED})
    for state in (S.PENDING, S.READY, S.RETRYING, S.WAITING_VENDOR, S.WAITING_PERSON, S.FAILED)
}

# A step that is no longer one of the steps, or not yet one of a removal's; only `engine.graph` closes one.
STEP_MOVES_CLOSING: dict[StepState, frozenset[StepState]] = {
    state: frozenset({S.SKIPPED}) for state in StepState if state is not S.RUNNING
}

# A look at what is waited for (ready, running) does not end the wait; these do.
SETTLED = frozenset({S.PENDING, S.SUCCEEDED, S.SKIPPED, S.FAILED, S.CANCELLED})

# Whatever moves a step ends what a vendor's limit did to it.
NOT_HELD: dict[str, Any] = {"held_since": None, "held_by": None, "held_reason": None}

ONBOARDING_MOVES: dict[OnboardingState, frozenset[OnboardingState]] = {
    O.DRAFT: frozenset({O.RUNNING, O.CANCELLED}),
    O.RUNNING: frozenset({O.WAITING, O.PAUSED, O.ACTIVE, O.DEGRADED, O.FAILED, O.CANCELLED, O.TEARING_DOWN}),
    O.WAITING: frozenset({O.RUNNING, O.PAUSED, O.ACTIVE, O.DEGRADED, O.FAILED, O.CANCELLED, O.TEARING_DOWN}),
    O.PAUSED: frozenset({O.RUNNING, O.WAITING, O.ACTIVE, O.DEGRADED, O.FAILED, O.CANCELLED, O.TEARING_DOWN}),
    # active -> running: an update touches it.
    O.ACTIVE: frozenset({O.DEGRADED, O.RUNNING, O.WAITING, O.PAUSED, O.CANCELLED, O.TEARING_DOWN}),
    O.DEGRADED: frozenset({O.ACTIVE, O.RUNNING, O.WAITING, O.PAUSED, O.CANCELLED, O.TEARING_DOWN}),
    O.FAILED: frozenset({O.RUNNING, O.WAITING, O.CANCELLED, O.TEARING_DOWN}),
    O.CANCELLED: frozenset({O.RUNNING, O.TEARING_DOWN}),
    # A removal that failed stays tearing_down: failed would mean that a retry builds it up.
    O.TEARING_DOWN: frozenset({O.REMOVED, O.PAUSED, O.CANCELLED}),
    # Another onboarding may take the name; this one is history.
    O.REMOVED: frozenset(),
}


class IllegalMove(RuntimeError):
    """A move that the tables above do not allow."""


def lock_onboarding(connection: Connection, onboarding_id: int) -> None:
    """Make this transaction the only one that moves this onboarding, until it ends.

    Every transaction that changes a step, a message or the onboarding itself takes this lock first: one order for all,
    so that no two of them can wait for each other. SQLite has one writer anyway.
    """
    # NO KEY UPDATE lets rows that refer to the onboarding be inserted meanwhile.
    row = select(Onboarding.c.id).where(Onboarding.c.id == onboarding_id).with_for_update(key_share=True)
    connection.execute(row)


def append_event(
    connection: Connection,
    onboarding_id: int,
    kind: str,
    text: str,
    *,
    at: datetime,
    step: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Record what happened. ``text`` is for people; it must hold no secret."""
    connection.execute(
        insert(Event).values(
            onboarding_id=onboarding_id, at=at, kind=kind, step=step, text=text[:2000], details=details or {}
        )
    )


def move_step(
    connection: Connection,
    *,
    onboarding_id: int,
    name: str,
    sources: Iterable[StepState],
    target: StepState,
    at: datetime,
    reason: str | None = None,
    text: str | None = None,
    fence: int | None = None,
    where: Any = None,
    settles: bool = True,
    settled_by: str | None = None,
    closes: bool = False,
    details: dict[str, Any] | None = None,
    **columns: Any,
) -> bool:
    """Move one step by conditional update, append its event and settle the onboarding's own status.

    :param sources: the states it may be in; each must be a legal origin of ``target``.
    :param text: what the event log says of it; by default the reason.
    :param fence: only if this is still the current attempt (the fence against late workers).
    :param where: a further SQL condition, checked in the same statement.
    :param settles: False where several steps move together: the caller settles once they all have.
    :param settled_by: the person who decides it; the moves by hand are then the legal ones.
    :param closes: the step is no longer part of the graph.
    :return: False when the step was not in such a state, or belongs to a newer attempt: somebody else decided.
    """
    lock_onboarding(connection, onboarding_id)
    origins = list(sources)
    moves = STEP_MOVES if settled_by is None else STEP_MOVES_BY_HAND
    moves = STEP_MOVES_CLOSING if closes else moves
    for origin in origins:
        if target not in moves.get(origin, ()):
            msg = f"step {name}: {origin} -> {target}"
            raise IllegalMove(msg)
    statement = update(Step).where(
        Step.c.onboarding_id == onboarding_id, Step.c.name == name, Step.c.state.in_(origins)
    )
    if fence is not None:
        statement = statement.where(Step.c.attempt == fence)
    if where is not None:
        statement = statement.where(where)
    values: dict[str, Any] = {"state": target, "due_at": None, "settled_by": settled_by, **NOT_HELD, **columns}
    if reason is not None or target not in {S.READY, S.RUNNING}:
        # A step that looks again keeps saying what it waits for.
        values["reason"] = reason
    if target in SETTLED:
        values |= {"waiting_since": None, "waiting_until": None, "waiting_for": None, "waiting_topic": None}
    if connection.execute(statement.values(**values)).rowcount != 1:
        return False
    text = text or reason or f"{name} is {target.value.replace('_', ' ')}"
    append_event(connection, onboarding_id, f"step:{target}", text, at=at, step=name, details=details)
    if settles:
        settle_onboarding(connection, onboarding_id, at=at)
    return True


def derive_status(states: dict[str, StepState], *, is_looking: bool, was_active: bool) -> OnboardingState:
    """What the five steps amount to. Once active, a run of the last step alone does not end that.

    :param is_looking: the step under way only looks again at what it waits for.

    An update clears ``activated_at``: what was changed is not active before it has been verified again.
    """
    rechecking = was_active and all(state in DONE for name, state in states.items() if name != "verification")
    if rechecking:
        return O.DEGRADED if states["verification"] in {S.FAILED, S.WAITING_PERSON} else O.ACTIVE
    if all(state in DONE for state in states.values()):
        return O.ACTIVE
    if any(state is S.FAILED for state in states.values()):
        return O.FAILED
    if any(state in UNDER_WAY for state in states.values()) and not is_looking:
        return O.RUNNING
    return O.WAITING


def settle_onboarding(connection: Connection, onboarding_id: int, *, at: datetime) -> None:
    """Bring the onboarding's status in line with its steps, unless a person holds or ended it."""
    row = connection.execute(
        select(Onboarding.c.status, Onboarding.c.activated_at).where(Onboarding.c.id == onboarding_id)
    ).one()
    if row.status in {O.PAUSED, O.CANCELLED, O.REMOVED}:
        return
    steps = connection.execute(
        select(Step.c.name, Step.c.state, Step.c.reason, Step.c.waiting_topic)
        .where(Step.c.onboarding_id == onboarding_id)
        .order_by(Step.c.position)
    ).all()
    states = {step.name: step.state for step in steps}
    if row.status is O.TEARING_DOWN:
        _settle_removal(connection, onboarding_id, steps, at=at)
        return
    is_looking = any(step.waiting_topic for step in steps)
    target = derive_status(states, is_looking=is_looking, was_active=row.activated_at is not None)
    reason = next((step.reason for step in steps if step.state not in DONE and step.reason), None)
    if row.status is O.DEGRADED and target is O.ACTIVE and states["verification"] not in DONE:
        # Degraded stays until a check has passed, not only begun.
        return
    move_onboarding(connection, onboarding_id, row.status, target, at=at, reason=reason)


def _settle_removal(connection: Connection, onboarding_id: int, steps: Sequence[Any], *, at: datetime) -> None:
    """Removed once every step has taken away what it made; its addresses and secrets end with it."""
    reason = next((step.reason for step in reversed(steps) if step.state not in DONE and step.reason), None)
    target = O.REMOVED if all(step.state in DONE for step in steps) else O.TEARING_DOWN
    if move_onboarding(connection, onboarding_id, O.TEARING_DOWN, target, at=at, reason=reason) and target is O.REMOVED:
        connection.execute(delete(Secret).where(Secret.c.onboarding_id == onboarding_id))
        on_their_way = (
            WebhookEvent.c.onboarding_id == onboarding_id,
            WebhookEvent.c.forward_state.in_([ForwardState.ARRIVED, ForwardState.PENDING]),
        )
        values = {"forward_state": ForwardState.PARKED, "forward_due_at": None, "forward_error": "it was taken down"}
        connection.execute(update(WebhookEvent).where(*on_their_way).values(**values))


def move_onboarding(
    connection: Connection,
    onboarding_id: int,
    source: OnboardingState,
    target: OnboardingState,
    *,
    at: datetime,
    reason: str | None = None,
    details: dict[str, Any] | None = None,
) -> bool:
    """Move the onboarding itself. False when it is no longer in ``source``."""
    values: dict[str, Any] = {"reason": None if target is O.ACTIVE else reason, "updated_at": at}
    if source is target:
        connection.execute(update(Onboarding).where(Onboarding.c.id == onboarding_id).values(**values))
        return True
    if target not in ONBOARDING_MOVES[source]:
        msg = f"onboarding {onboarding_id}: {source} -> {target}"
        raise IllegalMove(msg)
    values["status"] = target
    if target is O.ACTIVE and source is not O.PAUSED:
        values["activated_at"] = at
    statement = update(Onboarding).where(Onboarding.c.id == onboarding_id, Onboarding.c.status == source)
    if connection.execute(statement.values(**values)).rowcount != 1:
        return False
    text = f"{source.value} -> {target.value}" + (f": {reason}" if reason and target is not O.ACTIVE else "")
    append_event(connection, onboarding_id, f"onboarding:{target}", text, at=at, details=details)
    return True
