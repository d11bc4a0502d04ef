"""An object that exists, or is about to exist, at a vendor. ``intended`` rows are committed before the creating call."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.states import Provenance, ResourceState
from models.tables.base import Base, BigId, primary_key, state_type


class Resource(Base):
    __tablename__ = "resource"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    step: Mapped[str] = mapped_column(String(20))
    vendor: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    external_id: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[ResourceState] = mapped_column(state_type(ResourceState))
    provenance: Mapped[Provenance | None] = mapped_column(state_type(Provenance))
    declared_by: Mapped[str | None] = mapped_column(String(200))
    details: Mapped[dict[str, Any]]
    intended_at: Mapped[datetime]
    present_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("onboarding_id", "kind"),
        Index("ix_resource_external_id", "external_id"),
    )
