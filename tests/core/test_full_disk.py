"""A disk without room: one clear refusal, nothing half stored, and all of it works again once there is room.

The database is SQLite, told that it may not grow: it then refuses as on a full disk. Files are limited by the system.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event, text

from portal.database import Database
from portal.settings import Settings, load_settings
from tests.cast import record
from tests.core.conftest import Api

MEGABYTE = 1_000_000


@pytest.fixture
def settings(migrated_folder: Path, tmp_path: Path) -> Settings:
    shutil.copytree(migrated_folder, tmp_path / "portal")
    return load_settings(data_dir=tmp_path / "portal")


@contextlib.contextmanager
def full(database: Database) -> Iterator[None]:
    """No page more than the database has now."""

    def limit(connection, _record) -> None:
        connection.execute("PRAGMA max_page_count = 1").close()

    event.listen(database.engine, "connect", limit)
    database.engine.dispose()
    yield
    event.remove(database.engine, "connect", limit)
    database.engine.dispose()


@contextlib.contextmanager
def no_file_over(most_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 507, answer.text
    assert answer.json()["code"] == "INSUFFICIENT_STORAGE"
    assert "disk is full" in answer.json()["message"]


def test_a_run_that_finds_no_room_is_refused_whole_and_stored_once_there_is(api: Api) -> None:
    body = record(api.cast, docstring="d" * MEGABYTE)

    with full(api.database):
        refused(api.post_run("bench", body, key="k1"))
        listed = api.call("vera", "GET", "/api/v2/runs").json()["data"]
    stored = [api.post_run("bench", body, key="k1").json()["id"] for _twice in range(2)]

    assert listed == []
    assert stored[0] == stored[1]
    assert len(api.call("vera", "GET", "/api/v2/runs").json()["data"]) == 1


def test_a_file_that_finds_no_room_leaves_nothing_and_can_be_sent_again(api: Api, settings: Settings) -> None:
    run_id = api.post_run("bench", record(api.cast)).json()["id"]
    announced = api.call("bench", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.bin"}).json()
    content = b"x" * (9 * MEGABYTE)

    with no_file_over(8 * MEGABYTE):
        refused(api.call(None, "PUT", announced["upload_url"], content=content))
    left = [path for path in (settings.data_dir / "attachments").rglob("*") if path.is_file()]
    again = api.call(None, "PUT", announced["upload_url"], content=content)

    assert left == []
    assert again.status_code == 200


def needs_room(database: Database, change: str) -> None:
    """Make each such change of a table need more room than its last page has left."""
    with database.open() as db, db.write():
        db.session.execute(text("CREATE TABLE filler (content BLOB)"))
        insert = "INSERT INTO filler VALUES (zeroblob(1000000))"
        db.session.execute(text(f"CREATE TRIGGER growing AFTER {change} BEGIN {insert}; END"))


def test_who_only_reads_is_not_refused(api: Api) -> None:
    needs_room(api.database, "UPDATE ON api_keys")

    with full(api.database):
        answer = api.call("vera", "GET", "/api/v2/runs")

    assert answer.status_code == 200


def test_a_page_says_it_in_words(api: Api) -> None:
    needs_room(api.database, "INSERT ON rate_buckets")

    with full(api.database):
        answer = api.call(None, "POST", "/sign-in", data={"email": "x@example.com", "password": "y"})

    assert answer.status_code == 507
    assert "The portal&#39;s disk is full" in answer.text
    assert "make room" in answer.text
