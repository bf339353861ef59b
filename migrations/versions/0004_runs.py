"""Facts of phases that lists ask for, and indexes for the rest of the filters of runs.

How long a phase took and whether it is the last attempt are said once, when the record is stored: a list need not look
at the other phases of each run.

Revision: 0004. Before it: 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Each holds only the rows that have a value. ``(table, name, columns, condition)``
INDEXES = (
    ("runs", "ix_runs_slot_key", ["slot_key", "started_at", "id"], "slot_key <> ''"),
    ("runs", "ix_runs_slot_name", ["slot_name", "started_at", "id"], "slot_name IS NOT NULL"),
    ("units", "ix_units_sample", ["sample"], "sample IS NOT NULL"),
)
# Whole milliseconds, as the program counts them. SQLite has instants as text: seconds, then microseconds from the 21st
# letter on.
MILLISECONDS = {
    "sqlite": (
        "MAX(0, ((strftime('%s', ended_at) - strftime('%s', started_at)) * 1000000"
        " + CAST(substr(ended_at, 21, 6) AS INTEGER) - CAST(substr(started_at, 21, 6) AS INTEGER)) / 1000)"
    ),
    "postgresql": "GREATEST(0, FLOOR(EXTRACT(EPOCH FROM (ended_at - started_at)) * 1000))",
}


def upgrade() -> None:
    with op.batch_alter_table("phases", schema=None) as batch:
        batch.add_column(sa.Column("duration_ms", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("is_final_attempt", sa.Boolean(), nullable=True))
    op.execute(f"UPDATE phases SET duration_ms = {MILLISECONDS[op.get_bind().dialect.name]}")
    op.execute(
        "UPDATE phases SET is_final_attempt = (retry_count = most.n) FROM (SELECT id, MAX(retry_count) OVER "
        "(PARTITION BY run_id, name, COALESCE(sequence_path, '')) AS n FROM phases) AS most WHERE most.id = phases.id"
    )
    with op.batch_alter_table("phases", schema=None) as batch:
        batch.alter_column("duration_ms", existing_type=sa.BigInteger(), nullable=False)
        batch.alter_column("is_final_attempt", existing_type=sa.Boolean(), nullable=False)
    for table, name, columns, condition in INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for table, name, _columns, _condition in INDEXES:
        op.drop_index(name, table)
    with op.batch_alter_table("phases", schema=None) as batch:
        batch.drop_column("is_final_attempt")
        batch.drop_column("duration_ms")
