"""One event that arrived at the gateway, stored before it was answered, and its way on to AJO."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.states import ForwardState
from models.tables.base import Base, BigId, primary_key, state_type


class WebhookEvent(Base):
    __tablename__ = "webhook_event"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    """status or inbound."""
    message_sid: Mapped[str] = mapped_column(String(40))
    dedupe_key: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    forward_state: Mapped[ForwardState] = mapped_column(state_type(ForwardState))
    forward_due_at: Mapped[datetime | None] = mapped_column()
    forward_tries: Mapped[int] = mapped_column(default=0)
    forward_error: Mapped[str | None] = mapped_column(Text)
    forwarded_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("onboarding_id", "dedupe_key"),
        Index("ix_webhook_event_onboarding_id_id", "onboarding_id", "id"),
        Index(
            "ix_webhook_event_forward_due_at",
            "forward_due_at",
            sqlite_where=forward_due_at.isnot(None),
            postgresql_where=forward_due_at.isnot(None),
        ),
    )
