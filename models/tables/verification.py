"""One run of the checks, with or without a test message."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, String, Table

from models.states import VerificationState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

Verification = Table(
    "verification",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # first, schedule or request.
    Column("trigger", String(10), nullable=False),
    Column("sends_message", Boolean, nullable=False),
    Column("state", state_type(VerificationState), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # [{severity, subject, problem, cure}], empty when all is as declared.
    Column("findings", JSON, nullable=False),
    # [{way, text, state, at}]: how far the message came on its round trip (`engine.round_trip.Hop`).
    Column("hops", JSON),
    Index("ix_verification_onboarding_id_id", "onboarding_id", "id"),
)
