"""Checklist items know their file; what carriers said, and since when; reminders and escalations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW_COLUMNS = ("item", "country", "stage", "settled_by", "confirmed_by", "opened_at", "due_at")
DUE = sa.text("due_at IS NOT NULL")
UNDER_WAY = sa.text("settled_at IS NULL AND taken_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("checklist_item") as table:
        # The next run of registration writes the true values.
        table.add_column(sa.Column("item", sa.String(length=40), nullable=False, server_default=""))
        table.add_column(sa.Column("country", sa.String(length=2), nullable=True))
        table.add_column(sa.Column("stage", sa.String(length=10), nullable=False, server_default="advice"))
        table.add_column(sa.Column("settled_by", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("confirmed_by", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "review_status",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("onboarding_id", BIG_ID, nullable=False),
        sa.Column("country", sa.String(length=20), nullable=False),
        sa.Column("carrier", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["onboarding_id"],
            ["onboarding.id"],
            name=op.f("fk_review_status_onboarding_id_onboarding"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_status")),
    )
    op.create_index("ix_review_status_onboarding_id", "review_status", ["onboarding_id", "country", "carrier"])
    op.create_table(
        "notice",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("onboarding_id", BIG_ID, nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["onboarding_id"], ["onboarding.id"], name=op.f("fk_notice_onboarding_id_onboarding"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "onboarding_id", "subject", "since_at", "level", name=op.f("uq_notice_onboarding_id_subject_since_at_level")
        ),
    )
    op.create_index("ix_notice_due_at", "notice", ["due_at"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index("ix_notice_taken_at", "notice", ["taken_at"], sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY)


def downgrade() -> None:
    op.drop_table("notice")
    op.drop_table("review_status")
    with op.batch_alter_table("checklist_item") as table:
        for column in NEW_COLUMNS:
            table.drop_column(column)
