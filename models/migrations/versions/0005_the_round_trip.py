"""Proofs that AJO is asked for, and the hops of a message's round trip."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ajo_proof",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("onboarding_id", BIG_ID, nullable=False),
        sa.Column("verification_id", BIG_ID, nullable=False),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("recipient", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("newest_before", BIG_ID, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("cure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["onboarding_id"], ["onboarding.id"], name=op.f("fk_ajo_proof_onboarding_id_onboarding"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verification.id"],
            name=op.f("fk_ajo_proof_verification_id_verification"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ajo_proof")),
        sa.UniqueConstraint("verification_id", name=op.f("uq_ajo_proof_verification_id")),
    )
    op.add_column("verification", sa.Column("hops", sa.JSON(), nullable=True))


def downgrade() -> None:
    # In place: a table made anew would take what refers to it along.
    op.drop_column("verification", "hops")
    op.drop_table("ajo_proof")
