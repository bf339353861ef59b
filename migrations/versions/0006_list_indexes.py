"""Lists that stay fast: revisions in the order of their numbers, and runs that began after they were stored.

The second holds only what benches whose clock is ahead have sent: most records cost it nothing.

Revision: 0006. Before it: 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

IS_AHEAD = sa.text("started_at > created_at")


def upgrade() -> None:
    op.create_index("ix_revisions_number_key_id", "revisions", ["number_key", "id"], unique=True)
    op.create_index(
        "ix_runs_ahead", "runs", ["started_at", "created_at"], sqlite_where=IS_AHEAD, postgresql_where=IS_AHEAD
    )


def downgrade() -> None:
    op.drop_index("ix_runs_ahead", "runs")
    op.drop_index("ix_revisions_number_key_id", "revisions")
