"""What drifted, remembered from when it was first seen until it was gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.transitions import append_event
from engine.upsert import upsert
from models.tables import DriftFinding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.contract import Finding


def record(connection: Connection, onboarding_id: int, found: Sequence[Finding], *, at: datetime) -> None:
    """Remember what a whole look found; what it did not find is gone. News go into the event log."""
    rows = select(DriftFinding).where(DriftFinding.c.onboarding_id == onboarding_id, DriftFinding.c.gone_at.is_(None))
    known = {row.key: row for row in connection.execute(rows).all()}
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
        upsert(connection, DriftFinding, key={"onboarding_id": onboarding_id, "key": finding.key}, values=values)
        if before is None:
            text = f"{finding.subject}: {finding.problem}"
            append_event(connection, onboarding_id, "drift:found", text, at=at, details={"key": finding.key})
    for row in known.values():
        connection.execute(update(DriftFinding).where(DriftFinding.c.id == row.id).values(gone_at=at))
        text = f"{row.subject}: no longer ({row.problem})"
        append_event(connection, onboarding_id, "drift:gone", text, at=at, details={"key": row.key})
