"""One message that AJO asked the bridge to send. The row is committed before Twilio is called.

Neither text nor sender is kept: the fingerprint of the text is enough to find the message at Twilio again.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from models.tables.base import BigId, UtcDateTime, metadata, primary_key

BridgeMessage = Table(
    "bridge_message",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # AJO's, or one of ours where AJO gave none.
    Column("client_reference", String(100), nullable=False),
    Column("recipient", String(40), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("sid", String(40), unique=True),
    # `intended` until Twilio has decided, then Twilio's own words; moves forward only.
    Column("status", String(24), nullable=False),
    Column("error_code", Integer),
    # For people: why Twilio refused it.
    Column("error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    # Just before the last call; none once that call has certainly done nothing.
    Column("posted_at", UtcDateTime),
    UniqueConstraint("onboarding_id", "client_reference"),
)
