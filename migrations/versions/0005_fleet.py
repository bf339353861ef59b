"""What a fleet needs: teams, invitations, finished days; stations' notes, zones and shifts; a fuller audit trail.

From here on the database itself refuses to change or delete an audit entry. A later migration that makes that table
anew on SQLite must make the triggers anew too.

Revision: 0005. Before it: 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(sa.Text(), "sqlite")
ID = sa.String(length=36)

# Columns that may stay empty, by table. ``(name, type)``; with a third entry: the table it refers to.
OPTIONAL: dict[str, tuple[tuple, ...]] = {
    "audit_entries": (("address", sa.String(length=64)), ("before", JSON), ("after", JSON)),
    "procedures": (("archived_at", INSTANT),),
    "setup_tokens": (("created_by_user_id", ID, "users"),),
    "stations": (
        ("team_id", ID, "teams"),
        ("notes", sa.Text()),
        ("time_zone", sa.String(length=64)),
        ("shifts", JSON),
    ),
    "users": (("removed_at", INSTANT), ("updated_at", INSTANT)),
}
STATION_ORDERS = (
    ("name_key", "id"),
    ("presence", "name_key", "id"),
    ("presence_since", "id"),
    ("team_id", "name_key", "id"),
)
SECONDS = ("length_s", "up_s", "down_s", "off_s", "unknown_s", "none_s")
ROLES = "role IN ('owner', 'admin', 'developer', 'viewer', 'operator')"
REFUSAL = "audit entries are only ever added to"


def upgrade() -> None:
    _make_tables()
    for table, columns in OPTIONAL.items():
        with op.batch_alter_table(table, schema=None) as batch:
            for name, kind, *refers in columns:
                batch.add_column(sa.Column(name, kind, nullable=True))
                for target in refers:
                    key = op.f(f"fk_{table}_{name}_{target}")
                    batch.create_foreign_key(key, target, [name], ["id"], ondelete="SET NULL")
    with op.batch_alter_table("users", schema=None) as batch:
        batch.add_column(sa.Column("edits", sa.Integer(), nullable=True))
    op.execute("UPDATE users SET edits = 0")
    with op.batch_alter_table("users", schema=None) as batch:
        batch.alter_column("edits", existing_type=sa.Integer(), nullable=False)
    present = sa.text("archived_at IS NULL")
    for columns in STATION_ORDERS:
        op.create_index(_order(columns), "stations", columns, sqlite_where=present, postgresql_where=present)
    _refuse_changes()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_entries_unchanged ON audit_entries")
        op.execute("DROP FUNCTION refuse_audit_change()")
    else:
        op.execute("DROP TRIGGER audit_entries_not_updated")
        op.execute("DROP TRIGGER audit_entries_not_deleted")
    for columns in STATION_ORDERS:
        op.drop_index(_order(columns), "stations")
    # People who were removed must not come back by a downgrade: nobody has this password.
    op.execute("UPDATE users SET password_hash = '' WHERE removed_at IS NOT NULL")
    with op.batch_alter_table("users", schema=None) as batch:
        batch.drop_column("edits")
    for table, columns in OPTIONAL.items():
        with op.batch_alter_table(table, schema=None) as batch:
            for name, _kind, *refers in columns:
                for target in refers:
                    batch.drop_constraint(op.f(f"fk_{table}_{name}_{target}"), type_="foreignkey")
                batch.drop_column(name)
    for table in ("station_days", "invitations", "team_members", "teams"):
        op.drop_table(table)


def _order(columns: tuple[str, ...]) -> str:
    return f"ix_stations_{'_'.join(columns)}"


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_entries_unchanged BEFORE UPDATE OR DELETE ON audit_entries "
            "FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()"
        )
    else:
        for act, done in (("UPDATE", "updated"), ("DELETE", "deleted")):
            op.execute(
                f"CREATE TRIGGER audit_entries_not_{done} BEFORE {act} ON audit_entries "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )


def _make_tables() -> None:
    op.create_table(
        "teams",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_user_id", ID, nullable=True),
        sa.Column("edits", sa.Integer(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"], ["users.id"], name=op.f("fk_teams_created_by_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name_key", name=op.f("uq_teams_name_key")),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id_teams"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_team_members_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_team_members")),
    )
    op.create_index("ix_team_members_user_id", "team_members", ["user_id"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=300), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("team_ids", JSON, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_user_id", ID, nullable=True),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.CheckConstraint(ROLES, name=op.f("ck_invitations_role")),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["users.id"],
            name=op.f("fk_invitations_created_by_user_id_users"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_invitations_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.create_index("ix_invitations_created_at_id", "invitations", ["created_at", "id"], unique=False)
    op.create_index("ix_invitations_user_id", "invitations", ["user_id"], unique=False)
    op.create_table(
        "station_days",
        sa.Column("station_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in (*SECONDS, "outages", "longest_s")),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_days_station_id_stations"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("station_id", "day", name=op.f("pk_station_days")),
    )
