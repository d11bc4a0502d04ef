"""What a person may ask of an onboarding. Each command is one transaction; what it makes due is returned, not sent.

``actor`` is who asks; it goes into the event log with what was asked. Deciding a step by hand: :mod:`engine.by_hand`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select, update

from engine.graph import bring_rows
from engine.rechecks import begin_verification
from engine.transitions import append_event, move_onboarding, move_step, settle_onboarding
from engine.verifications import last_check_passed, replace_open_runs
from engine.wake import WakeUp
from models.states import DONE, OnboardingState, StepState
from models.tables import Onboarding, Step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.contract import Catalogue

S = StepState
O = OnboardingState  # noqa: E741  as in engine.transitions

# The statuses in which each command makes sense.
CAN_PAUSE = frozenset({O.RUNNING, O.WAITING, O.ACTIVE, O.DEGRADED, O.TEARING_DOWN})
CAN_RESUME = frozenset({O.PAUSED})
CAN_CANCEL = frozenset(O) - {O.CANCELLED, O.REMOVED}
CAN_RETRY = frozenset({O.WAITING, O.FAILED, O.DEGRADED, O.CANCELLED, O.TEARING_DOWN})
CAN_RETRY_FROM = (CAN_RETRY | {O.RUNNING, O.ACTIVE}) - {O.TEARING_DOWN}
CAN_VERIFY = frozenset({O.ACTIVE, O.DEGRADED})


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
    """Make the first step that has something to do ready and those named after it pending; of a removal, from the end.

    A step that runs right now is cancelled under its worker, whose record will be refused. Nothing starts before that
    worker has ended its call (:func:`engine.claim.release`) or its lease is over: a new look at the vendor could miss what
    that call is about to create.
    """
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(activated_at=None))
    found = select(Step).where(Step.c.onboarding_id == row.id)
    steps = {step.name: step for step in connection.execute(found).all()}
    states = {name: step.state for name, step in steps.items()}
    lease_end = max((end for step in steps.values() if (end := _lease_end(step)) and end > at), default=None)
    wakeups: list[WakeUp] = []
    is_removal = any(step.is_removal for step in steps.values())
    for name in reversed(catalogue.names) if is_removal else catalogue.names:
        if states[name] in DONE and name not in names:
            continue
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
                # What a person said of it no longer holds.
                reason=f"{name} runs again, as asked" if steps[name].settled_by else None,
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
            wakeups.append(WakeUp(row.id, row.name, name, is_removal))
    settle_onboarding(connection, row.id, at=at)
    return wakeups


def _lease_end(step: Row[Any]) -> datetime | None:
    """Until when a worker may be in the middle of a call for it, also one that was taken off it."""
    if step.state is S.READY:
        # What a vendor's limit holds back has no worker.
        return step.not_before if step.held_since is None else None
    # A cancelled step keeps the end of the lease that it had; see cancel.
    return step.due_at if step.state in {S.RUNNING, S.CANCELLED} else None


def retry(
    connection: Connection,
    catalogue: Catalogue,
    name: str,
    *,
    actor: str,
    at: datetime,
    grace_seconds: float,
    from_step: str | None = None,
) -> list[WakeUp]:
    """Try again now, from the first step that is not done; also takes up a cancelled onboarding.

    One that is being taken down tries that again. One whose removal was cancelled is built up again: each step looks what
    is left. A degraded one goes through all its steps, but not through those that a person decided by hand: each mends what it
    owns and can mend.

    :param from_step: run this step and all that follow again, also what is done and what was decided by hand. They
        look first and adopt what is there.
    :raises NotPossible: there is nothing to try again, it is at work already, or it has not come to ``from_step`` yet.
    """
    row = find(connection, name)
    if row.status not in (CAN_RETRY if from_step is None else CAN_RETRY_FROM):
        raise NotPossible(_why_no_retry(name, row.status))
    come_to_present(connection, catalogue, row, at=at)
    wanted = (Step.c.name, Step.c.state, Step.c.settled_by, Step.c.is_removal)
    found = select(*wanted).where(Step.c.onboarding_id == row.id)
    steps = {step.name: step for step in connection.execute(found).all()}
    is_removal = any(step.is_removal for step in steps.values())
    if is_removal and row.status is O.CANCELLED:
        connection.execute(update(Step).where(Step.c.onboarding_id == row.id).values(is_removal=False))
        connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(teardown=None))
        again = set(catalogue.names)
    elif is_removal:
        again = set()
    elif from_step is None:
        by_hand = {step for step in steps if steps[step].settled_by}
        # Cancelling ends the scheduled checks, so what was active is verified anew; that sets the next date too.
        again = set(catalogue.names) - by_hand if row.status is O.DEGRADED else {catalogue.names[-1]}
    else:
        again = {step.name for step in catalogue.from_step(from_step)}
        before = [step for step in catalogue.names if step not in again and steps[step].state not in DONE]
        if before:
            raise NotPossible(
                f"{name} has not come to {from_step} yet: {before[0]} is not done; `onboard retry {name}`"
            )
    text = f"{actor} asked to try again" + (f" from {from_step}" if from_step else "")
    details = {"actor": actor, **({"from": from_step} if from_step else {})}
    append_event(connection, row.id, "onboarding:retried", text, at=at, details=details)
    if row.status is O.CANCELLED:
        move_onboarding(connection, row.id, O.CANCELLED, O.RUNNING, at=at)
    # A silent check that was under way must not pass for the one that a person asks for now, nor may one that sent
    # its message before earlier steps ran again.
    is_proof_outdated = from_step is not None and from_step != catalogue.names[-1]
    replace_open_runs(connection, row.id, at=at, only_silent=not is_proof_outdated)
    return reopen(connection, catalogue, row, again, at=at, grace_seconds=grace_seconds)


def come_to_present(connection: Connection, catalogue: Catalogue, row: Row[Any], *, at: datetime) -> None:
    """Bring the onboarding over to the present step graph before its steps are opened again.

    :raises NotPossible: a newer version made it, or a worker of an older one is at it.
    """
    if bring_rows(connection, catalogue, row, at=at) is None:
        raise NotPossible(
            f"{row.name} runs on step graph {row.graph_version}, this version of onboard on {catalogue.version}: "
            + (
                "a worker is at it just now; try again in a moment"
                if row.graph_version < catalogue.version
                else "use the newer one"
            )
        )


def _why_no_retry(name: str, status: OnboardingState) -> str:
    match status:
        case O.ACTIVE:
            return (
                f"{name} is active; to check it again: `onboard verify {name}`, to run steps again: "
                f"`onboard retry {name} --from STEP`"
            )
        case O.PAUSED:
            return f"{name} is paused; to let it go on: `onboard resume {name}`"
        case O.RUNNING:
            return f"{name} is at work already; see `onboard show {name}`"
        case O.TEARING_DOWN:
            return f"{name} is being taken down, from the last step to the first; to try that again: `onboard retry {name}`"
        case _:
            return f"{name} is {status.value.replace('_', ' ')}; there is nothing to try again"


def cancel(connection: Connection, name: str, *, actor: str, at: datetime) -> None:
    """End it, or its removal where it is. A worker in the middle of a step finishes its call and then finds its lease gone.

    :raises NotPossible: it ended already.
    """
    row = find(connection, name)
    if row.status not in CAN_CANCEL:
        raise NotPossible(f"{name} is {row.status} already")
    what = "its teardown" if is_being_removed(connection, row.id) else "it"
    _move_asked(connection, row, O.CANCELLED, f"{actor} cancelled {what}", actor=actor, at=at)
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(next_verification_at=None))
    for step in connection.execute(select(Step).where(Step.c.onboarding_id == row.id)).all():
        if step.state not in DONE and step.state is not S.CANCELLED:
            move_step(
                connection,
                onboarding_id=row.id,
                name=step.name,
                sources=(step.state,),
                target=S.CANCELLED,
                at=at,
                # Its worker may be in the middle of a call: `retry` has to wait for its end.
                due_at=_lease_end(step),
            )


def _move_asked(
    connection: Connection, row: Row[Any], target: OnboardingState, reason: str, *, actor: str, at: datetime
) -> None:
    move_onboarding(connection, row.id, row.status, target, at=at, reason=reason, details={"actor": actor})


def pause(connection: Connection, name: str, *, actor: str, at: datetime) -> None:
    """Hold it after the step that runs.

    :raises NotPossible: it does not move anyway.
    """
    row = find(connection, name)
    if row.status not in CAN_PAUSE:
        raise NotPossible(f"{name} is {row.status}; only one that moves or is checked can be paused")
    _move_asked(connection, row, O.PAUSED, f"{actor} paused it", actor=actor, at=at)


def resume(connection: Connection, name: str, *, actor: str, at: datetime, grace_seconds: float) -> list[WakeUp]:
    """Let a paused onboarding go on.

    :raises NotPossible: it is not paused.
    """
    row = find(connection, name)
    if row.status not in CAN_RESUME:
        raise NotPossible(f"{name} is {row.status}, not paused")
    append_event(connection, row.id, "onboarding:resumed", f"{actor} let it go on", at=at, details={"actor": actor})
    move_onboarding(connection, row.id, O.PAUSED, _status_before_pause(connection, row), at=at)
    settle_onboarding(connection, row.id, at=at)
    due_at = at + timedelta(seconds=grace_seconds)
    ready = connection.execute(
        update(Step)
        .where(Step.c.onboarding_id == row.id, Step.c.state.in_([S.READY, S.RETRYING]))
        .values(due_at=due_at)
        .returning(Step.c.name, Step.c.is_removal)
    ).all()
    return [WakeUp(row.id, name, step.name, step.is_removal) for step in ready]


def _status_before_pause(connection: Connection, row: Row[Any]) -> OnboardingState:
    """Once active, the last check that came to an end decides."""
    if is_being_removed(connection, row.id):
        return O.TEARING_DOWN
    if row.activated_at is None:
        return O.RUNNING
    return O.ACTIVE if last_check_passed(connection, row.id) else O.DEGRADED


def is_being_removed(connection: Connection, onboarding_id: int) -> bool:
    """Whether its steps go backwards; also while that is paused, and after it was cancelled."""
    found = exists().where(Step.c.onboarding_id == onboarding_id, Step.c.is_removal)
    return bool(connection.execute(select(found)).scalar_one())


def verify(
    connection: Connection, name: str, *, sends_message: bool, actor: str, at: datetime, grace_seconds: float
) -> list[WakeUp]:
    """Ask for a run of the checks now.

    :raises NotPossible: the onboarding is not active yet, or a run is under way.
    """
    row = find(connection, name)
    if row.status not in CAN_VERIFY:
        raise NotPossible(f"{name} is {row.status}; only an active or degraded onboarding can be verified again")
    if not begin_verification(
        connection, row.id, trigger="request", sends_message=sends_message, at=at, grace_seconds=grace_seconds
    ):
        raise NotPossible(f"a verification of {name} is under way; see `onboard show {name}`")
    text = f"{actor} asked for a check" + (" with a test message" if sends_message else "")
    append_event(connection, row.id, "verification:requested", text, at=at, details={"actor": actor})
    return [WakeUp(row.id, name, "verification")]
