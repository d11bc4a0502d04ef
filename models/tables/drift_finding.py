"""One difference between what is declared and what is there, from when it was first seen until it was gone."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, String, Table, Text, UniqueConstraint

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

DriftFinding = Table(
    "drift_finding",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # SUBJECT/FIELD, as messaging-service/numbers.
    Column("key", String(120), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("problem", Text, nullable=False),
    Column("cure", Text, nullable=False),
    # A fingerprint of what is wanted and what is there.
    Column("difference", String(64)),
    # When the same difference comes back after it was gone, this begins anew.
    Column("first_seen_at", UtcDateTime, nullable=False),
    # Who changed it, as the vendor's log told when it was first seen (`engine.last_change.LastChange`).
    Column("last_change", JSON(none_as_null=True)),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("gone_at", UtcDateTime),
    UniqueConstraint("onboarding_id", "key"),
)
