"""What lists of runs cost: an index for each filter, and a fixed number of statements."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from portal.database import Database, Db
from portal.services.metadata import read_filter
from portal.services.paging import Place
from portal.services.run_filters import RunFilter
from portal.services.run_lists import RUNS, page_runs
from portal.services.run_removal import delete_runs
from portal.services.runs import create_run
from tests.cast import NOON, Cast, run_in

Statements = list[tuple[str, Any]]


@contextlib.contextmanager
def listening(database: Database) -> Iterator[Statements]:
    """The statements that read, as they are sent."""
    heard: Statements = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_facts: Any) -> None:
        if statement.startswith("SELECT"):
            heard.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(database.engine, "before_cursor_execute", hear)


def store(db: Db, cast: Cast, count: int) -> None:
    """Runs of few units, parts and batches."""
    for n in range(count):
        at = (NOON + timedelta(seconds=n)).isoformat()
        fields = {
            "serial_number": f"SN-{n % 7}", "part_number": f"P-{n % 3}", "revision_number": "A", "batch_number": "B-1",
            "procedure_version": "v1", "execution_id": f"e{n}", "slot_key": "left", "slot_name": "Left",
            "started_at": at, "ended_at": at, "operated_by": "dev@example.com" if n % 2 else "Night shift",
        }  # fmt: skip
        create_run(db, cast.bench if n % 3 else cast.dev, run_in(cast, **fields))


FILTERS: dict[str, Callable[[Cast], dict[str, Any]]] = {
    "nothing": lambda _: {},
    "outcomes": lambda _: {"outcomes": ["PASS"]},
    "several outcomes": lambda _: {"outcomes": ["FAIL", "PASS"]},
    "procedure_ids": lambda cast: {"procedure_ids": [cast.procedure.id]},
    "procedure_versions": lambda _: {"procedure_versions": ["V1"]},
    "slot_keys": lambda _: {"slot_keys": ["left"]},
    "slot_names": lambda _: {"slot_names": ["Left"]},
    "serial_numbers": lambda _: {"serial_numbers": ["sn-1"]},
    "several serial_numbers": lambda _: {"serial_numbers": ["sn-1", "sn-2", "sn-3"]},
    "production": lambda _: {"samples": ["production"]},
    "part_numbers": lambda _: {"part_numbers": ["p-1"]},
    "a revision of three parts": lambda _: {"revision_numbers": ["a"]},
    "batch_numbers": lambda _: {"batch_numbers": ["b-1"]},
    "station_ids": lambda cast: {"station_ids": [cast.station.id]},
    "created_by_user_ids": lambda cast: {"created_by_user_ids": [cast.dev.id]},
    "operated_by_ids": lambda cast: {"operated_by_ids": [cast.dev.id]},
    "operated_by_names": lambda _: {"operated_by_names": ["Night shift"]},
    "started_after": lambda _: {"started_after": NOON},
    "started_before": lambda _: {"started_before": NOON + timedelta(days=1)},
    "ended_after": lambda _: {"ended_after": NOON},
    "ended_before": lambda _: {"ended_before": NOON + timedelta(days=1)},
    "development": lambda _: {"environments": ["development"]},
}
# These read the runs in the order of the list, or sort what they find: no index has both (`run_filters` says which).
WITHOUT_INDEX: dict[str, dict[str, Any]] = {
    "created_after": {"created_after": NOON},
    "duration": {"duration_min_ms": 1},
    "metadata": {"metadata": read_filter('{"line": {"gte": 1}}')},
    "search": {"search": "sn"},
    "samples": {"samples": ["golden"]},
    "a member's name": {"operated_by_names": ["Dev"]},
    "execution_ids": {"execution_ids": ["e1"]},
}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_each_filter_is_served_by_an_index_in_the_lists_order(db: Db, database: Database, cast: Cast) -> None:
    store(db, cast, 40)

    for name, query_of in FILTERS.items():
        query = RunFilter(**query_of(cast))
        first = page_runs(db, cast.vera, query, Place("started_at", limit=3))
        assert first.next_cursor is not None, name
        for cursor in (0, first.next_cursor):
            with listening(database) as heard:
                page_runs(db, cast.vera, query, Place("started_at", limit=3, cursor=cursor))
            for statement, parameters in heard:
                plan = explain(db, statement, parameters)
                assert not [step for step in plan if is_slow(step, plan)], (name, cursor, plan)


def explain(db: Db, statement: str, parameters: Any) -> list[str]:
    rows = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [row[3] for row in rows]


def is_slow(step: str, plan: list[str]) -> bool:
    """Whether it reads a whole table, or sorts more than a few pages' worth."""
    if step.startswith("SCAN"):
        is_whole = step.startswith(("SCAN runs", "SCAN units", "SCAN parts"))
        return is_whole and step != "SCAN runs USING INDEX ix_runs_started_at_id"  # of which a page is read
    is_of_a_page = "COMPOUND QUERY" in plan or any("SEARCH runs USING INDEX sqlite_autoindex" in s for s in plan)
    return "TEMP B-TREE" in step and not is_of_a_page


@pytest.mark.parametrize("sort_by", list(RUNS.sorts))
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_order_is_read_from_its_index(db: Db, database: Database, cast: Cast, sort_by: str) -> None:
    store(db, cast, 8)
    cursor = page_runs(db, cast.vera, RunFilter(), Place(sort_by, limit=3)).next_cursor or 0

    with listening(database) as heard:
        page_runs(db, cast.vera, RunFilter(), Place(sort_by, limit=3, cursor=cursor))

    assert len(heard) <= 3
    for statement, parameters in heard:
        plan = explain(db, statement, parameters)
        assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN runs")], plan


@pytest.mark.parametrize("is_descending", [True, False])
@pytest.mark.parametrize("sort_by", list(RUNS.sorts))
def test_the_pages_of_an_order_hold_each_run_once(db: Db, cast: Cast, sort_by: str, is_descending: bool) -> None:
    store(db, cast, 20)
    whole = page_runs(db, cast.vera, RunFilter(), Place(sort_by, is_descending, limit=50)).items
    walked: list[str] = []
    cursor: int | None = 0

    while cursor is not None:
        page = page_runs(db, cast.vera, RunFilter(), Place(sort_by, is_descending, limit=3, cursor=cursor))
        delete_runs(db, cast.dev, [page.items[-1].id])  # the list goes on behind it all the same
        walked += [row.id for row in page.items]
        cursor = page.next_cursor

    assert walked == [row.id for row in whole]
    assert len(walked) == 20


def test_a_run_of_a_bench_whose_clock_is_ahead_is_found_by_when_it_was_stored(db: Db, cast: Cast) -> None:
    ahead = {"started_at": (NOON + timedelta(days=2)).isoformat(), "ended_at": (NOON + timedelta(days=3)).isoformat()}
    create_run(db, cast.bench, run_in(cast, serial_number="AHEAD", **ahead), now=NOON)
    create_run(db, cast.bench, run_in(cast, serial_number="RIGHT"), now=NOON + timedelta(minutes=1))
    create_run(db, cast.bench, run_in(cast, serial_number="LATER"), now=NOON + timedelta(days=2))

    found = page_runs(db, cast.vera, RunFilter(created_before=NOON + timedelta(days=1)), Place("started_at")).items

    assert [row.serial_number for row in found] == ["AHEAD", "RIGHT"]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_of_two_bounds_a_page_begins_at_its_own(db: Db, database: Database, cast: Cast) -> None:
    store(db, cast, 300)  # more than are looked up one by one
    query = RunFilter(created_before=datetime.now(UTC), started_before=NOON + timedelta(days=1))
    cursor = page_runs(db, cast.vera, query, Place("started_at", limit=3)).next_cursor or 0

    with listening(database) as heard:
        page_runs(db, cast.vera, query, Place("started_at", limit=3, cursor=cursor))

    assert "SEARCH runs USING INDEX ix_runs_started_at_id ((started_at,id)<(?,?))" in explain(db, *heard[-1])


def test_a_span_of_few_runs_is_looked_up(db: Db, cast: Cast) -> None:
    store(db, cast, 5)
    create_run(db, cast.bench, run_in(cast, serial_number="SLOW", ended_at=(NOON + timedelta(hours=1)).isoformat()))

    found = page_runs(db, cast.vera, RunFilter(duration_min_ms=3_600_000), Place("started_at")).items

    assert [row.serial_number for row in found] == ["SLOW"]


def test_a_page_costs_the_same_statements_however_much_there_is(db: Db, database: Database, cast: Cast) -> None:
    store(db, cast, 6)
    before = count_statements(db, database, cast)
    store_more(db, cast)

    after = count_statements(db, database, cast)
    assert {name: count for name, count in after.items() if count > before[name]} == {}
    assert max(before.values()) <= 4


def store_more(db: Db, cast: Cast) -> None:
    for n in range(30):
        create_run(db, cast.bench, run_in(cast, serial_number=f"MORE-{n}", part_number=f"P-{n}", revision_number="A"))


def count_statements(db: Db, database: Database, cast: Cast) -> dict[str, int]:
    queries = {name: query_of(cast) for name, query_of in FILTERS.items()} | WITHOUT_INDEX
    counted = {}
    for name, query in queries.items():
        with listening(database) as heard:
            page_runs(db, cast.vera, RunFilter(**query), Place("started_at", limit=2))
        counted[name] = len(heard)
    return counted
