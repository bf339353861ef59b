"""Lists stay flat: a page of runs, by each single filter, with 1 000 runs and with 1 000 000.

The orders that have an index are measured too. Page 1 of both is compared, and page 1000 of the large one with page 10
of the small. `STATIONMASTER_BENCH_RUNS` chooses the size of the large one.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.report import Figure
from benchmarks.subjects import PortalUnderTest, Uploader

SMALL, LARGE = 1_000, int(os.environ.get("STATIONMASTER_BENCH_RUNS", "1000000"))
ROUNDS, REPEATS, LIMIT = 5, 5, 50
START = datetime(2026, 1, 1, tzinfo=UTC)
MOST = 1.5

# By what lists are asked for. ``{…}`` is filled with what half, a tenth, or a hundredth of the runs have.
QUERIES: dict[str, dict[str, str]] = {
    "no filter": {},
    "outcome": {"outcomes": "FAIL"},
    "procedure": {"procedure_ids": "{procedure}"},
    "part": {"part_numbers": "PN-1"},
    "revision": {"revision_numbers": "R1"},
    "batch": {"batch_numbers": "B1"},
    "version": {"procedure_versions": "v1"},
    "operator": {"operated_by_names": "MK"},
    "station": {"created_by_station_ids": "{station}"},
    "started before": {"started_before": "{middle}"},
    "started after": {"started_after": "{middle}"},
    "ended before": {"ended_before": "{middle}"},
    "duration at least": {"duration_min": "PT30S"},
    "metadata": {"metadata": json.dumps({"fixture": {"in": ["F1"]}})},
    "piece of a serial number": {"search_query": "00"},
    "sorted by creation": {"sort_by": "created_at"},
    "sorted by duration": {"sort_by": "duration"},
}


def measure() -> list[Figure]:
    """A figure for each query and page."""
    with tempfile.TemporaryDirectory(prefix="stationmaster-bench-") as name:
        portals = {size: PortalUnderTest(Path(name) / str(size)) for size in (SMALL, LARGE)}
        for size, portal in portals.items():
            _fill(portal, size)
            portal.start()
        try:
            return list(_figures(portals))
        finally:
            for portal in portals.values():
                portal.stop()


def _figures(portals: dict[int, PortalUnderTest]) -> Iterator[Figure]:
    readers = {size: portal.uploader() for size, portal in portals.items()}
    facts = {size: _facts(portal) for size, portal in portals.items()}
    for what, query in QUERIES.items():
        for page, pages in (("page 1", (1, 1)), ("page 1000", (10, 1000))):
            paths = {
                size: _path(query, facts[size], _cursor(readers[size], query, facts[size], number))
                for (size, number) in zip(portals, pages, strict=True)
            }
            if None in paths.values():
                continue  # so few match that there is no such page
            rounds = []
            for _ in range(ROUNDS):
                taken = {size: _seconds(readers[size], str(path)) for size, path in paths.items()}
                rounds.append(taken[LARGE] / taken[SMALL])
            yield Figure("lists", f"{what}, {page}", rounds, at_most=MOST)


def _seconds(reader: Uploader, path: str) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        reader.get(path)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _path(query: dict[str, str], facts: dict[str, str], cursor: int | None) -> str | None:
    if cursor is None:
        return None
    filled = {name: facts.get(value.strip("{}"), value) for name, value in query.items()}
    return "/api/v2/runs?" + urlencode({**filled, "limit": LIMIT, "cursor": cursor})


def _cursor(reader: Uploader, query: dict[str, str], facts: dict[str, str], page: int) -> int | None:
    """The cursor of that page, by walking there in the largest steps; None when the list ends before."""
    cursor, rest = 0, (page - 1) * LIMIT
    while rest:
        step = min(500, rest)
        path = _path(query, facts, cursor)
        assert path is not None
        answer = json.loads(reader.get(path.replace(f"limit={LIMIT}", f"limit={step}")))
        if not answer["meta"]["has_more"]:
            return None
        cursor, rest = answer["meta"]["next_cursor"], rest - step
    return cursor


def _facts(portal: PortalUnderTest) -> dict[str, str]:
    database = sqlite3.connect(portal.folder / "portal.db")
    station = database.execute("SELECT id FROM stations").fetchone()[0]
    size = database.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
    in_order = "SELECT started_at FROM runs ORDER BY started_at LIMIT 1 OFFSET ?"
    middle = database.execute(in_order, (size // 2,)).fetchone()[0]
    database.close()
    return {"procedure": portal.procedure_id, "station": station, "middle": f"{middle.replace(' ', 'T')}Z"}


def _fill(portal: PortalUnderTest, count: int) -> None:
    """That many runs of half as many units, straight into the database."""
    database = sqlite3.connect(portal.folder / "portal.db", isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    database.execute("BEGIN")
    made = {"created_at": _text(START)}
    parts = [_id() for _ in range(10)]
    revisions, batches, versions = ([_id() for _ in range(size)] for size in (10, 20, 5))
    _insert(database, "parts", [
        made | {"id": id_, "number": f"PN-{n}", "number_key": f"pn-{n}", "name": f"P{n}", "ordinal": n + 1, "edits": 0}
        for n, id_ in enumerate(parts)
    ])  # fmt: skip
    _insert(database, "revisions", [
        made | {"id": id_, "part_id": parts[n], "number": f"R{n % 2}", "number_key": f"r{n % 2}", "is_default": 1,
                "edits": 0}
        for n, id_ in enumerate(revisions)
    ])  # fmt: skip
    _insert(database, "batches", [
        made | {"id": id_, "number": f"B{n}", "number_key": f"b{n}", "ordinal": n + 1, "edits": 0}
        for n, id_ in enumerate(batches)
    ])  # fmt: skip
    _insert(database, "procedure_versions", [
        made | {"id": id_, "procedure_id": portal.procedure_id, "tag": f"v{n}", "tag_key": f"v{n}"}
        for n, id_ in enumerate(versions)
    ])  # fmt: skip
    units = [_id() for _ in range(count // 2)]
    _insert(database, "units", [
        {"id": id_, "serial_number": f"SN-{n:07d}", "serial_key": f"sn-{n:07d}", "revision_id": revisions[n % 10],
         "batch_id": batches[n % 20], "metadata": "{}", "created_at": _text(START + timedelta(seconds=n)),
         "run_count": 2, "ordinal": n + 1, "edits": 0}
        for n, id_ in enumerate(units)
    ])  # fmt: skip
    station = database.execute("SELECT id FROM stations").fetchone()[0]
    random_ = random.Random(7)
    for start in range(0, count, 10_000):
        runs = []
        for n in range(start, min(start + 10_000, count)):
            at, length, unit = START + timedelta(seconds=20 * n), random_.randint(5, 60), n % len(units)
            ended = _text(at + timedelta(seconds=length))
            runs.append({
                "id": _id(), "procedure_id": portal.procedure_id, "procedure_version_id": versions[n % 5],
                "unit_id": units[unit], "part_id": parts[unit % 10], "revision_id": revisions[unit % 10],
                "batch_id": batches[unit % 20], "station_id": station,
                "outcome": random_.choice(["PASS"] * 8 + ["FAIL", "ERROR"]), "started_at": _text(at),
                "ended_at": ended, "duration_ms": length * 1000, "created_at": ended,
                "execution_id": str(uuid.UUID(int=n)), "slot_key": "", "operated_by_name": "MK" if n % 2 else "JD",
                "metadata": json.dumps({"fixture": f"F{n % 4}"}), "ordinal": n + 1, "is_simulated": 0,
                "has_made_unit": 0, "edits": 0,
            })  # fmt: skip
        _insert(database, "runs", runs)
    database.execute("COMMIT")
    database.close()


def _insert(database: sqlite3.Connection, table: str, rows: list[dict[str, object]]) -> None:
    places = ", ".join("?" * len(rows[0]))
    database.executemany(
        f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES ({places})", [tuple(row.values()) for row in rows]
    )


def _id() -> str:
    return str(uuid.uuid4())


def _text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")
