"""Each onboarding remembers the step graph that its rows were made for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was started before this revision has the five steps of the first graph.
    op.add_column("onboarding", sa.Column("graph_version", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("onboarding", "graph_version")
