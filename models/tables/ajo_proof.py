"""The proof that one verification asked Journey Optimizer for. The row is committed before AJO is called."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

AjoProof = Table(
    "ajo_proof",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("verification_id", BigId, ForeignKey("verification.id", ondelete="CASCADE"), unique=True, nullable=False),
    Column("campaign_id", String(100), nullable=False),
    Column("recipient", String(40), nullable=False),
    # Handed to AJO as a context attribute; a campaign that shows it makes its message known for certain.
    Column("reference", String(100), nullable=False),
    # The newest `bridge_message` when AJO was asked: only later ones can be of this proof, whatever the clocks say.
    Column("newest_before", BigId, nullable=False),
    # Just before the call; none once that call has certainly done nothing.
    Column("asked_at", UtcDateTime),
    Column("taken_at", UtcDateTime),
    Column("job_id", String(100)),
    # `intended` until AJO has answered, `refused`, or AJO's own words.
    Column("status", String(24), nullable=False),
    # For people: why AJO refused it, or what failed, and what to do.
    Column("error", Text),
    Column("cure", Text),
)
