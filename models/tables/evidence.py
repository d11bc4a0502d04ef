"""What people handed in to prove what they did: files and notes. Append-only, bounded in size (engine/evidence.py)."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

Evidence = Table(
    "evidence",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # Key of the operator task, the wait or the item of the checklist that it belongs to.
    Column("item", String(60), nullable=False),
    # The file's own name; `note.txt` for words given on the command line.
    Column("name", String(200), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    # In the database and not in a folder: the machines of one installation share nothing else.
    Column("content", LargeBinary, nullable=False),
    Column("given_by", String(200), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Index("ix_evidence_onboarding_id_id", "onboarding_id", "id"),
)
