"""Who skipped a step or marked it done by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("step", sa.Column("settled_by", sa.String(length=200), nullable=True))


def downgrade() -> None:
    # In place: a table made anew would take what refers to it along.
    op.drop_column("step", "settled_by")
