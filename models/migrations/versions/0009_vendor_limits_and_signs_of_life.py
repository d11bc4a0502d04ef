"""What each vendor's account takes of us, steps that are held back, and signs of life of queues and beats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vendor_limit",
        sa.Column("vendor", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ceiling", sa.Integer(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=True),
        sa.Column("room_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("is_unwell", sa.Boolean(), nullable=False),
        sa.Column("cooldown_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cooldown_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("held_from", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("vendor", "account", name=op.f("pk_vendor_limit")),
    )
    op.create_table(
        "pulse",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_pulse")),
    )
    # Not as a batch: SQLite would make the table anew, and all that refers to it would go with the old one. The default
    # stays for workers of the version before, which start onboardings while this one is rolled out.
    op.add_column("onboarding", sa.Column("twilio_account", sa.String(length=64), nullable=False, server_default=""))
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    account = "json_extract(spec, '$.twilio.account_sid')" if is_sqlite else "spec -> 'twilio' ->> 'account_sid'"
    op.execute(f"UPDATE onboarding SET twilio_account = COALESCE({account}, '')")  # noqa: S608  our own words
    op.add_column("step", sa.Column("held_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("step", sa.Column("held_by", sa.String(length=20), nullable=True))
    op.add_column("step", sa.Column("held_reason", sa.Text(), nullable=True))
    held, running = sa.text("held_since IS NOT NULL"), sa.text("state = 'running'")
    op.create_index("ix_step_held_since", "step", ["held_since"], sqlite_where=held, postgresql_where=held)
    op.create_index("ix_step_running", "step", ["state", "due_at"], sqlite_where=running, postgresql_where=running)


def downgrade() -> None:
    op.drop_index("ix_step_running", table_name="step")
    op.drop_index("ix_step_held_since", table_name="step")
    op.drop_column("step", "held_reason")
    op.drop_column("step", "held_by")
    op.drop_column("step", "held_since")
    op.drop_column("onboarding", "twilio_account")
    op.drop_table("pulse")
    op.drop_table("vendor_limit")
