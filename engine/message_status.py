"""How far a message is: Twilio's words, their order, and the rows that a status moves forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.transitions import append_event
from models.tables import Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

# Callbacks arrive out of order; a message's status only moves up this ladder (docs/vendors.md: inference).
STATUS_RANK = {
    "intended": 0,
    "accepted": 1,
    "scheduled": 1,
    "queued": 2,
    "sending": 3,
    "sent": 4,
    "partially_delivered": 5,
    "delivered": 6,
    "undelivered": 6,
    "failed": 6,
    "canceled": 6,
    "read": 7,
}
# As `sent`: a word we do not know neither blocks nor ends anything.
UNKNOWN_RANK = 4
# `status_of` and `status_rank` of a stored callback, in the words of both databases.
STATUS_SQL = "COALESCE(NULLIF(payload ->> 'MessageStatus', ''), payload ->> 'SmsStatus', '')"
_RANKS = " ".join(f"WHEN '{word}' THEN {rank}" for word, rank in STATUS_RANK.items())
STATUS_RANK_SQL = f"CASE {STATUS_SQL} {_RANKS} ELSE {UNKNOWN_RANK} END"


def status_rank(status: str) -> int:
    """Higher is later."""
    return STATUS_RANK.get(status, UNKNOWN_RANK)


def sid_of(params: Mapping[str, str]) -> str:
    """The message that a callback speaks of; empty when it names none."""
    return params.get("MessageSid") or params.get("SmsSid", "")


def status_of(params: Mapping[str, str]) -> str:
    """Twilio's word for how far the message is."""
    return params.get("MessageStatus") or params.get("SmsStatus", "")


def error_code_of(params: Mapping[str, str]) -> int | None:
    """Twilio's five digits; None for anything that is no such number."""
    error = params.get("ErrorCode", "")
    return int(error) if error.isascii() and error.isdigit() and len(error) < 10 else None


def transport_of(sid: str, sender: str) -> str:
    """``rcs``, ``mms`` or ``sms``. The prefix of From is the only documented evidence."""
    return "rcs" if sender.startswith("rcs:") else "mms" if sid.startswith("MM") else "sms"


def apply_callback(connection: Connection, onboarding_id: int, params: Mapping[str, str], *, at: datetime) -> bool:
    """Move the message a status callback speaks of; False when it is not ours or this is old news."""
    return record_status(
        connection,
        onboarding_id,
        sid_of(params),
        status_of(params),
        sender=params.get("From"),
        error_code=error_code_of(params),
        at=at,
    )


def record_status(
    connection: Connection,
    onboarding_id: int,
    sid: str,
    status: str,
    *,
    sender: str | None,
    error_code: int | None,
    at: datetime,
) -> bool:
    """Move one of our messages forward. False when it is not ours, or the news is older than what is known."""
    row = connection.execute(
        select(Message.c.id, Message.c.status).where(Message.c.onboarding_id == onboarding_id, Message.c.sid == sid)
    ).one_or_none()
    if row is None or status_rank(status) <= status_rank(row.status):
        return False
    values: dict[str, Any] = {"status": status[:24], "updated_at": at, "error_code": error_code}
    if sender:
        values["transport"] = transport_of(sid, sender)
    connection.execute(update(Message).where(Message.c.id == row.id, Message.c.status == row.status).values(**values))
    text = f"message {sid} is {status}" + (f" (error {error_code})" if error_code else "")
    append_event(connection, onboarding_id, f"message:{status}"[:40], text, at=at, step="verification")
    return True
