"""Units are found by a piece of their serial number, however many units there are.

The portal fills the table in the background: until it is done, searching reads the serial numbers one by one.

Revision: 0009. Before it: 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# In the order of code points.
PIECE = sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "unit_serial_pieces",
        sa.Column("piece", PIECE, nullable=False),
        sa.Column("unit_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("piece", "unit_id", name=op.f("pk_unit_serial_pieces")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("unit_serial_pieces")
    op.execute("DELETE FROM counters WHERE name = 'unit_serial_pieces'")
