"""What Twilio said of a sender, a country or a carrier, from when: a row for each change, the last one holds."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

ReviewStatus = Table(
    "review_status",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # Empty for the sender as a whole.
    Column("country", String(20), nullable=False),
    # Empty for the country as a whole.
    Column("carrier", String(100), nullable=False),
    # The vendor's word as it came, also one that nobody knew when this was written.
    Column("status", String(60), nullable=False),
    # When we saw the change; the vendor tells no time.
    Column("changed_at", UtcDateTime, nullable=False),
    Index("ix_review_status_onboarding_id", "onboarding_id", "country", "carrier"),
)
