"""One requirement of the registration step, checked by program, by poll or by a person."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint

from models.states import CheckState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

ChecklistItem = Table(
    "checklist_item",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("key", String(60), nullable=False),
    Column("title", String(200), nullable=False),
    # program, vendor or person.
    Column("checked_by", String(10), nullable=False),
    Column("state", state_type(CheckState), nullable=False),
    Column("detail", Text),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("onboarding_id", "key"),
)
