"""A person's word on a step: skipped, or done by other hands. It stays in sight for as long as it holds.

The word holds until the step runs again: because of ``retry --from``, or of an update of the spec that touches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import kinds
from engine.commands import NotPossible, come_to_present, find, is_being_removed, reopen
from engine.transitions import STEP_MOVES_BY_HAND, move_step, settle_onboarding
from models.states import DONE, OnboardingState, ResourceState, StepState
from models.tables import Resource, Step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.contract import Catalogue
    from engine.wake import WakeUp

S = StepState
O = OnboardingState  # noqa: E741  as in engine.transitions

# The column's; the reason has all of it.
LONGEST_NAME = 200
# Of what a step leaves behind, that without which a later one cannot work: ids that no person's word can replace.
NEEDED_LATER: dict[str, dict[str, tuple[str, ...]]] = {
    "rcs": {
        "registration": (kinds.MESSAGING_SERVICE, kinds.RCS_SENDER),
        "webhook": (kinds.INBOUND_WEBHOOK, kinds.FEEDBACK_WEBHOOK),
        "credential": (kinds.API_KEY, kinds.CREDENTIAL),
    },
    "sms": {"registration": (kinds.MESSAGING_SERVICE,), "credential": (kinds.CREDENTIAL,)},
    "mms": {"registration": (kinds.MESSAGING_SERVICE,), "credential": (kinds.CREDENTIAL,)},
}


def skip(
    connection: Connection,
    catalogue: Catalogue,
    name: str,
    step: str,
    *,
    by: str,
    actor: str,
    reason: str,
    evidence: str | None,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Leave the step out: it does not run, and the checks do not look at what it owns.

    :param by: who decided it.
    :param actor: who typed it.
    :raises NotPossible: the step is not one that can be left out, or not now; the message says why.
    """
    text = f"skipped by {by}: {reason}" + (f"; evidence: {evidence}" if evidence else "")
    return _settle(
        connection,
        catalogue,
        name,
        step,
        S.SKIPPED,
        text=text,
        details={"actor": actor, "by": by, "reason": reason, "evidence": evidence},
        at=at,
        grace_seconds=grace_seconds,
    )


def mark_done(
    connection: Connection,
    catalogue: Catalogue,
    name: str,
    step: str,
    *,
    by: str,
    actor: str,
    evidence: str,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Take the step as done on a person's word; the checks still look at what it owns.

    :param by: who says so.
    :param actor: who typed it.
    :raises NotPossible: the step is not one that can be done by hand, or not now; the message says why.
    """
    return _settle(
        connection,
        catalogue,
        name,
        step,
        S.SUCCEEDED,
        text=f"marked done by {by}; evidence: {evidence}",
        details={"actor": actor, "by": by, "evidence": evidence},
        at=at,
        grace_seconds=grace_seconds,
    )


def _settle(
    connection: Connection,
    catalogue: Catalogue,
    name: str,
    step: str,
    target: StepState,
    *,
    text: str,
    details: dict[str, str | None],
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Move the step by hand; if it was the one that is on, the next one becomes ready."""
    row = find(connection, name)
    if step == catalogue.names[-1]:
        raise NotPossible(
            f"{step} is the proof itself and cannot be settled by hand: mend what it found, then `onboard retry {name}`"
        )
    if row.status is not O.CANCELLED and is_being_removed(connection, row.id):
        raise NotPossible(
            f"{name} is taken down; to leave something where it is: `onboard teardown {name} --keep WHAT`"
        )
    if row.status in {O.CANCELLED, O.TEARING_DOWN, O.REMOVED}:
        raise NotPossible(f"{name} is {row.status.value.replace('_', ' ')}; take it up first: `onboard retry {name}`")
    come_to_present(connection, catalogue, row, at=at)
    steps = {each.name: each for each in connection.execute(select(Step).where(Step.c.onboarding_id == row.id)).all()}
    states = {each.name: each.state for each in steps.values()}
    _require_possible(connection, row, steps[step], at=at)
    is_on = step == next(each for each in catalogue.names if states[each] not in DONE)
    move_step(
        connection,
        onboarding_id=row.id,
        name=step,
        sources=(states[step],),
        target=target,
        at=at,
        reason=text,
        settled_by=(details["by"] or "")[:LONGEST_NAME],
        details={key: value for key, value in details.items() if value},
        finished_at=at,
        not_before=None,
        failures=0,
        lost_leases=0,
        settles=False,
    )
    if not is_on:
        settle_onboarding(connection, row.id, at=at)
        return []
    wakeups = reopen(connection, catalogue, row, set(), at=at, grace_seconds=grace_seconds)
    return [] if row.status is O.PAUSED else wakeups


def _require_possible(connection: Connection, row: Row[Any], found: Row[Any], *, at: datetime) -> None:
    name, step, state = row.name, found.name, found.state
    if state in DONE:
        raise NotPossible(f"{step} of {name} is {state} already; to run it again: `onboard retry {name} --from {step}`")
    is_held_back = (
        state is S.READY and found.held_since is None and found.not_before is not None and found.not_before > at
    )
    if is_held_back or state not in STEP_MOVES_BY_HAND:
        raise NotPossible(f"a worker is at {step} of {name} right now; `onboard pause {name}` holds it after this call")
    is_recorded = (Resource.c.onboarding_id == row.id, Resource.c.state == ResourceState.PRESENT)
    recorded = connection.execute(select(Resource.c.kind).where(*is_recorded)).scalars()
    missing = sorted(set(NEEDED_LATER[row.channel].get(step, ())) - set(recorded))
    if missing:
        words = " and ".join(kind.replace("_", " ") for kind in missing)
        raise NotPossible(
            f"later steps need the {words} that {step} of {name} has not recorded yet, and nobody's word can replace "
            f"an id; see `onboard explain {name}`"
        )
