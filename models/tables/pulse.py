"""Signs of life: when each queue was last consumed from, and when each beat last ticked."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from models.tables.base import UtcDateTime, metadata

Pulse = Table(
    "pulse",
    metadata,
    # queue or beat.
    Column("kind", String(10), primary_key=True),
    # The queue's name, or the host and process of the beat.
    Column("name", String(200), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    # The worker that consumed.
    Column("worker", String(200)),
)
