"""A secret of an onboarding, encrypted at rest. Reading and writing: ``engine.vault``."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, BigId, primary_key


class Secret(Base):
    __tablename__ = "secret"

    id: Mapped[int] = primary_key()
    onboarding_id: Mapped[int] = mapped_column(BigId, ForeignKey("onboarding.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("onboarding_id", "name"),)
