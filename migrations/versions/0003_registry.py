"""What reads of the registry need: the audit trail as a list, and procedures found by their names.

Audit entries get ordinals for the cursors of their list, and indexes for what it is filtered by. Procedures get their
name in the form by which names are compared, as stations have it.

Revision: 0003. Before it: 0002.
"""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AUDIT_INDEXES = (("at", "id"), ("action", "at", "id"), ("actor_id", "at", "id"))


def upgrade() -> None:
    with op.batch_alter_table("audit_entries", schema=None) as batch:
        batch.add_column(sa.Column("ordinal", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("procedures", schema=None) as batch:
        batch.add_column(sa.Column("name_key", sa.String(length=600), nullable=True))
    _fill()
    with op.batch_alter_table("audit_entries", schema=None) as batch:
        batch.alter_column("ordinal", existing_type=sa.BigInteger(), nullable=False)
        batch.create_unique_constraint(op.f("uq_audit_entries_ordinal"), ["ordinal"])
        for columns in AUDIT_INDEXES:
            batch.create_index(_index_name(columns), list(columns), unique=False)
    with op.batch_alter_table("procedures", schema=None) as batch:
        batch.alter_column("name_key", existing_type=sa.String(length=600), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("procedures", schema=None) as batch:
        batch.drop_column("name_key")
    with op.batch_alter_table("audit_entries", schema=None) as batch:
        for columns in AUDIT_INDEXES:
            batch.drop_index(_index_name(columns))
        batch.drop_constraint(op.f("uq_audit_entries_ordinal"), type_="unique")
        batch.drop_column("ordinal")
    op.execute("DELETE FROM counters WHERE name = 'audit_entries'")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE audit_entries_ordinal")


def _fill() -> None:
    op.execute(
        "UPDATE audit_entries SET ordinal = counted.n FROM "
        "(SELECT id, ROW_NUMBER() OVER (ORDER BY at, id) AS n FROM audit_entries) AS counted "
        "WHERE counted.id = audit_entries.id"
    )
    op.execute(
        "INSERT INTO counters (name, value) SELECT 'audit_entries', COALESCE(MAX(ordinal), 0) FROM audit_entries"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE audit_entries_ordinal")
        op.execute(
            "SELECT setval('audit_entries_ordinal', value + 1, false) FROM counters WHERE name = 'audit_entries'"
        )
    procedures = sa.table("procedures", sa.column("id"), sa.column("name"), sa.column("name_key"))
    # Here and not in SQL: SQLite folds the case of ASCII letters alone.
    for row_id, name in op.get_bind().execute(sa.select(procedures.c.id, procedures.c.name)).all():
        key = unicodedata.normalize("NFC", name.strip().casefold())
        op.get_bind().execute(procedures.update().where(procedures.c.id == row_id).values(name_key=key))


def _index_name(columns: tuple[str, ...]) -> str:
    return f"ix_audit_entries_{'_'.join(columns)}"
