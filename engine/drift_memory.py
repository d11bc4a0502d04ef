"""What drifted, remembered from when it was first seen until it was gone, and who did it where that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.last_change import told
from engine.transitions import append_event
from engine.upsert import upsert
from models.tables import DriftFinding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row, Select

    from engine.contract import Finding
    from engine.memory import View


def remembered(ctx: View) -> dict[str, Row[Any]]:
    """The differences that were still there at the last look, by their keys."""
    return {row.key: row for row in ctx.read(_still_there(ctx.onboarding_id))}


def _still_there(onboarding_id: int | None) -> Select[Any]:
    return select(DriftFinding).where(DriftFinding.c.onboarding_id == onboarding_id, DriftFinding.c.gone_at.is_(None))


def record(connection: Connection, onboarding_id: int, found: Sequence[Finding], *, at: datetime) -> None:
    """Remember what a whole look found; what it did not find is gone. News go into the event log."""
    known = {row.key: row for row in connection.execute(_still_there(onboarding_id)).all()}
    for finding in found:
        if not finding.key:
            continue
        before = known.pop(finding.key, None)
        values: dict[str, Any] = {
            "severity": finding.severity,
            "subject": finding.subject,
            "problem": finding.problem,
            "cure": finding.cure,
            "difference": finding.difference or None,
            "last_seen_at": at,
            "first_seen_at": before.first_seen_at if before else at,
            "gone_at": None,
        }
        if before is None:
            values["last_change"] = finding.last_change.as_json() if finding.last_change else None
        upsert(connection, DriftFinding, key={"onboarding_id": onboarding_id, "key": finding.key}, values=values)
        if before is None:
            append_event(connection, onboarding_id, "drift:found", _news(finding), at=at, details={"key": finding.key})
    for row in known.values():
        connection.execute(update(DriftFinding).where(DriftFinding.c.id == row.id).values(gone_at=at))
        text = f"{row.subject}: no longer ({row.problem})"
        append_event(connection, onboarding_id, "drift:gone", text, at=at, details={"key": row.key})


def _news(finding: Finding) -> str:
    """Without the address it was done from: the event log goes into evidence packs, and is never cut."""
    text = f"{finding.subject}: {finding.problem}"
    change = finding.last_change
    if change is None:
        return text
    return f"{text}; {told(change.as_json(), f'{change.at:%Y-%m-%d %H:%M} UTC', shows_address=False)}"
