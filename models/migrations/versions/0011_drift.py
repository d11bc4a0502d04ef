"""Findings of drift with their time, those that a person accepted, and the budget of checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "drift_finding",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("onboarding_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("cure", sa.Text(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("gone_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["onboarding_id"],
            ["onboarding.id"],
            name=op.f("fk_drift_finding_onboarding_id_onboarding"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_finding")),
        sa.UniqueConstraint("onboarding_id", "key", name=op.f("uq_drift_finding_onboarding_id_key")),
    )
    op.create_table(
        "accepted_drift",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("onboarding_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.String(length=200), nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["onboarding_id"],
            ["onboarding.id"],
            name=op.f("fk_accepted_drift_onboarding_id_onboarding"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accepted_drift")),
        sa.UniqueConstraint("onboarding_id", "key", name=op.f("uq_accepted_drift_onboarding_id_key")),
    )
    op.create_table(
        "check_budget",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_budget")),
        sa.UniqueConstraint("account", name=op.f("uq_check_budget_account")),
    )


def downgrade() -> None:
    op.drop_table("check_budget")
    op.drop_table("accepted_drift")
    op.drop_table("drift_finding")
