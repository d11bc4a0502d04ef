"""How much of us one account of a vendor takes: the ceiling, and the pause that its answers taught us."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

from models.tables.base import UtcDateTime, metadata

VendorLimit = Table(
    "vendor_limit",
    metadata,
    # Twilio with the account's SID, Adobe with the organisation's id.
    Column("vendor", String(20), primary_key=True),
    Column("account", String(64), primary_key=True),
    # Steps that may be at it at the same time, over all workers; as the worker that wrote it last was set.
    Column("ceiling", Integer, nullable=False),
    # What answers of 429 have shown to be enough, at that moment; it grows back with time. Empty: the ceiling.
    Column("room", Integer),
    Column("room_since", UtcDateTime),
    # Pauses in a row without a call that succeeded between them; each makes the next longer.
    Column("strikes", Integer, nullable=False),
    # It failed to answer, other than by asking for fewer calls.
    Column("is_unwell", Boolean, nullable=False),
    Column("cooldown_since", UtcDateTime),
    Column("cooldown_until", UtcDateTime),
    Column("reason", Text),
    # Steps that were held back since held_from; counted anew each hour.
    Column("held", Integer, nullable=False),
    Column("held_from", UtcDateTime),
)
