"""One requirement of an onboarding, from ``models/checklists``: settled by program, by vendor or by a person."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint

from models.states import CheckState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

ChecklistItem = Table(
    "checklist_item",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # The item's id, and behind it the country or number it is about.
    Column("key", String(60), nullable=False),
    # Its id in the files.
    Column("item", String(40), nullable=False),
    # Set where only this country needs it.
    Column("country", String(2)),
    Column("title", String(200), nullable=False),
    # program, vendor or person.
    Column("checked_by", String(10), nullable=False),
    # What cannot be reached without it: submission, launch, or nothing (advice).
    Column("stage", String(10), nullable=False),
    Column("state", state_type(CheckState), nullable=False),
    # Who gave it its state: spec, program, vendor or person.
    Column("settled_by", String(10)),
    # The person, where one stands for it.
    Column("confirmed_by", String(200)),
    Column("detail", Text),
    Column("opened_at", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("onboarding_id", "key"),
)
