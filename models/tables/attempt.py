"""One try at a step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, BigId, primary_key


class Attempt(Base):
    __tablename__ = "attempt"

    id: Mapped[int] = primary_key()
    step_id: Mapped[int] = mapped_column(BigId, ForeignKey("step.id", ondelete="CASCADE"))
    number: Mapped[int]
    worker: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    """The state the step went to, or `lost` when its lease ran out."""
    message: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(String(100))
    """The vendor's request id of the call that failed."""

    __table_args__ = (UniqueConstraint("step_id", "number"),)
