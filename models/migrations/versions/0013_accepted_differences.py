"""A difference is accepted, not all that its field may ever hold. What was accepted before stays accepted as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("drift_finding", sa.Column("difference", sa.String(length=64), nullable=True))
    op.add_column("accepted_drift", sa.Column("difference", sa.String(length=64), nullable=True))


def downgrade() -> None:
    # In place: a table made anew would take what refers to it along.
    op.drop_column("accepted_drift", "difference")
    op.drop_column("drift_finding", "difference")
