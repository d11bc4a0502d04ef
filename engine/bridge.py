"""Messages that AJO sends through the bridge: each is intended once, sent once, and answered the same ever after.

The gateway asks :func:`intend` before it calls Twilio and records what came of the call; both for many messages at once. A call whose end is unclear
keeps its ``posted_at``: whoever comes with the same reference next has to look at Twilio first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.message_status import status_of, status_rank
from engine.upsert import insert_all_new, update_all_empty
from models.states import ForwardState
from models.tables import BridgeMessage, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

# Twilio lists a message a moment after accepting it. Before this age, one that is not listed may still turn up.
LISTING_DELAY = timedelta(seconds=30)
# Of a message that AJO gave none. AJO does not know it: to AJO the message goes by its SID.
OWN_REFERENCE = "onboard-"


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
class Intent:
    task: Task
    row: Row[Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that AJO wants to be sent.

    :param fingerprint: of all that makes the message what it is, 64 characters at most.
    """

    onboarding_id: int
    reference: str
    recipient: str
    fingerprint: str


def intend(connection: Connection, wanted: Sequence[Wanted], *, at: datetime, call_seconds: float) -> list[Intent]:
    """Note that these messages are to be sent, and say of each what is to be done; commit before doing it.

    :param at: now, not when the message came: a write may have waited for its turn.
    :param call_seconds: how long a call may take; before that, another caller's is believed to be under way.
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
    # In one order for all, so that two gateways do not wait for each other.
    rows.sort(key=lambda row: (row["onboarding_id"], row["client_reference"]))
    inserted = insert_all_new(connection, BridgeMessage, rows)
    new = {(row.onboarding_id, row.client_reference): row for row in inserted}
    intents: dict[int, Intent] = {}
    for index, one in sorted(enumerate(wanted), key=lambda pair: (pair[1].onboarding_id, pair[1].reference, pair[0])):
        row = new.pop((one.onboarding_id, one.reference), None)
        intents[index] = Intent(Task.SEND, row) if row is not None else _known(connection, one, at, call_seconds)
    return [intents[index] for index in range(len(wanted))]


def _known(connection: Connection, wanted: Wanted, at: datetime, call_seconds: float) -> Intent:
    """What is to be done for a reference that was used before."""
    row = connection.execute(
        select(BridgeMessage)
        .where(
            BridgeMessage.c.onboarding_id == wanted.onboarding_id,
            BridgeMessage.c.client_reference == wanted.reference,
        )
        .with_for_update()
    ).one()
    if (row.recipient, row.fingerprint) != (wanted.recipient, wanted.fingerprint):
        return Intent(Task.CLASH, row)
    if row.sid is not None or row.status != "intended":
        return Intent(Task.ANSWER, row)
    if row.posted_at is None:
        return Intent(Task.SEND, _post_again(connection, row, at))
    if at < row.posted_at + timedelta(seconds=call_seconds):
        return Intent(Task.WAIT, row)
    return Intent(Task.LOOK, row)


def _post_again(connection: Connection, row: Row[Any], at: datetime) -> Row[Any]:
    again = update(BridgeMessage).where(BridgeMessage.c.id == row.id).values(posted_at=at).returning(BridgeMessage)
    return connection.execute(again).one()


def ended_unclear(connection: Connection, row: Row[Any], *, at: datetime) -> Row[Any]:
    """The call is over, and nobody knows what it did: from now on Twilio has time to list its message."""
    return _post_again(connection, row, at)


def post_unless_taken(
    connection: Connection, row: Row[Any], *, at: datetime, listing_delay: timedelta = LISTING_DELAY
) -> Row[Any] | None:
    """Claim the next call of a message that was looked for in vain; its row. None when somebody else was quicker, or too early.

    :param listing_delay: how long a message that Twilio has taken may be missing from its lists.
    """
    if at < row.posted_at + listing_delay:
        return None
    unchanged = (
        BridgeMessage.c.id == row.id,
        BridgeMessage.c.sid.is_(None),
        BridgeMessage.c.posted_at == row.posted_at,
    )
    claim = update(BridgeMessage).where(*unchanged).values(posted_at=at).returning(BridgeMessage)
    return connection.execute(claim).one_or_none()


def accepted(connection: Connection, sent: Sequence[tuple[Row[Any], str]]) -> list[None]:
    """Twilio has these messages, as (row, SID). How far they are, only callbacks say.

    Callbacks of them that were applied already have gone on to AJO under the SID; what comes later must not be older.
    """
    applied = select(WebhookEvent.c.message_sid, WebhookEvent.c.payload).where(
        WebhookEvent.c.message_sid.in_([sid for _, sid in sent]),
        WebhookEvent.c.kind == "status",
        WebhookEvent.c.forward_state != ForwardState.ARRIVED,
    )
    latest = {sid: "accepted" for _, sid in sent}
    for event in connection.execute(applied).all():
        latest[event.message_sid] = max(latest[event.message_sid], status_of(event.payload), key=status_rank)
    rows = [
        {"id": row.id, "sid": sid, "status": latest[sid][:24], "error_code": None, "error": None} for row, sid in sent
    ]
    rows.sort(key=lambda row: int(row["id"]))
    update_all_empty(connection, BridgeMessage, rows, empty=BridgeMessage.c.sid)
    return [None] * len(sent)


def refused(connection: Connection, row: Row[Any], *, code: int | None, reason: str) -> None:
    """Twilio will not send it; the same reference gets the same answer from now on."""
    connection.execute(
        update(BridgeMessage)
        .where(BridgeMessage.c.id == row.id, BridgeMessage.c.sid.is_(None))
        .values(status="failed", error_code=code, error=reason[:1000])
    )


def not_sent(connection: Connection, row: Row[Any]) -> None:
    """The call has certainly done nothing: whoever comes next may send."""
    connection.execute(
        update(BridgeMessage)
        .where(BridgeMessage.c.id == row.id, BridgeMessage.c.sid.is_(None), BridgeMessage.c.posted_at == row.posted_at)
        .values(posted_at=None)
    )


def sids_of_others(connection: Connection, sids: Iterable[str]) -> set[str]:
    """Those of these messages that are known under a reference already."""
    found = select(BridgeMessage.c.sid).where(BridgeMessage.c.sid.in_(list(sids)))
    return set(connection.execute(found).scalars())
