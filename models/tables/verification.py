"""One run of the checks, with or without a test message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.states import VerificationState
from models.tables.base import Base, BigId, primary_key, state_type


class Verification(Base):
    __tablename__ = "verification"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    trigger: Mapped[str] = mapped_column(String(10))
    """first, schedule or request."""
    sends_message: Mapped[bool]
    state: Mapped[VerificationState] = mapped_column(state_type(VerificationState))
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    findings: Mapped[list[Any]]
    """[{severity, subject, problem, cure}], empty when all is as declared."""

    __table_args__ = (Index("ix_verification_onboarding_id_id", "onboarding_id", "id"),)
