"""One channel of one brand in one AJO sandbox."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, text

from models.states import OnboardingState
from models.tables.base import UtcDateTime, metadata, primary_key, state_type

Onboarding = Table(
    "onboarding",
    metadata,
    primary_key(),
    Column("name", String(50), unique=True, nullable=False),
    Column("channel", String(8), nullable=False),
    Column("brand", String(200), nullable=False),
    Column("organization_id", String(64), nullable=False),
    Column("sandbox", String(64), nullable=False),
    # Whose limits its calls count against; its organisation is the other.
    Column("twilio_account", String(64), nullable=False, server_default=""),
    Column("status", state_type(OnboardingState), nullable=False),
    # Our fingerprint in fields that vendors store; derived from organisation, sandbox and name.
    Column("mark", String(20), nullable=False),
    # Unguessable part of this onboarding's gateway addresses.
    Column("endpoint_token", String(64), unique=True, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_digest", String(64), nullable=False),
    # One sentence: why it waits, failed or is degraded.
    Column("reason", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("activated_at", UtcDateTime),
    Column("next_verification_at", UtcDateTime),
    # The step graph that its rows were made for (engine.graph); a worker with another leaves it alone.
    Column("graph_version", Integer, nullable=False, server_default="1"),
    # What a person chose when they had it taken down: {adopted, keep} (`engine.removal.Choice`).
    Column("teardown", JSON),
    Index("ix_onboarding_status_name", "status", "name"),
    Index(
        "ix_onboarding_next_verification_at",
        "next_verification_at",
        sqlite_where=text("next_verification_at IS NOT NULL"),
        postgresql_where=text("next_verification_at IS NOT NULL"),
    ),
)
