"""What happened, in order. Append-only: no code updates or deletes a row."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

Event = Table(
    "event",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # ``subject:action``, past tense: ``step:succeeded``, ``resource:adopted``.
    Column("kind", String(40), nullable=False),
    Column("step", String(20)),
    Column("text", String(2000), nullable=False),
    Column("details", JSON, nullable=False),
    Index("ix_event_onboarding_id_id", "onboarding_id", "id"),
)
