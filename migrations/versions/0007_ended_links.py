"""Links that have ended, so that a station's last records of a procedure are still taken; procedures by name.

Revision: 0007. Before it: 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.String(length=36)


def upgrade() -> None:
    op.create_table(
        "ended_links",
        sa.Column("station_id", ID, nullable=False),
        sa.Column("procedure_id", ID, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_ended_links_station_id_stations"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["procedure_id"], ["procedures.id"], name=op.f("fk_ended_links_procedure_id_procedures"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("station_id", "procedure_id", name=op.f("pk_ended_links")),
    )
    op.create_index(op.f("ix_ended_links_procedure_id"), "ended_links", ["procedure_id"])
    op.create_index(op.f("ix_procedures_name_key_id"), "procedures", ["name_key", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_procedures_name_key_id"), table_name="procedures")
    op.drop_table("ended_links")
