"""Operator tasks in any language, with assignee and rejection; the evidence that people hand in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("operator_task") as table:
        # The sentences of older tasks have no placeholders and stand for themselves.
        table.add_column(sa.Column("params", sa.JSON(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("instructions", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("assignee", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("rejection", sa.Text(), nullable=True))
        table.add_column(sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("rejected_by", sa.String(length=200), nullable=True))
    with op.batch_alter_table("operator_task") as table:
        table.alter_column("params", server_default=None)
        table.alter_column("instructions", server_default=None)
    op.create_table(
        "evidence",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("onboarding_id", BIG_ID, nullable=False),
        sa.Column("item", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("given_by", sa.String(length=200), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["onboarding_id"], ["onboarding.id"], name=op.f("fk_evidence_onboarding_id_onboarding"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_onboarding_id_id", "evidence", ["onboarding_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_evidence_onboarding_id_id", table_name="evidence")
    op.drop_table("evidence")
    op.execute("UPDATE operator_task SET state = 'open' WHERE state = 'blocked'")
    with op.batch_alter_table("operator_task") as table:
        for column in ("rejected_by", "rejected_at", "rejection", "assignee", "instructions", "params"):
            table.drop_column(column)
