"""An object that exists, or is about to exist, at a vendor. ``intended`` rows are committed before the creating call."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, UniqueConstraint

from models.states import Provenance, ResourceState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

Resource = Table(
    "resource",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("step", String(20), nullable=False),
    Column("vendor", String(10), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("external_id", String(200)),
    Column("state", state_type(ResourceState), nullable=False),
    Column("provenance", state_type(Provenance)),
    Column("declared_by", String(200)),
    Column("details", JSON, nullable=False),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("present_at", UtcDateTime),
    Column("seen_at", UtcDateTime),
    UniqueConstraint("onboarding_id", "kind"),
    Index("ix_resource_external_id", "external_id"),
)
