"""One text message that we asked Twilio to send. The row is committed before the call."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, BigId, primary_key


class Message(Base):
    __tablename__ = "message"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    verification_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("verification.id", ondelete="CASCADE"))
    client_reference: Mapped[str] = mapped_column(String(100), unique=True)
    sid: Mapped[str | None] = mapped_column(String(40), unique=True)
    recipient: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(24))
    """`intended` until Twilio accepted it, then Twilio's own words; moves forward only."""
    transport: Mapped[str | None] = mapped_column(String(8))
    error_code: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_message_verification_id", "verification_id"),)
