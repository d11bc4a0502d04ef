"""Scheduled checks of what is active: when each is due, how many an account bears, and which of them send a message."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from engine.notices import is_quiet, quiet_until
from engine.transitions import append_event, move_step
from engine.upsert import upsert
from models.spec.onboarding import spec_from_json
from models.states import OnboardingState, StepState, VerificationState
from models.tables import CheckBudget, Onboarding, Verification

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from engine.contract import AnySpec
    from settings import Settings

log = logging.getLogger(__name__)

BATCH = 500
HOUR = timedelta(hours=1)
# The fractional parts of its multiples fill an interval evenly, however many there are (a Weyl sequence): neighbours
# in number, which were started together, are far from each other.
GOLDEN = 0.6180339887498949
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
    for row in connection.execute(statement).all():
        try:
            spec = spec_from_json(row.spec)
        except ValueError:
            # A newer version may refuse what an older one stored: that is no reason to check nobody else.
            log.exception("the stored spec of %s cannot be read; its checks are put off by a day", row.name)
            schedule_verification(connection, row.id, timedelta(days=1), at=at)
            continue
        sends = spec.verification.send_on_schedule
        if settings is not None:
            if sends and is_quiet(settings, at):
                # No phone shall buzz at night; the check comes with its message in the morning.
                _put_off(connection, row.id, _within_the_hour_after(quiet_until(settings, at), row.id))
                continue
            if not _has_room(connection, settings, spec, at=at):
                _put_off(connection, row.id, _within_the_hour_after(_hour_of(at) + HOUR, row.id))
                continue
            sends = sends and _may_send(connection, settings, row.id, spec, at=at)
        if begin_verification(
            connection, row.id, trigger="schedule", sends_message=sends, at=at, grace_seconds=grace_seconds
        ):
            begun.append((row.id, row.name))
        schedule_verification(connection, row.id, spec.verification.every, at=at)
    return begun


def _within_the_hour_after(moment: datetime, onboarding_id: int) -> datetime:
    """What is put off together does not come back in the same second."""
    return moment + (onboarding_id * GOLDEN) % 1 * HOUR


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _has_room(connection: Connection, settings: Settings, spec: AnySpec, *, at: datetime) -> bool:
    """Whether both the Twilio account and the Adobe organisation bear one more check in this hour; counts it if so.

    Two ticks at once may count one too few: it is a budget, not a fence.
    """
    hour = _hour_of(at)
    accounts = (spec.twilio.account_sid, spec.ajo.organization_id)
    connection.execute(delete(CheckBudget).where(CheckBudget.c.account.in_(accounts), CheckBudget.c.hour < hour))
    rows = select(CheckBudget.c.account, CheckBudget.c.checks)
    counts = {row.account: row.checks for row in connection.execute(rows.where(CheckBudget.c.account.in_(accounts)))}
    if max(counts.values(), default=0) >= settings.checks_per_account_hour:
        return False
    for account in accounts:
        values = {"hour": hour, "checks": counts.get(account, 0) + 1}
        upsert(connection, CheckBudget, key={"account": account}, values=values)
    return True


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
