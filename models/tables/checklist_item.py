"""One requirement of the registration step, checked by program, by poll or by a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.states import CheckState
from models.tables.base import Base, BigId, primary_key, state_type


class ChecklistItem(Base):
    __tablename__ = "checklist_item"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(200))
    checked_by: Mapped[str] = mapped_column(String(10))
    """program, vendor or person."""
    state: Mapped[CheckState] = mapped_column(state_type(CheckState))
    detail: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("onboarding_id", "key"),)
