"""The way back: steps that take away what they made, and what a person chose for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("step", sa.Column("is_removal", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("onboarding", sa.Column("teardown", sa.JSON(), nullable=True))


def downgrade() -> None:
    # In place: a table made anew would take what refers to it along.
    op.drop_column("onboarding", "teardown")
    op.drop_column("step", "is_removal")
