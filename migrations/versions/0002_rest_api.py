"""What the whole REST API needs.

Ordinals for its cursors, who made what, metadata, files of more than runs, imports, curves, webhooks; and in each run
the part that its unit was, so that lists by part need no join.

Every table that grows a required column is filled between two alterations: first the column without a constraint, then
its values from what is there, then the constraint.

Revision: 0002. Before it: 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
# As text on SQLite, whose JSON columns are numeric ones.
JSON = sa.JSON().with_variant(sa.Text(), "sqlite")
ID = sa.String(length=36)

COUNTED = ("runs", "units", "parts", "batches", "procedures")
EDITED = (*COUNTED, "revisions", "stations")
ONE_OWNER = " + ".join(
    f"CASE WHEN {owner} IS NULL THEN 0 ELSE 1 END" for owner in ("run_id", "unit_id", "revision_id", "station_id")
)

# Columns that may stay empty, by table. ``(name, type)``; with a third entry: the table it refers to, and ON DELETE.
MADE_BY = (
    ("created_by_user_id", ID, "users", "SET NULL"),
    ("created_by_station_id", ID, "stations", "SET NULL"),
)
OPTIONAL: dict[str, tuple[tuple, ...]] = {
    "attachments": (
        ("unit_id", ID, "units", "CASCADE"),
        ("revision_id", ID, "revisions", "CASCADE"),
        ("station_id", ID, "stations", "CASCADE"),
        *MADE_BY,
    ),
    "batches": MADE_BY,
    "idempotency_keys": (("answer", JSON),),
    "parts": (("metadata", JSON), *MADE_BY),
    "procedure_versions": MADE_BY,
    "procedures": (
        ("production_branch", sa.String(length=255)),
        ("excluded_branch_patterns", JSON),
        ("root_directory", sa.String(length=1000)),
        ("entry_point", sa.String(length=1000)),
    ),
    "revisions": (("metadata", JSON), *MADE_BY),
    "stations": (("metadata", JSON),),
    "units": (("sample", sa.String(length=10)), ("last_run_at", INSTANT)),
}

# Columns that must have a value, by table: ``(name, type, SQL that gives old rows theirs, refers to, ON DELETE)``.
FALSE, ZERO = "false", "0"
REQUIRED: dict[str, tuple[tuple, ...]] = {
    "attachments": (("is_report", sa.Boolean(), FALSE),),
    "phases": (
        ("procedure_id", ID, "(SELECT procedure_id FROM runs WHERE runs.id = phases.run_id)", "procedures", "CASCADE"),
    ),
    "procedures": (("is_auto_pushed", sa.Boolean(), FALSE),),
    "runs": (
        (
            "part_id",
            ID,
            "(SELECT part_id FROM revisions WHERE revisions.id = runs.revision_id)",
            "parts",
            "RESTRICT",
        ),
        # A unit that a run has made has the very instant of its record.
        (
            "has_made_unit",
            sa.Boolean(),
            "EXISTS (SELECT 1 FROM units WHERE units.id = runs.unit_id AND units.created_at = runs.created_at)",
        ),
    ),
    "units": (("run_count", sa.Integer(), "(SELECT COUNT(*) FROM runs WHERE runs.unit_id = units.id)"),),
}

INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "attachments": (("unit_id",), ("revision_id",), ("station_id",)),
    "batches": (("created_at", "id"),),
    "log_lines": (("at", "id"),),
    "parts": (("created_at", "id"),),
    "phases": (("procedure_id", "started_at", "id"),),
    "procedures": (("created_at", "id"),),
    "runs": (
        *((column, "started_at", "id") for column in (
            "procedure_version_id", "part_id", "revision_id", "batch_id", "created_by_user_id", "operated_by_user_id",
            "operated_by_name",
        )),
        ("created_at", "id"),
        ("ended_at", "id"),
        ("duration_ms", "id"),
    ),
    "units": (
        ("revision_id", "created_at", "id"),
        ("batch_id", "created_at", "id"),
        ("created_at", "id"),
        ("last_run_at", "id"),
    ),
}  # fmt: skip


def upgrade() -> None:
    _expand()
    _fill()
    _contract()
    _make_tables()


def downgrade() -> None:
    for table in ("file_imports", "curves", "webhook_deliveries", "webhooks", "deleted_places", "counters"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in COUNTED:
            op.execute(f"DROP SEQUENCE {table}_ordinal")
    # Files of what the older version has no files for.
    op.execute("DELETE FROM attachments WHERE run_id IS NULL")
    op.execute("DELETE FROM idempotency_keys")  # they would be refused with another body; the runs stay
    for table in _altered():
        _shrink(table)


def _shrink(table: str) -> None:
    columns = [*OPTIONAL.get(table, ()), *REQUIRED.get(table, ())]
    with op.batch_alter_table(table, schema=None) as batch:
        for index in INDEXES.get(table, ()):
            batch.drop_index(_index_name(table, index))
        for name, *_facts, target, _on_delete in (column for column in columns if len(column) >= 4):
            batch.drop_constraint(op.f(_key_name(table, name, target)), type_="foreignkey")
        if table in COUNTED:
            batch.drop_constraint(op.f(f"uq_{table}_ordinal"), type_="unique")
            batch.drop_column("ordinal")
        if table in EDITED:
            batch.drop_column("edits")
            batch.drop_column("updated_at")
        if table == "units":
            batch.drop_constraint(op.f("ck_units_sample"), type_="check")
            batch.create_index("ix_units_revision_id", ["revision_id"], unique=False)
            batch.create_index("ix_units_batch_id", ["batch_id"], unique=False)
        if table == "attachments":
            batch.drop_constraint(op.f("ck_attachments_one_owner"), type_="check")
            batch.alter_column("run_id", existing_type=ID, nullable=False)
        if table == "idempotency_keys":
            batch.add_column(sa.Column("object_id", ID, nullable=False))
        for column in columns:
            batch.drop_column(column[0])


def _altered() -> list[str]:
    return sorted({*OPTIONAL, *REQUIRED, *EDITED, *INDEXES})


def _expand() -> None:
    for table in _altered():
        with op.batch_alter_table(table, schema=None) as batch:
            for name, kind, *_ in (*OPTIONAL.get(table, ()), *REQUIRED.get(table, ())):
                batch.add_column(sa.Column(name, kind, nullable=True))
            if table in COUNTED:
                batch.add_column(sa.Column("ordinal", sa.BigInteger(), nullable=True))
            if table in EDITED:
                batch.add_column(sa.Column("edits", sa.Integer(), nullable=True))
                batch.add_column(sa.Column("updated_at", INSTANT, nullable=True))


def _fill() -> None:
    for table, columns in REQUIRED.items():
        for name, _kind, value, *_ in columns:
            op.execute(f"UPDATE {table} SET {name} = {value}")
    for table in EDITED:
        op.execute(f"UPDATE {table} SET edits = 0")
    for table in COUNTED:
        op.execute(
            f"UPDATE {table} SET ordinal = counted.n FROM "
            f"(SELECT id, ROW_NUMBER() OVER (ORDER BY created_at, id) AS n FROM {table}) AS counted "
            f"WHERE counted.id = {table}.id"
        )
    op.execute("UPDATE units SET last_run_at = (SELECT MAX(started_at) FROM runs WHERE runs.unit_id = units.id)")
    # From now on a measurement's place is one among all of its run.
    op.execute(
        "UPDATE measurements SET position = counted.n - 1 FROM (SELECT m.id, ROW_NUMBER() OVER "
        "(PARTITION BY p.run_id ORDER BY p.position, m.position) AS n "
        "FROM measurements AS m JOIN phases AS p ON p.id = m.phase_id) AS counted WHERE counted.id = measurements.id"
    )
    # Old keys fit any request: their fingerprints were taken of something else, and a record that a station sends once
    # more must get the first answer.
    answer = "'{\"id\": \"' || object_id || '\"}'"
    if op.get_bind().dialect.name == "postgresql":
        answer = f"CAST({answer} AS JSON)"
    op.execute(f"UPDATE idempotency_keys SET fingerprint = '', answer = {answer}")


def _contract() -> None:
    for table in _altered():
        with op.batch_alter_table(table, schema=None) as batch:
            for name, kind, _value, *refers in REQUIRED.get(table, ()):
                batch.alter_column(name, existing_type=kind, nullable=False)
                _refer(batch, table, name, refers)
            for name, _kind, *refers in OPTIONAL.get(table, ()):
                _refer(batch, table, name, refers)
            if table in COUNTED:
                batch.alter_column("ordinal", existing_type=sa.BigInteger(), nullable=False)
                batch.create_unique_constraint(op.f(f"uq_{table}_ordinal"), ["ordinal"])
            if table in EDITED:
                batch.alter_column("edits", existing_type=sa.Integer(), nullable=False)
            if table == "units":
                batch.drop_index("ix_units_revision_id")
                batch.drop_index("ix_units_batch_id")
                batch.create_check_constraint(op.f("ck_units_sample"), "sample IN ('golden', 'failing', 'ignored')")
            if table == "attachments":
                batch.alter_column("run_id", existing_type=ID, nullable=True)
                batch.create_check_constraint(op.f("ck_attachments_one_owner"), f"{ONE_OWNER} <= 1")
            if table == "idempotency_keys":
                batch.drop_column("object_id")
            for columns in INDEXES.get(table, ()):
                batch.create_index(_index_name(table, columns), list(columns), unique=False)


def _refer(batch: object, table: str, column: str, refers: list[str]) -> None:
    if refers:
        target, on_delete = refers
        name = op.f(_key_name(table, column, target))
        batch.create_foreign_key(name, target, [column], ["id"], ondelete=on_delete)  # type: ignore[attr-defined]


def _key_name(table: str, column: str, target: str) -> str:
    return f"fk_{table}_{column}_{target}"


def _index_name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def _make_tables() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    for table in COUNTED:
        op.execute(f"INSERT INTO counters (name, value) SELECT '{table}', COALESCE(MAX(ordinal), 0) FROM {table}")
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"CREATE SEQUENCE {table}_ordinal")
            op.execute(f"SELECT setval('{table}_ordinal', value + 1, false) FROM counters WHERE name = '{table}'")
    op.create_table(
        "deleted_places",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("keys", JSON, nullable=False),
        sa.Column("deleted_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "ordinal", name=op.f("pk_deleted_places")),
    )
    _index("deleted_places", "deleted_at")
    op.create_table(
        "webhooks",
        sa.Column("id", ID, nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_user_id", ID, nullable=True),
        _foreign_key("webhooks", "created_by_user_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'sent', 'failed')", name=op.f("ck_webhook_deliveries_state")),
        _foreign_key("webhook_deliveries", "run_id", "runs", "SET NULL"),
        _foreign_key("webhook_deliveries", "webhook_id", "webhooks", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    _index("webhook_deliveries", "run_id")
    _index("webhook_deliveries", "state", "next_try_at")
    _index("webhook_deliveries", "webhook_id", "created_at", "id")
    op.create_table(
        "curves",
        sa.Column("measurement_id", ID, nullable=False),
        sa.Column("axis", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _foreign_key("curves", "measurement_id", "measurements", "CASCADE"),
        sa.PrimaryKeyConstraint("measurement_id", "axis", name=op.f("pk_curves")),
    )
    op.create_table(
        "file_imports",
        sa.Column("id", ID, nullable=False),
        sa.Column("attachment_id", ID, nullable=True),
        sa.Column("importer", sa.String(length=20), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("run_ids", JSON, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_user_id", ID, nullable=True),
        sa.Column("created_by_station_id", ID, nullable=True),
        _foreign_key("file_imports", "attachment_id", "attachments", "SET NULL"),
        _foreign_key("file_imports", "created_by_station_id", "stations", "SET NULL"),
        _foreign_key("file_imports", "created_by_user_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_imports")),
    )
    _index("file_imports", "sha256")


def _foreign_key(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    name = op.f(_key_name(table, column, target))
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=on_delete)


def _index(table: str, *columns: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch:
        batch.create_index(_index_name(table, columns), list(columns), unique=False)
