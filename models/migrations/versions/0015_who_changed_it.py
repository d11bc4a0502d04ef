"""Who changed what drifted. What was seen before stays without: nobody asks of it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("drift_finding", sa.Column("last_change", sa.JSON(), nullable=True))


def downgrade() -> None:
    # In place: a table made anew would take what refers to it along.
    op.drop_column("drift_finding", "last_change")
