"""Who skipped a step or marked it done by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("step") as table:
        table.add_column(sa.Column("settled_by", sa.String(length=200), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("step") as table:
        table.drop_column("settled_by")
