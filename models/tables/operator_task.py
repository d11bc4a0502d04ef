"""Work that only a person can do, with the exact values to enter and what to bring back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.states import OperatorTaskState
from models.tables.base import Base, BigId, primary_key, state_type


class OperatorTask(Base):
    __tablename__ = "operator_task"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    step: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(Text)
    """Where to click."""
    fields: Mapped[list[Any]]
    """[{label, value}] or, for secrets, [{label, secret}] with the name of the stored secret."""
    bring_back: Mapped[list[Any]]
    """Names of the values that the person brings back."""
    digest: Mapped[str] = mapped_column(String(64))
    """Of title, place and fields: when what is wanted changes, a task that was done opens again."""
    state: Mapped[OperatorTaskState] = mapped_column(state_type(OperatorTaskState))
    values: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (UniqueConstraint("onboarding_id", "key"),)
