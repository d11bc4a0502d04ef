"""Work that only a person can do, with the exact values to enter and what to bring back."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, String, Table, Text, UniqueConstraint

from models.states import OperatorTaskState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

OperatorTask = Table(
    "operator_task",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("step", String(20), nullable=False),
    Column("key", String(60), nullable=False),
    # Title, place, instructions and labels are ids of messages (engine/texts.py): each reader has a language.
    Column("title", String(200), nullable=False),
    # What the title's and the instructions' placeholders stand for.
    Column("params", JSON, nullable=False),
    # Where to click.
    Column("place", Text, nullable=False),
    # What to do there, in this order.
    Column("instructions", JSON, nullable=False),
    # [{label, value}], or instead of the value: choice (a word of the form's list), note (nothing to copy) or secret
    # (the name of the stored secret).
    Column("fields", JSON, nullable=False),
    # Names of the values that the person brings back.
    Column("bring_back", JSON, nullable=False),
    # Of the fields: when what has to be entered changes, a task that was done opens again.
    Column("digest", String(64), nullable=False),
    Column("state", state_type(OperatorTaskState), nullable=False),
    Column("values", JSON, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("done_by", String(200)),
    Column("assignee", String(200)),
    # Why it was rejected last, while it is not done again.
    Column("rejection", Text),
    Column("rejected_at", UtcDateTime),
    Column("rejected_by", String(200)),
    UniqueConstraint("onboarding_id", "key"),
)
