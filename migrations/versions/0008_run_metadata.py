"""Runs are found by a value of their metadata, however many runs there are.

Revision: 0008. Before it: 0007.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.String(length=36)
AT_ONCE = 5000


def upgrade() -> None:
    values = op.create_table(
        "run_metadata_values",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=102), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_metadata_values_run_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_run_metadata_values")),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind(), values)
    op.create_index(
        op.f("ix_run_metadata_values_key_value_started_at_run_id"),
        "run_metadata_values",
        ["key", "value", "started_at", "run_id"],
    )


def downgrade() -> None:
    op.drop_table("run_metadata_values")


def _fill(connection: sa.Connection, values: sa.Table) -> None:
    runs = sa.table(
        "runs", sa.column("id", ID), sa.column("started_at", sa.DateTime(timezone=True)), sa.column("metadata", sa.Text)
    )
    text = sa.cast(runs.c.metadata, sa.Text)
    wanted = sa.select(runs.c.id, runs.c.started_at, text).where(text != "{}").order_by(runs.c.id).limit(AT_ONCE)
    last = ""
    while found := connection.execute(wanted.where(runs.c.id > last)).all():
        last = found[-1][0]
        rows = [
            {"run_id": run_id, "key": key, "value": _sought(value), "started_at": started_at}
            for run_id, started_at, metadata in found
            for key, value in json.loads(metadata).items()
            if value is not None
        ]
        if rows:
            connection.execute(values.insert(), rows)


def _sought(value: Any) -> str:
    if isinstance(value, bool):
        return "b:true" if value else "b:false"
    if isinstance(value, str):
        return "t:" + value.replace("\0", "")[:100]
    return f"n:{float(value) + 0.0!r}"
