"""One text message that we asked Twilio to send. The row is committed before the call."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

Message = Table(
    "message",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("verification_id", BigId, ForeignKey("verification.id", ondelete="CASCADE")),
    Column("client_reference", String(100), unique=True, nullable=False),
    Column("sid", String(40), unique=True),
    Column("recipient", String(40), nullable=False),
    Column("body", Text, nullable=False),
    # `intended` until Twilio accepted it, then Twilio's own words; moves forward only.
    Column("status", String(24), nullable=False),
    Column("transport", String(8)),
    Column("error_code", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    # Just before the last call that asks Twilio to send it; none while it is only intended.
    Column("posted_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_message_verification_id", "verification_id"),
)
