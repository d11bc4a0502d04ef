"""Messages that AJO sends through the bridge: each is intended once, sent once, and answered the same ever after.

The gateway asks :func:`intend` before it calls Twilio and records what came of the call. A call whose end is unclear
keeps its ``posted_at``: whoever comes with the same reference next has to look at Twilio first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.inbox import status_rank
from engine.upsert import insert_new
from models.tables import BridgeMessage, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Row

# Twilio lists a message a moment after accepting it. Before this age, one that is not listed may still turn up.
LISTING_DELAY = timedelta(seconds=30)


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


def intend(
    connection: Connection,
    onboarding_id: int,
    reference: str,
    *,
    recipient: str,
    fingerprint: str,
    at: datetime,
    call_seconds: float,
) -> Intent:
    """Note that this message is to be sent, and say what is to be done; commit before doing it.

    :param fingerprint: of all that makes the message what it is, 64 characters at most.
    :param call_seconds: how long a call may take; before that, another caller's is believed to be under way.
    """
    values = {
        "onboarding_id": onboarding_id,
        "client_reference": reference,
        "recipient": recipient,
        "fingerprint": fingerprint,
        "status": "intended",
        "created_at": at,
        "posted_at": at,
    }
    is_new = insert_new(connection, BridgeMessage, key=["onboarding_id", "client_reference"], values=values)
    row = connection.execute(
        select(BridgeMessage)
        .where(BridgeMessage.c.onboarding_id == onboarding_id, BridgeMessage.c.client_reference == reference)
        .with_for_update()
    ).one()
    if is_new:
        return Intent(Task.SEND, row)
    if (row.recipient, row.fingerprint) != (recipient, fingerprint):
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


def post_unless_taken(
    connection: Connection, row: Row[Any], *, at: datetime, listing_delay: timedelta = LISTING_DELAY
) -> bool:
    """Claim the next call of a message that was looked for in vain. False when somebody else was quicker, or too early.

    :param listing_delay: how long a message that Twilio has taken may be missing from its lists.
    """
    if at < row.posted_at + listing_delay:
        return False
    unchanged = (
        BridgeMessage.c.id == row.id,
        BridgeMessage.c.sid.is_(None),
        BridgeMessage.c.posted_at == row.posted_at,
    )
    return connection.execute(update(BridgeMessage).where(*unchanged).values(posted_at=at)).rowcount == 1


def accepted(connection: Connection, row: Row[Any], *, sid: str) -> None:
    """Twilio has it. How far it is, only callbacks say: what they tell has to go on to AJO, even if we have seen it."""
    early = select(WebhookEvent.c.payload).where(
        WebhookEvent.c.onboarding_id == row.onboarding_id,
        WebhookEvent.c.message_sid == sid,
        WebhookEvent.c.kind == "status",
    )
    words = ["accepted", *(payload.get("MessageStatus", "") for payload in connection.execute(early).scalars())]
    latest = max(words, key=status_rank)
    connection.execute(
        update(BridgeMessage)
        .where(BridgeMessage.c.id == row.id, BridgeMessage.c.sid.is_(None))
        .values(sid=sid, status=latest[:24], error_code=None, error=None)
    )


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
