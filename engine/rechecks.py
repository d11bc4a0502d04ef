"""Scheduled checks of what is active: when each is due, how many an account bears, and which of them send a message."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, insert, select, update

from engine.notices import is_quiet, quiet_until
from engine.transitions import append_event, move_step
from engine.upsert import insert_all_new
from models.spec.onboarding import spec_from_json
from models.states import OnboardingState, StepState, VerificationState
from models.tables import CheckBudget, Event, Onboarding, Verification

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from engine.contract import AnySpec
    from settings import Settings

log = logging.getLogger(__name__)

BATCH = 500
HOUR = timedelta(hours=1)
# The fractional parts of its multiples fill an interval evenly, however many there are (a Weyl sequence): neighbours
# in number, which were started together, are far from each other.
GOLDEN = 0.6180339887498949
PUT_OFF = "verification:put_off"
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def next_check(onboarding_id: int, every: timedelta, *, at: datetime) -> datetime:
    """The next moment of this onboarding's own phase, half an interval away at least.

    A fixed phase instead of chance: checks that were once late, all together, do not stay together.
    """
    phase = (onboarding_id * GOLDEN) % 1 * every
    turns = (at + every / 2 - EPOCH - phase) // every + 1
    return EPOCH + phase + turns * every


def schedule_verification(connection: Connection, onboarding_id: int, every: timedelta, *, at: datetime) -> None:
    """Set the next due time."""
    _put_off(connection, onboarding_id, next_check(onboarding_id, every, at=at))


def _put_off(connection: Connection, onboarding_id: int, due: datetime) -> None:
    connection.execute(update(Onboarding).where(Onboarding.c.id == onboarding_id).values(next_verification_at=due))


def begin_due(
    connection: Connection,
    settings: Settings | None,
    *,
    at: datetime,
    grace_seconds: float,
    versions: Collection[int] | None = None,
) -> list[tuple[int, str]]:
    """Begin the checks that are due; the onboardings whose verification is to be woken.

    :param settings: with the limits; None knows none.
    :param versions: only onboardings on these step graphs; None for all.
    """
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
    if versions is not None:
        statement = statement.where(Onboarding.c.graph_version.in_(list(versions)))
    begun = []
    rows = connection.execute(statement).all()
    found = [(row, spec) for row in rows if (spec := _read_spec(connection, row.id, row.name, row.spec, at=at))]
    budget = _take_budget(connection, {account for _, spec in found for account in _accounts(spec)}, settings, at=at)
    for row, spec in found:
        sends = spec.verification.send_on_schedule
        if settings is not None:
            if sends and is_quiet(settings, at):
                # No phone shall buzz at night; the check comes with its message in the morning.
                _put_off(connection, row.id, _within_the_hour_after(quiet_until(settings, at), row.id))
                continue
            if not all(budget[account] for account in _accounts(spec)):
                due = _within_the_hour_after(_hour_of(at) + HOUR, row.id)
                _put_off(connection, row.id, due)
                _say_put_off(connection, row.id, settings, due, at=at)
                continue
            for account in _accounts(spec):
                budget[account] -= 1
            sends = sends and _may_send(connection, settings, row.id, spec, at=at)
        if begin_verification(
            connection, row.id, trigger="schedule", sends_message=sends, at=at, grace_seconds=grace_seconds
        ):
            begun.append((row.id, row.name))
        schedule_verification(connection, row.id, spec.verification.every, at=at)
    _store_budget(connection, budget, settings, at=at)
    return begun


def _read_spec(
    connection: Connection, onboarding_id: int, name: str, stored: dict[str, Any], *, at: datetime
) -> AnySpec | None:
    try:
        return spec_from_json(stored)
    except ValueError:
        # A newer version may refuse what an older one stored: that is no reason to check nobody else.
        log.exception("the stored spec of %s cannot be read; its checks are put off by a day", name)
        schedule_verification(connection, onboarding_id, timedelta(days=1), at=at)
        return None


def _within_the_hour_after(moment: datetime, onboarding_id: int) -> datetime:
    """What is put off together does not come back in the same second, nor each time in the same order.

    Else those that come back first would take the budget of every hour.
    """
    drawn = hashlib.blake2b(f"{onboarding_id} {moment.timestamp()}".encode(), digest_size=4).digest()
    return moment + int.from_bytes(drawn) / 2**32 * HOUR


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _accounts(spec: AnySpec) -> tuple[str, str]:
    """Twilio's account and Adobe's organisation; each must bear one more check."""
    return spec.twilio.account_sid, spec.ajo.organization_id


def _take_budget(
    connection: Connection, accounts: Collection[str], settings: Settings | None, *, at: datetime
) -> dict[str, int]:
    """How many more checks each account bears in this hour. Its rows are locked, in one order for all who do so."""
    if settings is None or not accounts:
        return {}
    hour, most = _hour_of(at), settings.checks_per_account_hour
    rows = [{"account": account, "hour": hour, "checks": 0} for account in sorted(accounts)]
    insert_all_new(connection, CheckBudget, rows)
    mine = select(CheckBudget).where(CheckBudget.c.account.in_(accounts)).order_by(CheckBudget.c.account)
    locked = connection.execute(mine.with_for_update()).all()
    return {row.account: max(most - row.checks, 0) if row.hour == hour else most for row in locked}


def _store_budget(
    connection: Connection, budget: Mapping[str, int], settings: Settings | None, *, at: datetime
) -> None:
    for account, left in budget.items():
        assert settings is not None  # noqa: S101  without limits there is no budget
        values = {"hour": _hour_of(at), "checks": settings.checks_per_account_hour - left}
        connection.execute(update(CheckBudget).where(CheckBudget.c.account == account).values(**values))


def _say_put_off(
    connection: Connection, onboarding_id: int, settings: Settings, due: datetime, *, at: datetime
) -> None:
    """Once until it is checked, however often it is put off meanwhile."""
    checked = select(func.max(Verification.c.requested_at)).where(Verification.c.onboarding_id == onboarding_id)
    since = connection.execute(checked).scalar_one() or EPOCH
    told = exists().where(Event.c.onboarding_id == onboarding_id, Event.c.kind == PUT_OFF, Event.c.at >= since)
    if not connection.execute(select(told)).scalar_one():
        limit = f"ONBOARD_CHECKS_PER_ACCOUNT_HOUR is {settings.checks_per_account_hour}"
        text = f"the check is put off to {due:%H:%M} UTC, or later if that hour is full too: {limit}"
        append_event(connection, onboarding_id, PUT_OFF, text, at=at)


def _may_send(connection: Connection, settings: Settings, onboarding_id: int, spec: AnySpec, *, at: datetime) -> bool:
    """Whether this month's scheduled messages leave room; says so in the event log when they do not."""
    month = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sent = select(func.count()).where(
        Verification.c.onboarding_id == onboarding_id,
        Verification.c.trigger == "schedule",
        Verification.c.sends_message.is_(True),
        Verification.c.requested_at >= month,
    )
    each = len(spec.verification.to)
    if (connection.execute(sent).scalar_one() + 1) * each <= settings.probe_messages_per_month:
        return True
    limit = f"ONBOARD_PROBE_MESSAGES_PER_MONTH is {settings.probe_messages_per_month}"
    append_event(connection, onboarding_id, "verification:silent", f"checked without a test message: {limit}", at=at)
    return False


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
