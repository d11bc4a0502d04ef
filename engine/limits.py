"""What each account of a vendor takes of us, over all workers of all machines: a ceiling, and a pause when it asks for one.

A lease is the slot: a step that runs counts as one call to each vendor that it speaks to, so nothing has to be given back,
and what a killed worker held is free when its lease ends. A step that finds no room is held back as a row, without a
worker; whoever ends a step calls the next one up (docs/adr/0016-vendor-limits.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, String, and_, bindparam, case, func, select, text, true, update

from engine.claim import EARLY_SECONDS
from engine.transitions import append_event
from engine.upsert import insert_all_new
from models.states import HELD, StepState
from models.tables import Attempt, Onboarding, Step, VendorLimit
from models.tables.base import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.context import Workshop
    from settings import Settings

    Versions = Collection[int] | None

TWILIO, ADOBE = "Twilio", "Adobe"
# The order in which their rows are locked, by everybody.
VENDORS = (ADOBE, TWILIO)
ACCOUNT = {TWILIO: Onboarding.c.twilio_account, ADOBE: Onboarding.c.organization_id}
KIND = {TWILIO: "account", ADOBE: "organisation"}
# Steps that speak to one vendor only; all others count for both.
ONLY = {"registration": TWILIO, "channel": ADOBE}

EARLY = timedelta(seconds=EARLY_SECONDS)
# So long a step that found no room looks for none, whatever message comes for it, unless it was called up.
HELD_SECONDS = 30.0
LATELY = timedelta(hours=1)
# An account that asked for fewer calls is tried with one more step each time that this is over.
GROWS_EVERY = timedelta(seconds=10)
WAKEABLE = (StepState.READY, StepState.RETRYING)
# As the partial index has it: a parameter would hide from the planner that the index will do.
RUNNING = text("step.state = 'running'")


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Why a step cannot begin now. ``reason`` is for people."""

    vendor: str
    until: datetime
    reason: str


def vendors_of(step: str) -> tuple[str, ...]:
    """Whom the step speaks to, in the order of their locks."""
    return (ONLY[step],) if step in ONLY else VENDORS


def ceiling_of(settings: Settings, vendor: str) -> int:
    return settings.twilio_ceiling if vendor == TWILIO else settings.adobe_ceiling


def account_shown(vendor: str, account: str) -> str:
    return f"{vendor} {KIND.get(vendor, 'account')} {account}"


def clock(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"


def room_of(limit: Any, at: datetime) -> int:
    """How many steps may be at the account: the ceiling, unless answers of 429 showed that it takes fewer.

    What does not answer at all is tried by one.
    """
    if limit.is_unwell:
        return 1
    if limit.room is None or limit.room_since is None:
        return int(limit.ceiling)
    grown = int(max((at - limit.room_since) // GROWS_EVERY, 0))
    return min(int(limit.ceiling), int(limit.room) + grown)


def at_account(vendor: str, account: Any) -> Any:
    """The condition that a step counts for this account."""
    others = [step for step, only in ONLY.items() if only != vendor]
    return and_(ACCOUNT[vendor] == account, Step.c.name.not_in(others))


_LIMIT = (
    select(VendorLimit)
    .where(VendorLimit.c.vendor == bindparam("of"), VendorLimit.c.account == bindparam("its"))
    .with_for_update()
)


def lock_limit(connection: Connection, vendor: str, account: str, ceiling: int) -> Row[Any]:
    """The account's row, made if need be, and this transaction the only one that decides by it."""
    key = {"of": vendor, "its": account}
    row = connection.execute(_LIMIT, key).one_or_none()
    if row is None:
        fresh = {"vendor": vendor, "account": account, "ceiling": ceiling, "strikes": 0, "is_unwell": False, "held": 0}
        insert_all_new(connection, VendorLimit, [fresh], VendorLimit.c.vendor)
        row = connection.execute(_LIMIT, key).one()
    if row.ceiling != ceiling:
        mine = (VendorLimit.c.vendor == vendor) & (VendorLimit.c.account == account)
        connection.execute(update(VendorLimit).where(mine).values(ceiling=ceiling))
        row = connection.execute(_LIMIT, key).one()
    return row


@dataclass(frozen=True, slots=True)
class Use:
    """Who is at an account: in all, of one worker, called up but not there yet, and held back."""

    in_flight: int
    of_worker: int
    called: int
    waiting: int


def use_of(
    connection: Connection,
    vendor: str,
    account: str,
    *,
    at: datetime,
    versions: Versions = None,
    worker: str = "",
    but: int | None = None,
    counts_waiting: bool = True,
) -> Use:
    """:param versions: those that wait are counted only if they run on these step graphs; others nobody here goes on with.

    :param but: a step that is not counted among those that wait.
    :param counts_waiting: False leaves out those that wait, and they may be thousands.
    """
    row = connection.execute(
        _count(vendor, None if versions is None else tuple(sorted(versions)), counts_waiting),
        {"account": account, "at": at, "worker": worker, "but": but or 0},
    ).one()
    return Use(int(row.in_flight), int(row.of_worker), int(row.called), int(row.held) - int(row.called))


# Made once: putting a statement together takes longer than running it.
@lru_cache(maxsize=16)
def _count(vendor: str, versions: tuple[int, ...] | None, counts_waiting: bool) -> Select[Any]:
    account, at = bindparam("account", type_=String()), bindparam("at", type_=UtcDateTime())
    is_mine = case((Attempt.c.worker == bindparam("worker"), 1), else_=0)
    running = (
        select(func.count().label("in_flight"), func.coalesce(func.sum(is_mine), 0).label("of_worker"))
        .select_from(Step)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        .join(Attempt, and_(Attempt.c.step_id == Step.c.id, Attempt.c.number == Step.c.attempt))
        .where(RUNNING, Step.c.due_at > at, at_account(vendor, account))
        .subquery()
    )
    called = func.coalesce(func.sum(case((is_called(at), 1), else_=0)), 0)
    held = (
        select(called.label("called"), func.count().label("held"))
        .select_from(Step)
        .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
        .where(is_held(versions), Step.c.held_by == vendor, ACCOUNT[vendor] == account, Step.c.id != bindparam("but"))
        .where(true() if counts_waiting else is_called(at))
        .subquery()
    )
    return select(running, held).select_from(running.join(held, true()))


def is_held(versions: Versions) -> Any:
    held = and_(Step.c.held_since.isnot(None), Step.c.state.in_(list(WAKEABLE)), Onboarding.c.status.not_in(list(HELD)))
    return held if versions is None else and_(held, Onboarding.c.graph_version.in_(list(versions)))


def is_called(at: Any) -> Any:
    """Called up, and its message not lost yet."""
    return and_(Step.c.not_before.is_(None), Step.c.due_at > at)


_CLAIMABLE = (
    select(Step, *ACCOUNT.values())
    .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
    .where(
        Step.c.onboarding_id == bindparam("onboarding"),
        Step.c.name == bindparam("step"),
        Step.c.state.in_(list(WAKEABLE)),
        Onboarding.c.status.not_in(list(HELD)),
    )
)


def admit(connection: Connection, shop: Workshop, onboarding_id: int, name: str) -> NoRoom | None:
    """Whether the step may begin; None: it may, or cannot be claimed anyway.

    Call it in the transaction that claims it, and that has locked the onboarding. What has no room is held back here, with its reason.
    """
    at = shop.now()
    step = connection.execute(_CLAIMABLE, {"onboarding": onboarding_id, "step": name}).one_or_none()
    if step is not None and step.not_before is not None and step.not_before > at + EARLY:
        step = None
    if step is None:
        return None
    # All locks first, always in the same order.
    limits = [
        lock_limit(connection, vendor, getattr(step, ACCOUNT[vendor].name), ceiling_of(shop.settings, vendor))
        for vendor in vendors_of(name)
    ]
    for limit in limits:
        refusal = _refusal(connection, shop, step, limit, at)
        if refusal is not None:
            _hold_back(connection, step, limit, refusal, at)
            return refusal
    return None


def _refusal(connection: Connection, shop: Workshop, step: Row[Any], limit: Row[Any], at: datetime) -> NoRoom | None:
    who = account_shown(limit.vendor, limit.account)
    if limit.cooldown_until is not None and limit.cooldown_until > at:
        reason = pause_sentence(limit.vendor, limit.account, limit.reason, limit.cooldown_until)
        return NoRoom(limit.vendor, limit.cooldown_until, reason)
    known = shop.catalogue.known
    use = use_of(connection, limit.vendor, limit.account, at=at, versions=known, worker=shop.worker, but=step.id)
    room = room_of(limit, at)
    # Who was called up has its place at both vendors, whichever of them called: behind the other's queue the two queues
    # would send their steps to each other for ever. Whoever comes anew stands behind all that wait.
    has_place = step.held_since is not None and step.not_before is None
    ahead = use.in_flight + (0 if has_place else use.called + use.waiting)
    until = at + timedelta(seconds=HELD_SECONDS)
    if ahead >= room:
        waiting = f", {use.waiting} more wait" if use.waiting else ""
        reason = f"held back: {use.in_flight} of {room} steps are at {who}{waiting}"
        return NoRoom(limit.vendor, until, reason)
    # One account that hangs must not have all threads of a worker: the last quarter is for the others.
    if use.of_worker >= shop.threads - shop.threads // 4 > 0:
        reason = f"held back: {use.of_worker} of this worker's {shop.threads} threads are at {who}"
        return NoRoom(limit.vendor, until, reason)
    return None


def pause_sentence(vendor: str, account: str, reason: str | None, until: datetime) -> str:
    """``held back: Twilio account AC… answers 429 until 12:03:10 UTC``."""
    return f"held back: {account_shown(vendor, account)} {reason or 'rests'} until {clock(until)}"


def _hold_back(connection: Connection, step: Row[Any], limit: Row[Any], refusal: NoRoom, at: datetime) -> None:
    columns = held_columns(refusal.vendor, refusal.until, refusal.reason, since=step.held_since or at)
    connection.execute(update(Step).where(Step.c.id == step.id).values(**columns))
    if step.held_since is None:
        append_event(connection, step.onboarding_id, "step:held", refusal.reason, at=at, step=step.name)
    _count_held(connection, limit, at)


def held_columns(vendor: str, until: datetime, reason: str, *, since: datetime) -> dict[str, Any]:
    """What a step has that is held back."""
    return {"held_since": since, "held_by": vendor, "held_reason": reason, "not_before": until, "due_at": until}


def note_held(connection: Connection, onboarding_id: int, vendor: str, at: datetime) -> None:
    """A step was held back in the middle: its next call would have been one too many."""
    found = select(ACCOUNT[vendor]).where(Onboarding.c.id == onboarding_id)
    mine = (VendorLimit.c.vendor == vendor) & (VendorLimit.c.account == connection.execute(found).scalar_one())
    row = connection.execute(select(VendorLimit).where(mine).with_for_update()).one_or_none()
    if row is not None:
        _count_held(connection, row, at)


def _count_held(connection: Connection, limit: Row[Any], at: datetime) -> None:
    """:param limit: its row, locked."""
    is_stale = limit.held_from is None or at - limit.held_from > LATELY
    values = {"held": 1, "held_from": at} if is_stale else {"held": VendorLimit.c.held + 1}
    mine = (VendorLimit.c.vendor == limit.vendor) & (VendorLimit.c.account == limit.account)
    connection.execute(update(VendorLimit).where(mine).values(**values))
