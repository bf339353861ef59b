"""Runs are found by the values of their metadata: few or many of them, on every page, and after a change."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from portal import migrations
from portal.database import Database, Db
from portal.services import run_filters
from portal.services.metadata import read_filter
from portal.services.paging import Place
from portal.services.run_edits import update_run_metadata
from portal.services.run_filters import RunFilter
from portal.services.run_lists import page_runs
from portal.services.runs import create_run
from tests.cast import NOON, Cast, run_in
from tests.core.test_run_lists import explain, is_slow, listening

# Long texts that begin alike; numbers that are equal in both kinds; what looks like another kind.
VALUES: list[Any] = [1, 1.0, "1", True, "true", -0.0, 0, "x" * 100 + "a", "x" * 100 + "b", 1e300, False]


Stored = list[tuple[str, dict[str, Any]]]


def store(db: Db, cast: Cast) -> Stored:
    """Three runs of each value, as the list has them: newest first, two of each second."""
    found = []
    for n, value in enumerate(VALUES * 3):
        at = (NOON + timedelta(seconds=n // 2)).isoformat()
        metadata = {"one": value, "other": n % 2}
        run = run_in(cast, serial_number="S", started_at=at, ended_at=at, metadata=metadata)
        found.append((at, create_run(db, cast.bench, run), metadata))
    return [(run_id, metadata) for _, run_id, metadata in sorted(found, key=lambda one: one[:2], reverse=True)]


def found_by(db: Db, cast: Cast, conditions: dict[str, Any], *, is_descending: bool = True) -> list[str]:
    """All pages, of two each."""
    query, ids, cursor = RunFilter(metadata=read_filter(json.dumps(conditions))), list[str](), 0
    while True:
        page = page_runs(db, cast.vera, query, Place("started_at", is_descending=is_descending, limit=2, cursor=cursor))
        ids += [one.id for one in page.items]
        if page.next_cursor is None:
            return ids
        cursor = page.next_cursor


def with_(stored: Stored, *values: Any) -> list[str]:
    """Those whose value is one of these, by kind and value."""

    def kind(value: Any) -> tuple[bool, bool, Any]:
        return isinstance(value, bool), isinstance(value, str), value

    wanted = {kind(value) for value in values}
    return [run_id for run_id, metadata in stored if kind(metadata["one"]) in wanted]


@pytest.mark.parametrize("most", [0, 200], ids=["many have it", "few have it"])
def test_equal_values_are_found_in_the_lists_order(
    db: Db, cast: Cast, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(run_filters, "MOST_IDS", most)
    stored = store(db, cast)
    others = [(run_id, metadata) for run_id, metadata in stored if metadata["other"]]

    for value in VALUES:
        assert found_by(db, cast, {"one": {"eq": value}}) == with_(stored, value), value
    assert found_by(db, cast, {"one": {"in": [1, "true", 0]}}) == with_(stored, 1, "true", 0)
    assert found_by(db, cast, {"one": {"in": [1]}}, is_descending=False) == with_(stored, 1)[::-1]
    assert found_by(db, cast, {"one": {"in": []}}) == []
    assert found_by(db, cast, {"one": {"eq": 1, "lt": 1}}) == []
    assert found_by(db, cast, {"one": {"eq": "none has it"}, "other": {"eq": 1}}) == []
    assert found_by(db, cast, {"other": {"eq": 1}}) == [run_id for run_id, _ in others]
    assert found_by(db, cast, {"one": {"gte": 0}, "other": {"eq": 1}}) == with_(others, 1, 0, 1e300)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_many_with_a_value_are_read_from_its_index(
    db: Db, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_filters, "MOST_IDS", 0)
    store(db, cast)
    query = RunFilter(metadata=read_filter('{"other": {"eq": 1}}'))
    cursor = page_runs(db, cast.vera, query, Place("started_at", limit=3)).next_cursor or 0

    with listening(database) as heard:
        page_runs(db, cast.vera, query, Place("started_at", limit=3, cursor=cursor))

    plans = [explain(db, statement, parameters) for statement, parameters in heard]
    assert not [step for plan in plans for step in plan if is_slow(step, plan)], plans
    assert any("ix_run_metadata_values_key_value_started_at_run_id" in step for plan in plans for step in plan), plans


def test_a_change_is_found_and_what_was_there_before_is_not(db: Db, cast: Cast) -> None:
    at = NOON.isoformat()
    run_id = create_run(
        db, cast.dev, run_in(cast, serial_number="S", started_at=at, ended_at=at, metadata={"lot": 1, "line": "a"})
    )

    update_run_metadata(db, cast.dev, run_id, {"lot": 2, "line": None})

    assert found_by(db, cast, {"lot": {"eq": 2}}) == [run_id]
    assert found_by(db, cast, {"lot": {"eq": 1}}) == []
    assert found_by(db, cast, {"line": {"eq": "a"}}) == []


def test_runs_from_before_can_be_found_too(db: Db, database: Database, cast: Cast) -> None:
    stored = store(db, cast)
    kept = text("SELECT run_id, key, value FROM run_metadata_values ORDER BY run_id, key")
    before = db.connection.execute(kept).all()
    db.close()

    migrations.downgrade(database.settings, "0007")
    migrations.upgrade(database.settings)

    assert db.connection.execute(kept).all() == before
    assert found_by(db, cast, {"one": {"eq": True}}) == with_(stored, True)
