"""A reminder or an escalation: one row for each wait and level, written before anything is sent."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, UniqueConstraint, text

from models.states import NoticeState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

Notice = Table(
    "notice",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # What is waited for: step:<step>:<topic>:<person or vendor>, or item:<key of the checklist item>.
    Column("subject", String(120), nullable=False),
    # When that wait began: another one is told of anew.
    Column("since_at", UtcDateTime, nullable=False),
    # remind or escalate.
    Column("level", String(10), nullable=False),
    Column("title", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("state", state_type(NoticeState), nullable=False),
    # Set while it is to be sent.
    Column("due_at", UtcDateTime),
    Column("taken_at", UtcDateTime),
    Column("settled_at", UtcDateTime),
    # What became of it at each receiver.
    Column("outcome", Text),
    UniqueConstraint("onboarding_id", "subject", "since_at", "level"),
    Index(
        "ix_notice_due_at",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_notice_taken_at",
        "taken_at",
        sqlite_where=text("settled_at IS NULL AND taken_at IS NOT NULL"),
        postgresql_where=text("settled_at IS NULL AND taken_at IS NOT NULL"),
    ),
)
