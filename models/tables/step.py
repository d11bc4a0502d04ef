"""One of the five steps of an onboarding: its state, its lease, what it waits for and when somebody looks next."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.states import StepState
from models.tables.base import Base, BigId, primary_key, state_type


class Step(Base):
    __tablename__ = "step"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(20))
    position: Mapped[int]
    state: Mapped[StepState] = mapped_column(state_type(StepState))
    reason: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(default=0)
    """Raised at every claim; the fence that keeps a late worker from recording over a newer attempt."""
    failures: Mapped[int] = mapped_column(default=0)
    """Passing failures in a row; decides the backoff and when to give up."""
    lost_leases: Mapped[int] = mapped_column(default=0)
    """Workers that vanished with this step in a row; too many park it for a person."""
    is_signalled: Mapped[bool] = mapped_column(default=False)
    """Something arrived for this step while it ran, so it must not go to sleep without another look."""
    due_at: Mapped[datetime | None] = mapped_column()
    """When the tick or the sweep looks at it: next poll, next try, lost wake-up, or end of lease."""
    not_before: Mapped[datetime | None]
    """Earliest moment of the next try that a vendor allowed."""
    waiting_since: Mapped[datetime | None]
    waiting_topic: Mapped[str | None] = mapped_column(String(60))
    """What the wait is about; another topic starts another clock."""
    waiting_until: Mapped[datetime | None]
    """When the wait becomes a person's business."""
    waiting_for: Mapped[str | None] = mapped_column(String(200))
    """Who can end the wait."""
    inputs_digest: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("onboarding_id", "name"),
        Index(
            "ix_step_due_at",
            "due_at",
            sqlite_where=due_at.isnot(None),
            postgresql_where=due_at.isnot(None),
        ),
    )
