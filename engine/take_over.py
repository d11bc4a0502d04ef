"""``onboard migrate``: brings every onboarding of an older step graph over to the present one, each in its own transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from engine.commands import find, reopen
from engine.graph import bring_rows
from engine.transitions import lock_onboarding, settle_onboarding
from models.db import reader
from models.states import DONE, OnboardingState, StepState
from models.tables import Onboarding, Step, VendorLimit

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from engine.contract import Catalogue
    from engine.wake import WakeUp

# Their rows come over too; what they do next is for `retry` to say.
ENDED = frozenset({OnboardingState.CANCELLED, OnboardingState.TEARING_DOWN, OnboardingState.REMOVED})


@dataclass(slots=True)
class TakenOver:
    """Names of onboardings: brought over; at work just now, so to be asked again; made by a newer version.

    :param wakeups: what can go on at once; the sweep finds it otherwise.
    """

    done: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    wakeups: list[WakeUp] = field(default_factory=list)


def take_over_all(engine: Engine, catalogue: Catalogue, *, at: datetime, grace_seconds: float) -> TakenOver:
    """Safe to repeat, and from several machines at once."""
    _fill_accounts(engine)
    result = TakenOver()
    others = select(Onboarding.c.name).where(Onboarding.c.graph_version != catalogue.version).order_by(Onboarding.c.id)
    with reader(engine).begin() as connection:
        names = connection.execute(others).scalars().all()
    for name in names:
        with engine.begin() as connection:
            _take_over(connection, catalogue, name, result, at=at, grace_seconds=grace_seconds)
    return result


def _fill_accounts(engine: Engine) -> None:
    """Whose limits the calls of an onboarding count against; a version that knew no limits leaves it empty."""
    empty = Onboarding.c.twilio_account == ""
    with reader(engine).begin() as connection:
        rows = connection.execute(select(Onboarding.c.id, Onboarding.c.spec).where(empty)).all()
    for row in rows:
        account = row.spec["twilio"]["account_sid"]
        with engine.begin() as connection:
            lock_onboarding(connection, row.id)
            mine = update(Onboarding).where(Onboarding.c.id == row.id, empty)
            connection.execute(mine.values(twilio_account=account))
    if rows:
        with engine.begin() as connection:
            connection.execute(delete(VendorLimit).where(VendorLimit.c.account == ""))


def _take_over(
    connection: Connection, catalogue: Catalogue, name: str, result: TakenOver, *, at: datetime, grace_seconds: float
) -> None:
    row = find(connection, name)
    added = bring_rows(connection, catalogue, row, at=at)
    if added is None:
        (result.newer if row.graph_version > catalogue.version else result.busy).append(name)
        return
    result.done.append(name)
    if row.status in ENDED:
        return
    states = dict(connection.execute(select(Step.c.name, Step.c.state).where(Step.c.onboarding_id == row.id)).all())
    first = next((step for step in catalogue.names if states[step] not in DONE), None)
    if first is not None and states[first] is StepState.PENDING:
        # A step that is new, or that comes after one that was closed. The proof has to be given anew.
        again = {catalogue.names[-1]} if added else set()
        wakeups = reopen(connection, catalogue, row, again, at=at, grace_seconds=grace_seconds)
        result.wakeups += [] if row.status is OnboardingState.PAUSED else wakeups
    else:
        settle_onboarding(connection, row.id, at=at)
