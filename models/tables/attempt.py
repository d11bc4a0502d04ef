"""One try at a step."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

Attempt = Table(
    "attempt",
    metadata,
    primary_key(),
    Column("step_id", BigId, ForeignKey("step.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("worker", String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    # The state the step went to, or `lost` when its lease ran out.
    Column("outcome", String(20)),
    Column("message", Text),
    # The vendor's request id of the call that failed.
    Column("request_id", String(100)),
    UniqueConstraint("step_id", "number"),
)
