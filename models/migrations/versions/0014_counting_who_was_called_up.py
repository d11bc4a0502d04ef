"""An index that counts steps that were called up without reading all that are held back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

HELD = sa.text("held_since IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_step_held", "step", ["held_by", "not_before"], sqlite_where=HELD, postgresql_where=HELD)
    op.drop_index("ix_step_held_since", table_name="step")


def downgrade() -> None:
    op.create_index("ix_step_held_since", "step", ["held_since"], sqlite_where=HELD, postgresql_where=HELD)
    op.drop_index("ix_step_held", table_name="step")
