"""A secret of an onboarding, encrypted at rest. Reading and writing: ``engine.vault``."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, UniqueConstraint

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

Secret = Table(
    "secret",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("onboarding_id", "name"),
)
