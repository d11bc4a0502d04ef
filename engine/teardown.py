"""Taking an onboarding down: what a person asks for, and the plan that is shown before.

The removal itself is the five steps, run from the last to the first by :func:`engine.runner.run_step` like any other: the
rows say in ``is_removal`` which way they go. ``retry``, ``pause``, ``resume`` and ``cancel`` are those of
``engine.commands``. Rules: docs/teardown.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from engine.claim import Lease
from engine.commands import NotPossible, come_to_present, find, is_being_removed, reopen
from engine.context import StepContext
from engine.desired import subject_of
from engine.removal import Choice, Removal, read_choice
from engine.transitions import append_event, move_onboarding
from engine.verifications import OPEN as OPEN_RUNS
from models.states import OnboardingState, OperatorTaskState, ResourceState, VerificationState
from models.tables import Onboarding, OperatorTask, Resource, Step, Verification

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Row

    from engine.context import Workshop
    from engine.contract import Catalogue
    from engine.wake import WakeUp

O = OnboardingState  # noqa: E741  as in engine.transitions
CAN_TEAR_DOWN = frozenset(O) - {O.DRAFT, O.REMOVED}
ENDED_RUN = {"severity": "error", "subject": "run", "problem": "the onboarding was taken down meanwhile", "cure": ""}
DROPPED = "if somebody did it already without a word, what they made has to be deleted by hand"
# A lease that no attempt has: whoever holds it can read and can write nothing.
NO_ATTEMPT = -1


@dataclass(frozen=True, slots=True)
class TeardownPlan:
    """What taking it down would do, in the order of work."""

    name: str
    channel: str
    brand: str
    sandbox: str
    status: OnboardingState
    removals: list[Removal]


def plan(shop: Workshop, name: str, choice: Choice) -> TeardownPlan:
    """Read what is there and say what would become of it. Changes nothing, here or at a vendor.

    :param shop: its vendors should be the reading ones.
    :raises engine.commands.UnknownOnboarding: there is none of this name.
    """
    with shop.db.begin() as connection:
        row = find(connection, name)
        step_id = connection.execute(select(Step.c.id).where(Step.c.onboarding_id == row.id).limit(1)).scalar_one()
    ctx = StepContext(shop, Lease(row.id, step_id, "", NO_ATTEMPT, 0))
    removals = [each for step in reversed(shop.catalogue.steps) for each in step.removals(ctx, choice)]
    return TeardownPlan(row.name, row.channel, row.brand, row.sandbox, row.status, removals)


def merged(connection: Connection, name: str, choice: Choice) -> Choice:
    """``choice`` on top of what was chosen before, if it is being taken down already.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    """
    row = find(connection, name)
    before = read_choice(row.teardown) if is_being_removed(connection, row.id) else Choice()
    return Choice(before.adopted or choice.adopted, tuple(dict.fromkeys((*before.keep, *choice.keep))))


def begin(
    connection: Connection,
    catalogue: Catalogue,
    name: str,
    choice: Choice,
    *,
    actor: str,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Take it down, or go on with it: after it was cancelled, or with more to keep than before.

    A worker in the middle of a step ends its call first, as for ``retry``.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises NotPossible: it is down already, or on its way without anything new to say; or a newer version made it, or a
        worker of an older one is at it.
    """
    row = find(connection, name)
    if row.status is O.REMOVED:
        raise NotPossible(f"{name} is removed already; `onboard start FILE` begins anew")
    is_on_its_way = is_being_removed(connection, row.id)
    chosen = merged(connection, name, choice)
    if is_on_its_way and row.status is not O.CANCELLED and chosen == read_choice(row.teardown):
        raise NotPossible(f"{name} is being taken down already; see `onboard explain {name}`")
    _require_recorded(connection, row, choice)
    come_to_present(connection, catalogue, row, at=at)
    text = f"{actor} asked to take it down" + _words(choice)
    details = {"actor": actor, **chosen.as_json()}
    append_event(connection, row.id, "onboarding:teardown", text, at=at, details=details)
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(teardown=chosen.as_json()))
    if row.status is not O.TEARING_DOWN:
        move_onboarding(connection, row.id, row.status, O.TEARING_DOWN, at=at, reason=text, details=details)
    _drop_tasks(connection, row, "nobody needs it any more" if is_on_its_way else DROPPED, at=at)
    if not is_on_its_way:
        _end_checks(connection, row, at=at)
        connection.execute(update(Step).where(Step.c.onboarding_id == row.id).values(is_removal=True))
    # What is to be kept after all may ask for more from a step that is done: each looks again what is left.
    again = set(catalogue.names) if chosen != read_choice(row.teardown) or not is_on_its_way else set()
    return reopen(connection, catalogue, row, again, at=at, grace_seconds=grace_seconds)


def _words(choice: Choice) -> str:
    kept = f", but for {', '.join(choice.keep)}" if choice.keep else ""
    return (" with what it had adopted" if choice.adopted else "") + kept


def _require_recorded(connection: Connection, row: Row[Any], choice: Choice) -> None:
    """What is to be kept is there: a misspelt or meaningless word would delete what somebody wanted to keep."""
    found = select(Resource.c.kind).where(Resource.c.onboarding_id == row.id, Resource.c.state != ResourceState.GONE)
    there = {subject_of(kind) for kind in connection.execute(found).scalars()}
    missing = [word for word in choice.keep if word not in there]
    if missing:
        raise NotPossible(f"{row.name} has no {' and no '.join(missing)} to keep; see `onboard show {row.name}`")


def _end_checks(connection: Connection, row: Row[Any], *, at: datetime) -> None:
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(next_verification_at=None))
    runs = update(Verification).where(Verification.c.onboarding_id == row.id, Verification.c.state.in_(OPEN_RUNS))
    connection.execute(runs.values(state=VerificationState.FAILED, finished_at=at, findings=[ENDED_RUN]))


def _drop_tasks(connection: Connection, row: Row[Any], why: str, *, at: datetime) -> None:
    """Nothing that nobody did is waited for any more; what is still wanted is asked again."""
    undone = (OperatorTask.c.onboarding_id == row.id, OperatorTask.c.state != OperatorTaskState.DONE)
    for task in connection.execute(select(OperatorTask.c.key, OperatorTask.c.step).where(*undone)).all():
        text = f"the task {task.key} is dropped: {why}"
        append_event(connection, row.id, "operator_task:dropped", text, at=at, step=task.step)
    connection.execute(delete(OperatorTask).where(*undone))
