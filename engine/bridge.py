"""Messages that AJO sends through the bridge: each is intended once, sent once, and answered the same ever after.

The gateway calls :func:`announce` before it calls Twilio and records what came of the call; both for many messages at once.
A call whose end is unclear keeps its ``posted_at``: whoever comes with the same reference next has to look at Twilio first
(:func:`judge`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import and_, select, update

from engine.message_status import STATUS_RANK_SQL, STATUS_SQL
from engine.upsert import insert_mostly_new, update_all_empty
from models.states import ForwardState
from models.tables import BridgeMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection

# Twilio lists a message a moment after accepting it. Before this age, one that is not listed may still turn up.
LISTING_DELAY = timedelta(seconds=30)
# Of a message that AJO gave none. AJO does not know it: to AJO the message goes by its SID.
OWN_REFERENCE = "onboard-"
_NAMED_BY = (BridgeMessage.c.onboarding_id, BridgeMessage.c.client_reference)


def listing_delay(wait_scale: float) -> timedelta:
    """:data:`LISTING_DELAY`, shortened like all waits against the simulator; a second at least."""
    return max(LISTING_DELAY * wait_scale, timedelta(seconds=1))


class Task(StrEnum):
    """What the caller has to do with a message."""

    SEND = "send"
    LOOK = "look"  # an earlier call ended unclear
    ANSWER = "answer"  # Twilio has decided
    WAIT = "wait"  # somebody else is at it right now
    CLASH = "clash"  # the same reference names another message


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that AJO wants to be sent.

    :param fingerprint: of all that makes the message what it is, 64 characters at most.
    """

    onboarding_id: int
    reference: str
    recipient: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Such a message as the database has it; its onboarding and reference name it.

    :param posted_at: just before the last call; None once that has certainly done nothing.
    :param status: ``intended`` until Twilio has decided.
    """

    onboarding_id: int
    client_reference: str
    recipient: str
    created_at: datetime
    posted_at: datetime | None
    sid: str | None = None
    status: str = "intended"
    error_code: int | None = None
    error: str | None = None

    @property
    def name(self) -> tuple[int, str]:
        return self.onboarding_id, self.client_reference


_COLUMNS = tuple(BridgeMessage.c[field.name] for field in fields(Noted))
# The latest word of callbacks that were applied before the answer to the call was known: they have gone on to AJO under the
# SID, and what comes later must not be older.
_LATEST = (
    f"SELECT substr({STATUS_SQL}, 1, 24) FROM webhook_event WHERE message_sid = {{sid}} AND kind = 'status'"  # noqa: S608
    f" AND forward_state <> '{ForwardState.ARRIVED}' ORDER BY {STATUS_RANK_SQL} DESC, id LIMIT 1"
)
_STATUS = f"COALESCE(({_LATEST}), 'accepted')"


def announce(connection: Connection, wanted: Sequence[Wanted], *, at: datetime) -> list[Noted | None]:
    """Note that these messages are to be sent; commit before sending them. None for a reference that was used before.

    :param at: now, not when the message came. The statement may still wait for SQLite's lock: the call that follows begins
        so much later, and whoever makes it has to see whether that is too late.
    """
    rows = [
        {
            "onboarding_id": one.onboarding_id,
            "client_reference": one.reference,
            "recipient": one.recipient,
            "fingerprint": one.fingerprint,
            "status": "intended",
            "created_at": at,
            "posted_at": at,
        }
        for one in wanted
    ]
    are_new = insert_mostly_new(connection, BridgeMessage, rows, *_NAMED_BY)
    return [
        Noted(one.onboarding_id, one.reference, one.recipient, at, at) if is_new else None
        for one, is_new in zip(wanted, are_new, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Intent:
    task: Task
    noted: Noted


def judge(connection: Connection, wanted: Sequence[Wanted], *, at: datetime, call_seconds: float) -> list[Intent]:
    """What is to be done for references that were used before; commit before doing it.

    :param at: now, as for :func:`announce`.
    :param call_seconds: how long after it was announced a call may still last; before that, it is believed to be under way.
    """
    in_order = sorted(enumerate(wanted), key=lambda pair: (pair[1].onboarding_id, pair[1].reference, pair[0]))
    intents = {index: _judge(connection, one, at, call_seconds) for index, one in in_order}
    return [intents[index] for index in range(len(wanted))]


def _judge(connection: Connection, wanted: Wanted, at: datetime, call_seconds: float) -> Intent:
    row = connection.execute(
        select(*_COLUMNS, BridgeMessage.c.fingerprint)
        .where(_is(wanted.onboarding_id, wanted.reference))
        .with_for_update()
    ).one()
    *known, fingerprint = row
    noted = Noted(*known)
    if (noted.recipient, fingerprint) != (wanted.recipient, wanted.fingerprint):
        return Intent(Task.CLASH, noted)
    if noted.sid is not None or noted.status != "intended":
        return Intent(Task.ANSWER, noted)
    if noted.posted_at is None:
        return Intent(Task.SEND, _post_again(connection, noted, at))
    if at < noted.posted_at + timedelta(seconds=call_seconds):
        return Intent(Task.WAIT, noted)
    return Intent(Task.LOOK, noted)


def _is(*named: int | str) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_NAMED_BY, named, strict=True)))


def _post_again(connection: Connection, noted: Noted, at: datetime) -> Noted:
    again = update(BridgeMessage).where(_is(*noted.name)).values(posted_at=at).returning(*_COLUMNS)
    return Noted(*connection.execute(again).one())


def ended_unclear(connection: Connection, noted: Noted, *, at: datetime) -> Noted:
    """The call is over, and nobody knows what it did: from now on Twilio has time to list its message."""
    return _post_again(connection, noted, at)


def post_unless_taken(
    connection: Connection, noted: Noted, *, at: datetime, listing_delay: timedelta = LISTING_DELAY
) -> Noted | None:
    """Claim the next call of a message that was looked for in vain. None when somebody else was quicker, or too early.

    :param listing_delay: how long a message that Twilio has taken may be missing from its lists.
    """
    if noted.posted_at is None or at < noted.posted_at + listing_delay:
        return None
    unchanged = (BridgeMessage.c.sid.is_(None), BridgeMessage.c.posted_at == noted.posted_at)
    claim = update(BridgeMessage).where(_is(*noted.name), *unchanged).values(posted_at=at).returning(*_COLUMNS)
    row = connection.execute(claim).one_or_none()
    return Noted(*row) if row is not None else None


def accepted(connection: Connection, sent: Sequence[tuple[Noted, str]]) -> list[None]:
    """Twilio has these messages, each with its SID. How far they are, only callbacks say."""
    rows = [
        {
            "onboarding_id": noted.onboarding_id,
            "client_reference": noted.client_reference,
            "sid": sid,
            "error_code": None,
            "error": None,
        }
        for noted, sid in sent
    ]
    update_all_empty(
        connection, BridgeMessage, rows, key=_NAMED_BY, empty=BridgeMessage.c.sid, computed={"status": _STATUS}
    )
    return [None] * len(sent)


def refused(connection: Connection, noted: Noted, *, code: int | None, reason: str) -> None:
    """Twilio will not send it; the same reference gets the same answer from now on."""
    connection.execute(
        update(BridgeMessage)
        .where(_is(*noted.name), BridgeMessage.c.sid.is_(None))
        .values(status="failed", error_code=code, error=reason[:1000])
    )


def not_sent(connection: Connection, noted: Noted) -> None:
    """The call has certainly done nothing: whoever comes next may send."""
    connection.execute(
        update(BridgeMessage)
        .where(_is(*noted.name), BridgeMessage.c.sid.is_(None), BridgeMessage.c.posted_at == noted.posted_at)
        .values(posted_at=None)
    )


def sids_of_others(connection: Connection, sids: Iterable[str]) -> set[str]:
    """Those of these messages that are known under a reference already."""
    found = select(BridgeMessage.c.sid).where(BridgeMessage.c.sid.in_(list(sids)))
    return set(connection.execute(found).scalars())
