"""What was there before 0003 keeps its order and is found afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from portal import migrations
from portal.settings import Settings, load_settings
from tests.databases import scratch_postgres

PROCEDURE = (
    "INSERT INTO procedures (id, name, identifier, identifier_key, created_at, ordinal, is_auto_pushed, edits) "
    "VALUES ('p1', ' Prüfung ÄÖ', 'p', 'p', '2026-01-01 00:00:00', 1, :false, 0)"
)
ENTRY = (
    "INSERT INTO audit_entries (id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, details) "
    "VALUES (:id, :at, 'system', 'system', 's', 'a:b', 'stations', 's1', '{}')"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield load_settings(data_dir=tmp_path)
    else:
        with scratch_postgres() as url:
            yield load_settings(data_dir=tmp_path, database_url=url)


def test_entries_are_numbered_in_their_order_and_procedures_found_by_name(settings: Settings) -> None:
    migrations.upgrade(settings, "0002")
    engine = create_engine(settings.database_address)
    with engine.begin() as connection:
        connection.execute(text(PROCEDURE), {"false": False})
        for row_id, at in (("b", "2026-01-02 00:00:00"), ("a", "2026-01-02 00:00:00"), ("c", "2026-01-01 00:00:00")):
            connection.execute(text(ENTRY), {"id": row_id, "at": at})

    migrations.upgrade(settings)

    with engine.begin() as connection:
        numbered = connection.execute(text("SELECT id, ordinal FROM audit_entries ORDER BY ordinal")).all()
        name_key = connection.execute(text("SELECT name_key FROM procedures")).scalar_one()
        last = connection.execute(text("SELECT value FROM counters WHERE name = 'audit_entries'")).scalar_one()
    assert [tuple(row) for row in numbered] == [("c", 1), ("a", 2), ("b", 3)]
    assert (name_key, last) == ("prüfung äö", 3)
    migrations.downgrade(settings, "0002")
    migrations.upgrade(settings)
    engine.dispose()
