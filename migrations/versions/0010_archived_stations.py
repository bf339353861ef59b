"""The list of archived stations is read from an index.

Revision: 0010. Before it: 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

IS_ARCHIVED = sa.text("archived_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_stations_archived", "stations", ["archived_at", "id"],
        sqlite_where=IS_ARCHIVED, postgresql_where=IS_ARCHIVED,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_stations_archived", "stations")
