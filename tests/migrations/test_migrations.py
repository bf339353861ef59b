from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal import migrations
from portal.models import Base
from portal.settings import Settings, load_settings
from tests.databases import scratch_postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty database."""
    if request.param == "sqlite":
        yield load_settings(data_dir=tmp_path)
    else:
        with scratch_postgres() as url:
            yield load_settings(data_dir=tmp_path, database_url=url)


def tables(settings: Settings) -> set[str]:
    engine = create_engine(settings.database_address)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_every_migration_goes_up_down_and_up_again(settings: Settings) -> None:
    assert migrations.current(settings) is None
    migrations.upgrade(settings)
    assert migrations.current(settings) == migrations.newest()
    assert tables(settings) == set(Base.metadata.tables) | {"alembic_version"}

    migrations.downgrade(settings)
    assert migrations.current(settings) is None
    assert tables(settings) == {"alembic_version"}

    migrations.upgrade(settings)
    migrations.upgrade(settings)
    assert migrations.current(settings) == migrations.newest()


def test_migrations_end_at_the_models_exactly(settings: Settings) -> None:
    migrations.upgrade(settings)

    engine = create_engine(settings.database_address)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
        inspector = inspect(connection)
        checks = {
            (table, check["name"]) for table in Base.metadata.tables for check in inspector.get_check_constraints(table)
        }
    engine.dispose()

    assert differences == []
    # What the comparison does not see.
    wanted = {
        (table.name, str(constraint.name))
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert checks == wanted


def test_words_outside_of_a_closed_list_are_refused_by_the_database(settings: Settings) -> None:
    migrations.upgrade(settings)

    engine = create_engine(settings.database_address)
    columns = "id, email, email_key, role, password_hash, created_at, edits"
    insert = f"INSERT INTO users ({columns}) VALUES ('1', 'a', 'a', 'king', '', '2026-01-01 00:00:00', 0)"
    with pytest.raises(IntegrityError, match="ck_users_role"), engine.begin() as connection:
        connection.execute(text(insert))
    engine.dispose()


@pytest.mark.parametrize("change", ["UPDATE audit_entries SET actor_name = 'x'", "DELETE FROM audit_entries"])
def test_the_database_refuses_to_change_an_audit_entry(settings: Settings, change: str) -> None:
    migrations.upgrade(settings)
    columns = "id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, details, ordinal"
    values = "'1', '2026-01-01 00:00:00', 'system', 's', 'them', 'a:b', 'stations', 's1', '{}', 1"

    engine = create_engine(settings.database_address)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO audit_entries ({columns}) VALUES ({values})"))
    with pytest.raises(DBAPIError, match="only ever added to"), engine.begin() as connection:
        connection.execute(text(change))
    with engine.begin() as connection:
        assert connection.execute(text("SELECT actor_name FROM audit_entries")).scalar_one() == "them"
    engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(settings: Settings) -> None:
    migrations.upgrade(settings)
    engine = create_engine(settings.database_address)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(migrations.MigrationFailed, match="newer version"):
        migrations.upgrade(settings)


def test_a_database_that_cannot_be_reached_is_one_sentence(tmp_path: Path) -> None:
    nowhere = load_settings(data_dir=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")

    with pytest.raises(migrations.MigrationFailed) as refused:
        migrations.upgrade(nowhere)

    assert len(str(refused.value).splitlines()) == 1
