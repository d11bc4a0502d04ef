"""One of the five steps of an onboarding: its state, its lease, what it waits for and when somebody looks next."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, false, text

from models.states import StepState
from models.tables.base import BigId, UtcDateTime, metadata, primary_key, state_type

Step = Table(
    "step",
    metadata,
    primary_key(),
    Column("onboarding_id", BigId, ForeignKey("onboarding.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(20), nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", state_type(StepState), nullable=False),
    Column("reason", Text),
    # Raised at every claim; the fence that keeps a late worker from recording over a newer attempt.
    Column("attempt", Integer, default=0, nullable=False),
    # Passing failures in a row; decides the backoff and when to give up.
    Column("failures", Integer, default=0, nullable=False),
    # Workers that vanished with this step in a row; too many park it for a person.
    Column("lost_leases", Integer, default=0, nullable=False),
    # Something arrived for this step while it ran, so it must not go to sleep without another look.
    Column("is_signalled", Boolean, default=False, nullable=False),
    # When the tick or the sweep looks at it: next poll, next try, lost wake-up, or end of lease.
    Column("due_at", UtcDateTime),
    # Earliest moment of the next try that a vendor allowed.
    Column("not_before", UtcDateTime),
    # Since when a vendor's limit holds it back, whose, and why; called up again, `not_before` is empty.
    Column("held_since", UtcDateTime),
    Column("held_by", String(20)),
    Column("held_reason", Text),
    Column("waiting_since", UtcDateTime),
    # What the wait is about; another topic starts another clock.
    Column("waiting_topic", String(60)),
    # When the wait becomes a person's business.
    Column("waiting_until", UtcDateTime),
    # Who can end the wait.
    Column("waiting_for", String(200)),
    # Who skipped it or marked it done by hand; its reason has their words. Empty once it runs again.
    Column("settled_by", String(200)),
    # The row's state is that of taking away what the step made, last step first; all five rows say the same.
    Column("is_removal", Boolean, default=False, server_default=false(), nullable=False),
    Column("inputs_digest", String(64), nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    UniqueConstraint("onboarding_id", "name"),
    Index(
        "ix_step_due_at", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
    # Who was called up is counted after each step that ends; those that wait, with `not_before`, may be thousands.
    Index(
        "ix_step_held",
        "held_by",
        "not_before",
        sqlite_where=text("held_since IS NOT NULL"),
        postgresql_where=text("held_since IS NOT NULL"),
    ),
    # The leases: few rows, counted at each claim.
    Index(
        "ix_step_running",
        "state",
        "due_at",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)
