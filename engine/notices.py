"""Reminders and escalations: what is due, once for each wait and level. How they are sent is for ``providers``.

A row is committed before anything is sent. Whoever vanishes while sending leaves a row that says so, and it is not
sent again: nobody can know whether it went out, and the next level goes out anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, or_, select, update

from engine.transitions import append_event
from engine.upsert import insert_all_new
from models.states import HELD, CheckState, ForwardState, NoticeState, OnboardingState, StepState
from models.tables import ChecklistItem, Notice, Onboarding, Step, WebhookEvent
from providers.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row

    from settings import Settings

BATCH = 200
# Longer than any sending takes; after that its worker is taken for dead.
LONGEST_SENDING = timedelta(minutes=10)
ESCALATE, REMIND = "escalate", "remind"
PARKED = "inbox:parked"
# A look at what is waited for does not end the wait; as in engine.queries.
IS_WAITING = and_(
    Step.c.waiting_since.isnot(None),
    Step.c.waiting_topic.isnot(None),
    Step.c.state.in_([StepState.WAITING_PERSON, StepState.WAITING_VENDOR, StepState.READY, StepState.RUNNING]),
)
NEEDS_PERSON = or_(Step.c.state == StepState.WAITING_PERSON, Step.c.waiting_for.like("a person%"))


@dataclass(frozen=True, slots=True)
class Due:
    """A wait that has lasted too long for ``level``."""

    onboarding_id: int
    subject: str
    since: datetime
    level: str
    title: str
    text: str


def plan(connection: Connection, settings: Settings, *, at: datetime) -> int:
    """Write a row for each notice that became due; how many are to be sent.

    Without receivers nothing is: the event log says what would have been. The higher level of a wait is looked at
    first; a lower one that is due with it is not sent any more.
    """
    _give_up_on_vanished(connection, at=at)
    count = 0
    for level in (ESCALATE, REMIND):
        sources = (_due_waits, _due_items, _due_parked)
        found = [due for source in sources for due in source(connection, settings, level, at)]
        # In one order for all: two sweeps at once must not wait for each other's rows.
        rows = [
            _row(connection, settings, due, at)
            for due in sorted(found, key=lambda one: (one.onboarding_id, one.subject))
        ]
        columns = (Notice.c.onboarding_id, Notice.c.title, Notice.c.state)
        for row in insert_all_new(connection, Notice, rows, *columns) if rows else []:
            is_due = row.state is NoticeState.DUE
            said = row.title if is_due else f"{row.title}; not sent: {_nobody(level)}"
            if row.state is not NoticeState.DROPPED:
                append_event(connection, row.onboarding_id, "notice:due", said, at=at)
            count += is_due
    return count


def _row(connection: Connection, settings: Settings, due: Due, at: datetime) -> dict[str, Any]:
    state = _state_of(connection, settings, due)
    is_due = state is NoticeState.DUE
    return {
        "onboarding_id": due.onboarding_id,
        "subject": due.subject,
        "since_at": due.since,
        "level": due.level,
        "title": due.title[:200],
        "text": due.text,
        "state": state,
        "due_at": at if is_due else None,
        "settled_at": None if is_due else at,
    }


def targets(settings: Settings, level: str) -> list[str]:
    """Who hears a notice of this level; an escalation goes to those who get reminders too."""
    found = [*settings.notice_urls, *(settings.escalation_urls if level == ESCALATE else [])]
    return list(dict.fromkeys(url.get_secret_value() for url in found))


def _nobody(level: str) -> str:
    also = " and ONBOARD_ESCALATION_URLS are" if level == ESCALATE else " is"
    return f"ONBOARD_NOTICE_URLS{also} empty"


def _state_of(connection: Connection, settings: Settings, due: Due) -> NoticeState:
    higher = exists().where(
        Notice.c.onboarding_id == due.onboarding_id,
        Notice.c.subject == due.subject,
        Notice.c.since_at == due.since,
        Notice.c.level == ESCALATE,
    )
    if due.level == REMIND and connection.execute(select(higher)).scalar_one():
        return NoticeState.DROPPED
    return NoticeState.DUE if targets(settings, due.level) else NoticeState.MUTED


def threshold(settings: Settings, level: str, *, needs_person: bool) -> timedelta:
    """How long a wait may last before a notice of this level is due."""
    days = {
        (REMIND, True): settings.remind_person_days,
        (ESCALATE, True): settings.escalate_person_days,
        (REMIND, False): settings.remind_vendor_days,
        (ESCALATE, False): settings.escalate_vendor_days,
    }
    return timedelta(days=days[level, needs_person])


def _due_waits(connection: Connection, settings: Settings, level: str, at: datetime) -> Iterator[Due]:
    subject = "step:" + Step.c.name + ":" + Step.c.waiting_topic
    told = exists().where(
        Notice.c.onboarding_id == Step.c.onboarding_id,
        Notice.c.since_at == Step.c.waiting_since,
        Notice.c.level == level,
    )
    for needs_person, tail in ((True, ":person"), (False, ":vendor")):
        longest = threshold(settings, level, needs_person=needs_person)
        statement = (
            select(
                Step.c.onboarding_id,
                Step.c.reason,
                Step.c.waiting_since,
                (subject + tail).label("subject"),
                Onboarding.c.name,
            )
            .join(Onboarding, Onboarding.c.id == Step.c.onboarding_id)
            .where(
                IS_WAITING,
                Step.c.waiting_since <= at - longest,
                NEEDS_PERSON if needs_person else ~NEEDS_PERSON,
                Onboarding.c.status.not_in(HELD),
                ~told.where(Notice.c.subject == subject + tail),
            )
            .order_by(Step.c.waiting_since)
            .limit(BATCH)
        )
        who = "a person" if needs_person else "the vendor"
        for row in connection.execute(statement).all():
            title = f"{row.name} has waited for {who} for {_days(at - row.waiting_since)}"
            text = f"{row.reason}\n\nSince {row.waiting_since:%Y-%m-%d %H:%M} UTC. More: onboard show {row.name}"
            yield Due(row.onboarding_id, row.subject, row.waiting_since, level, _headed(level, title), redact(text))


def _due_items(connection: Connection, settings: Settings, level: str, at: datetime) -> Iterator[Due]:
    """A person's items that are past their due time while something else is waited for."""
    later = timedelta(0) if level == REMIND else threshold(settings, ESCALATE, needs_person=True)
    subject = "item:" + ChecklistItem.c.key
    told = exists().where(
        Notice.c.onboarding_id == ChecklistItem.c.onboarding_id,
        Notice.c.subject == subject,
        Notice.c.since_at == ChecklistItem.c.opened_at,
        Notice.c.level == level,
    )
    # These the step itself waits for, and that wait has notices of its own.
    is_waited_for = exists().where(
        Step.c.onboarding_id == ChecklistItem.c.onboarding_id, IS_WAITING, Step.c.waiting_topic == "checklist"
    )
    statement = (
        select(ChecklistItem, subject.label("subject"), Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == ChecklistItem.c.onboarding_id)
        .where(
            ChecklistItem.c.state == CheckState.OPEN,
            ChecklistItem.c.checked_by == "person",
            ChecklistItem.c.due_at <= at - later,
            Onboarding.c.status.in_([OnboardingState.RUNNING, OnboardingState.WAITING]),
            ~told,
            ~is_waited_for,
        )
        .order_by(ChecklistItem.c.due_at)
        .limit(BATCH)
    )
    for row in connection.execute(statement).all():
        late = at - row.due_at
        title = f"{row.name}: {row.key} " + (
            "is due" if late < timedelta(days=1) else f"has been due for {_days(late)}"
        )
        text = f"{row.title}\n\nWhen it is done: onboard checklist done {row.name} {row.key} --by WHO"
        yield Due(row.onboarding_id, row.subject, row.opened_at, level, _headed(level, title), redact(text))


def _due_parked(connection: Connection, settings: Settings, level: str, at: datetime) -> Iterator[Due]:
    """Events that AJO did not take: once for as long as the oldest of them is parked."""
    later = timedelta(0) if level == REMIND else threshold(settings, ESCALATE, needs_person=True)
    parked = (
        select(
            WebhookEvent.c.onboarding_id,
            func.min(WebhookEvent.c.received_at).label("since"),
            func.count().label("parked"),
        )
        .where(WebhookEvent.c.forward_state == ForwardState.PARKED)
        .group_by(WebhookEvent.c.onboarding_id)
        .subquery()
    )
    told = exists().where(
        Notice.c.onboarding_id == parked.c.onboarding_id,
        Notice.c.subject == PARKED,
        Notice.c.since_at == parked.c.since,
        Notice.c.level == level,
    )
    statement = (
        select(parked, Onboarding.c.name)
        .join(Onboarding, Onboarding.c.id == parked.c.onboarding_id)
        .where(parked.c.since <= at - later, ~told)
        .limit(BATCH)
    )
    for row in connection.execute(statement).all():
        title = f"{row.name}: {row.parked} {'event has' if row.parked == 1 else 'events have'} not reached AJO"
        text = f"Why: onboard inbox list {row.name} --state parked\nAgain: onboard inbox replay --parked {row.name}"
        yield Due(row.onboarding_id, PARKED, row.since, level, _headed(level, title), text)


def _headed(level: str, title: str) -> str:
    return f"{'Escalation' if level == ESCALATE else 'Reminder'}: {title}"


def _days(duration: timedelta) -> str:
    hours = duration.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"


def is_quiet(settings: Settings, at: datetime) -> bool:
    """Whether nothing is sent at this moment; what is due then goes out when the quiet hours end."""
    if settings.quiet_span is None:
        return False
    start, end = settings.quiet_span
    moment = at.astimezone(ZoneInfo(settings.quiet_zone)).time()
    return start <= moment < end if start < end else moment >= start or moment < end


def quiet_until(settings: Settings, at: datetime) -> datetime:
    """When the quiet hours that ``at`` lies in end."""
    assert settings.quiet_span is not None  # noqa: S101  it is quiet, so there are such hours
    end = settings.quiet_span[1]
    local = at.astimezone(ZoneInfo(settings.quiet_zone))
    until = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return until if until > local else until + timedelta(days=1)


def is_waiting(connection: Connection, settings: Settings, *, at: datetime) -> bool:
    """Whether somebody should be sent to send: something is due, nobody is at it, and it is not quiet."""
    if is_quiet(settings, at):
        return False
    # One at a time: receivers that are slow shall cost one thread, not all of them.
    is_busy = exists().where(
        Notice.c.settled_at.is_(None), Notice.c.taken_at.isnot(None), Notice.c.taken_at > at - LONGEST_SENDING
    )
    return bool(connection.execute(select(exists().where(Notice.c.due_at <= at) & ~is_busy)).scalar_one())


def take_next(connection: Connection, settings: Settings, *, at: datetime) -> Row[Any] | None:
    """Claim the oldest notice that is due; it is committed as being sent before anything is. None: there is none.

    What is not waited for any more is dropped on the way.
    """
    if is_quiet(settings, at):
        return None
    due = select(Notice).where(Notice.c.due_at <= at).order_by(Notice.c.due_at, Notice.c.id).limit(BATCH)
    for row in connection.execute(due.with_for_update(skip_locked=True)).all():
        is_due = _still_holds(connection, row)
        values: dict[str, Any] = {"state": NoticeState.DROPPED, "settled_at": at, "due_at": None}
        if is_due:
            values = {"state": NoticeState.SENDING, "taken_at": at, "due_at": None}
        claimed = update(Notice).where(Notice.c.id == row.id, Notice.c.state == NoticeState.DUE).values(**values)
        if connection.execute(claimed).rowcount == 1 and is_due:
            return row
    return None


def _still_holds(connection: Connection, row: Row[Any]) -> bool:
    kind, _, rest = row.subject.partition(":")
    if row.subject == PARKED:
        is_parked = exists().where(
            WebhookEvent.c.onboarding_id == row.onboarding_id,
            WebhookEvent.c.forward_state == ForwardState.PARKED,
            WebhookEvent.c.received_at == row.since_at,
        )
        return bool(connection.execute(select(is_parked)).scalar_one())
    is_free = exists().where(Onboarding.c.id == row.onboarding_id, Onboarding.c.status.not_in(HELD))
    if kind == "item":
        item = exists().where(
            ChecklistItem.c.onboarding_id == row.onboarding_id,
            ChecklistItem.c.key == rest,
            ChecklistItem.c.state == CheckState.OPEN,
        )
        return bool(connection.execute(select(item & is_free)).scalar_one())
    name, _, topic = rest.rpartition(":")[0].partition(":")
    step = exists().where(
        Step.c.onboarding_id == row.onboarding_id,
        Step.c.name == name,
        Step.c.waiting_topic == topic,
        Step.c.waiting_since == row.since_at,
        IS_WAITING,
    )
    return bool(connection.execute(select(step & is_free)).scalar_one())


def settle(connection: Connection, row: Row[Any], outcomes: dict[str, str | None], *, at: datetime) -> None:
    """Record what became of it at each receiver.

    :param outcomes: by receiver, in words that hold no secret; None where it was taken, else why not.
    """
    failed = {who: why for who, why in outcomes.items() if why is not None}
    state = NoticeState.FAILED if len(failed) == len(outcomes) else NoticeState.SENT
    words = "; ".join(f"{who}: {why or 'taken'}" for who, why in outcomes.items())
    mine = (Notice.c.id == row.id) & (Notice.c.state == NoticeState.SENDING)
    values = {"state": state, "settled_at": at, "outcome": words}
    if connection.execute(update(Notice).where(mine).values(**values)).rowcount == 1:
        kind = "notice:failed" if failed else "notice:sent"
        append_event(connection, row.onboarding_id, kind, redact(f"{row.title} -> {words}"), at=at)


def _give_up_on_vanished(connection: Connection, *, at: datetime) -> None:
    vanished = (
        update(Notice)
        .where(Notice.c.settled_at.is_(None), Notice.c.taken_at <= at - LONGEST_SENDING)
        .values(state=NoticeState.UNCLEAR, settled_at=at, outcome="its sender vanished")
        .returning(Notice.c.onboarding_id, Notice.c.title)
    )
    for row in connection.execute(vanished).all():
        text = f"{row.title}: whether it was sent is unclear (its worker vanished); it is not sent again"
        append_event(connection, row.onboarding_id, "notice:unclear", text, at=at)
