"""Whose turn it is among the steps that a vendor's limit holds back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from engine.limits import ACCOUNT, RUNNING, WAKEABLE, at_account, is_called, is_held, room_of, use_of
from models.db import reader
from models.tables import Onboarding, Step, VendorLimit

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from engine.limits import Versions


@dataclass(frozen=True, slots=True)
class CalledUp:
    """A step that was held back and may begin."""

    onboarding_id: int
    name: str
    step: str
    is_removal: bool


def call_up(
    connection: Connection,
    *,
    at: datetime,
    grace_seconds: float,
    versions: Versions = None,
    beside: int | None = None,
) -> list[CalledUp]:
    """Give the room that there is to steps that wait for it; their messages must be sent after the commit.

    :param versions: only to onboardings on these step graphs.
    :param beside: only at the accounts of this onboarding, which has just left room for one.
    """
    keys = _keys(connection, versions) if beside is None else _keys_of(connection, beside)
    found: list[CalledUp] = []
    for vendor, account in sorted(keys):
        mine = (VendorLimit.c.vendor == vendor) & (VendorLimit.c.account == account)
        row = connection.execute(select(VendorLimit).where(mine).with_for_update()).one_or_none()
        if row is not None and row.cooldown_until is not None and row.cooldown_until > at:
            continue
        use = use_of(connection, vendor, account, at=at, versions=versions, counts_waiting=False)
        # An account that has no row, because nobody could write it: the first that comes makes it.
        room = 1 if row is None else room_of(row, at)
        free = room - use.in_flight - use.called
        if beside is not None:
            # A worker that keeps threads for other accounts would only turn the others away again.
            free = min(free, 1)
        if free > 0:
            queue = _queue(vendor, account, at, versions, free)
            found += _call(connection, queue, at=at, grace_seconds=grace_seconds)
    return found


def _keys(connection: Connection, versions: Versions) -> set[tuple[str, str]]:
    """Vendors and accounts where anybody waits."""
    waiting = (
        select(Step.c.held_by, *ACCOUNT.values())
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        .where(is_held(versions))
        .distinct()
    )
    return {(row.held_by, getattr(row, ACCOUNT[row.held_by].name)) for row in connection.execute(waiting).all()}


def _keys_of(connection: Connection, onboarding_id: int) -> set[tuple[str, str]]:
    row = connection.execute(select(*ACCOUNT.values()).where(Onboarding.c.id == onboarding_id)).one()
    return {(vendor, getattr(row, column.name)) for vendor, column in ACCOUNT.items()}


def _queue(vendor: str, account: str, at: datetime, versions: Versions, free: int) -> Any:
    """Brands take turns: who has the fewest steps there goes first. Within a brand, what is nearest to its end does.

    As few columns as can be go through the sort: thousands may wait.
    """
    at_it = (
        select(Onboarding.c.brand, func.count().label("share"))
        .select_from(Step)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        .where(RUNNING, Step.c.due_at > at, at_account(vendor, account))
        .group_by(Onboarding.c.brand)
        .subquery()
    )
    nearest_first = (Step.c.position.desc(), Step.c.held_since, Step.c.id)
    place = func.row_number().over(partition_by=Onboarding.c.brand, order_by=nearest_first)
    line = (
        select(Step.c.id, Onboarding.c.brand, place.label("place"))
        .select_from(Step)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        .where(is_held(versions), ~is_called(at), Step.c.held_by == vendor, ACCOUNT[vendor] == account)
        .subquery()
    )
    turn = line.c.place + func.coalesce(at_it.c.share, 0)
    return (
        select(Step.c.id, Step.c.onboarding_id, Step.c.name.label("step"), Step.c.is_removal, Onboarding.c.name)
        .select_from(line)
        .join(Step, Step.c.id == line.c.id)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        .outerjoin(at_it, at_it.c.brand == line.c.brand)
        .where(line.c.place <= free)
        .order_by(turn, Step.c.held_since)
        .limit(free)
    )


def _call(connection: Connection, queue: Any, *, at: datetime, grace_seconds: float) -> list[CalledUp]:
    rows = connection.execute(queue).all()
    due_at = at + timedelta(seconds=grace_seconds)
    called = update(Step).where(Step.c.id.in_([row.id for row in rows]), Step.c.state.in_(list(WAKEABLE)))
    ids = set(connection.execute(called.values(not_before=None, due_at=due_at).returning(Step.c.id)).scalars())
    return [CalledUp(row.onboarding_id, row.name, row.step, row.is_removal) for row in rows if row.id in ids]


def anybody_waits(engine: Engine) -> bool:
    """Whether any step is held back; costs next to nothing when none is."""
    with reader(engine).begin() as connection:
        return connection.execute(select(Step.c.id).where(Step.c.held_since.isnot(None)).limit(1)).first() is not None
