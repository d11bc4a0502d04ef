"""One channel of one brand in one AJO sandbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.states import OnboardingState
from models.tables.base import Base, primary_key, state_type


class Onboarding(Base):
    __tablename__ = "onboarding"

    id: Mapped[int] = primary_key()
    name: Mapped[str] = mapped_column(String(50), unique=True)
    channel: Mapped[str] = mapped_column(String(8))
    brand: Mapped[str] = mapped_column(String(200))
    organization_id: Mapped[str] = mapped_column(String(64))
    sandbox: Mapped[str] = mapped_column(String(64))
    status: Mapped[OnboardingState] = mapped_column(state_type(OnboardingState))
    mark: Mapped[str] = mapped_column(String(20))
    """Our fingerprint in fields that vendors store; derived from organisation, sandbox and name."""
    endpoint_token: Mapped[str] = mapped_column(String(64), unique=True)
    """Unguessable part of this onboarding's gateway addresses."""
    spec: Mapped[dict[str, Any]]
    spec_digest: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text)
    """One sentence: why it waits, failed or is degraded."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    next_verification_at: Mapped[datetime | None] = mapped_column()

    __table_args__ = (
        Index("ix_onboarding_status_name", "status", "name"),
        Index(
            "ix_onboarding_next_verification_at",
            "next_verification_at",
            sqlite_where=next_verification_at.isnot(None),
            postgresql_where=next_verification_at.isnot(None),
        ),
    )
