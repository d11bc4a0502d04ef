"""One event that arrived at the gateway, stored before it was answered, and its way on to AJO."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from models.states import ForwardState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

WebhookEvent = Table(
    "webhook_event",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    # status or inbound.
    Column("kind", String(10), nullable=False),
    Column("message_sid", String(40), nullable=False),
    Column("dedupe_key", String(120), nullable=False),
    # Twilio's, the same on each of its tries to deliver one event.
    Column("idempotency_token", String(64)),
    Column("payload", JSON, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("forward_state", state_type(ForwardState), nullable=False),
    Column("forward_due_at", UtcDateTime),
    Column("forward_tries", Integer, default=0, nullable=False),
    Column("forward_error", Text),
    Column("forwarded_at", UtcDateTime),
    UniqueConstraint("onboarding_id", "dedupe_key"),
    Index(
        "ix_webhook_event_idempotency_token",
        "onboarding_id",
        "idempotency_token",
        unique=True,
        sqlite_where=text("idempotency_token IS NOT NULL"),
        postgresql_where=text("idempotency_token IS NOT NULL"),
    ),
    Index("ix_webhook_event_message_sid", "message_sid"),
    # What waits to be forwarded is little; what was forwarded grows for ever.
    Index(
        "ix_webhook_event_waiting",
        "onboarding_id",
        "id",
        sqlite_where=text("forward_due_at IS NOT NULL"),
        postgresql_where=text("forward_due_at IS NOT NULL"),
    ),
    # What a person has to look at.
    Index(
        "ix_webhook_event_parked",
        "onboarding_id",
        "received_at",
        sqlite_where=text("forward_state = 'parked'"),
        postgresql_where=text("forward_state = 'parked'"),
    ),
    Index(
        "ix_webhook_event_forward_due_at",
        "forward_due_at",
        sqlite_where=text("forward_due_at IS NOT NULL"),
        postgresql_where=text("forward_due_at IS NOT NULL"),
    ),
)
