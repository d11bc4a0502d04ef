"""How one of AJO's webhooks fares: the circuit that spares it while it is unwell, and what it has taken."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from models.tables.base import BigId, UtcDateTime, metadata

Destination = Table(
    "destination",
    metadata,
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), primary_key=True),
    # status or inbound, as the events that go there.
    Column("kind", String(10), primary_key=True),
    Column("forwarded", BigInteger, nullable=False),
    # Passing failures in a row.
    Column("failures", Integer, nullable=False),
    # Nothing is posted before; set while too much failed.
    Column("open_until", UtcDateTime),
    Column("last_error", Text),
    Column("updated_at", UtcDateTime, nullable=False),
)
