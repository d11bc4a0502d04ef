"""A difference that a person knows and accepts, until a day: it is neither reported nor mended."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

AcceptedDrift = Table(
    "accepted_drift",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # As in drift_finding.
    Column("key", String(120), nullable=False),
    # Of what was wanted and what was there. None, from before it was kept, stands for whatever differs.
    Column("difference", String(64)),
    Column("reason", Text, nullable=False),
    Column("accepted_by", String(200), nullable=False),
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    UniqueConstraint("onboarding_id", "key"),
)
