"""What happened, in order. Append-only: no code updates or deletes a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, BigId, primary_key


class Event(Base):
    __tablename__ = "event"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(40))
    """``subject:action``, past tense: ``step:succeeded``, ``resource:adopted``."""
    step: Mapped[str | None] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(2000))
    details: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_event_onboarding_id_id", "onboarding_id", "id"),)
