"""Lists stay flat: a page of runs, by each single filter and in each order, with 1 000 runs and with 1 000 000.

Page 1 of both is compared, and page 1000 of the large one with the last full page of the small, of at most 10.
`STATIONMASTER_BENCH_RUNS` chooses the size of the large one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import func, select

from benchmarks.report import Figure
from benchmarks.subjects import PortalUnderTest, Uploader
from portal.api.v2.run_query import RunListIn
from portal.database import Database
from portal.models import Run
from portal.services.run_filters import narrowing
from portal.services.run_lists import FIRST, RUNS, select_rows
from portal.settings import load_settings

SMALL, LARGE = 1_000, int(os.environ.get("STATIONMASTER_BENCH_RUNS", "1000000"))
ROUNDS, REPEATS, LIMIT = 5, 5, 50
LONGEST_S = 1.0  # what takes longer than this is not asked for more often than it must be
MOST = 1.5
FILLING = Path(__file__).with_name("lists.sql")

# By what lists are asked for. ``{…}`` is filled with what that portal has.
QUERIES: dict[str, dict[str, Any]] = {
    "no filter": {},
    "outcome": {"outcomes": ["FAIL"]},
    "procedure": {"procedure_ids": "{procedure}"},
    "part": {"part_numbers": ["PN-1"]},
    "revision": {"revision_numbers": ["R1"]},
    "batch": {"batch_numbers": ["B1"]},
    "version": {"procedure_versions": ["v1"]},
    "operator": {"operated_by_names": ["MK"]},
    "station": {"created_by_station_ids": "{station}"},
    "unit": {"serial_numbers": ["SN-0000007"]},
    "execution": {"execution_ids": ["execution-7"]},
    "class of samples": {"samples": ["golden"]},
    "not a sample": {"samples": ["production"]},
    "started before": {"started_before": "{middle}"},
    "started after": {"started_after": "{middle}"},
    "ended before": {"ended_before": "{middle}"},
    "ended after": {"ended_after": "{middle}"},
    "created before": {"created_before": "{middle}"},
    "created after": {"created_after": "{middle}"},
    "duration at least": {"duration_min": "PT30S"},
    "duration at most": {"duration_max": "PT30S"},
    "duration that few have": {"duration_min": "PT80S"},
    "metadata": {"metadata": json.dumps({"fixture": {"in": ["F1"]}})},
    "metadata that few have": {"metadata": json.dumps({"fixture": {"in": ["F99"]}})},
    "metadata that the oldest have": {"metadata": json.dumps({"lot": {"eq": "L0"}})},
    "piece of a serial number": {"search_query": "00"},
    "piece that one unit has": {"search_query": "0000007"},
    "sorted by creation": {"sort_by": "created_at"},
    "sorted by duration": {"sort_by": "duration"},
    "sorted by outcome": {"sort_by": "outcome"},
    "sorted by serial number": {"sort_by": "serial_number"},
    "sorted by part": {"sort_by": "part_number"},
    "sorted by revision": {"sort_by": "revision_number"},
    "the oldest first": {"sort_order": "asc"},
}


def measure() -> list[Figure]:
    """A figure for each query and page."""
    with tempfile.TemporaryDirectory(prefix="stationmaster-bench-") as name, contextlib.ExitStack() as running:
        portals = {size: PortalUnderTest(Path(name) / str(size)) for size in (SMALL, LARGE)}
        for size, portal in portals.items():
            _fill(portal, size)
            portal.start()
            running.callback(portal.stop)
        return list(_figures(portals))


def _figures(portals: dict[int, PortalUnderTest]) -> Iterator[Figure]:
    readers = {size: portal.uploader() for size, portal in portals.items()}
    pages = {size: _Pages(portal) for size, portal in portals.items()}
    for what, query in QUERIES.items():
        for page in (1, 1000):
            large = pages[LARGE].path(query, page)
            small = pages[SMALL].path(query, min(page, 10), at_most=True)
            if large is not None and small is not None:  # else so few match that there is no such page
                ratios = _ratios(readers, {LARGE: large, SMALL: small})
                yield Figure("lists", f"{what}, page {page}", ratios, at_most=MOST)


def _ratios(readers: dict[int, Uploader], paths: dict[int, str]) -> list[float]:
    """How many times longer the large one takes, round by round; fewer of what is slow."""
    ratios: list[float] = []
    began = time.perf_counter()
    while len(ratios) < ROUNDS and time.perf_counter() - began < LONGEST_S * ROUNDS:
        taken: dict[int, list[float]] = {size: [] for size in paths}
        while len(taken[LARGE]) < REPEATS and sum(taken[LARGE]) < LONGEST_S:
            for size, path in paths.items():  # in turns, so that what else the machine does meets both alike
                taken[size].append(_seconds(readers[size], path))
        ratios.append(statistics.median(taken[LARGE]) / statistics.median(taken[SMALL]))
    return ratios


def _seconds(reader: Uploader, path: str) -> float:
    began = time.perf_counter()
    reader.get(path)
    return time.perf_counter() - began


class _Pages:
    """Where the pages of one portal's lists are."""

    def __init__(self, portal: PortalUnderTest) -> None:
        self._db = Database(Flask("benchmark"), load_settings(data_dir=portal.folder)).open()
        station, middle = self._db.connection.exec_driver_sql(
            "SELECT station_id, MIN(started_at) FROM runs WHERE ordinal > (SELECT COUNT(*) FROM runs) / 2"
        ).one()
        self._facts: dict[str, Any] = {
            "{procedure}": [portal.procedure_id], "{station}": [station], "{middle}": f"{middle.replace(' ', 'T')}Z",
        }  # fmt: skip

    def path(self, query: dict[str, Any], page: int, *, at_most: bool = False) -> str | None:
        """The address of that page; of the last full one before it, if that may be; None when there is none."""
        filled = {name: self._facts.get(str(value), value) for name, value in query.items()}
        asked = RunListIn.model_validate(filled)
        ordinals = (
            select_rows(first=FIRST.get(asked.sort_by))
            .with_only_columns(Run.ordinal)
            .where(*narrowing(self._db, asked.as_filter()))
            .order_by(*RUNS.order(asked.place(asked.sort_by)))
        )
        if at_most:
            found = select(func.count()).select_from(ordinals.limit(page * LIMIT).subquery())
            page = max(1, min(page, self._db.session.scalars(found).one() // LIMIT))
        # The row before the page is its cursor: going there by all the pages before would take minutes.
        before = ordinals.offset((page - 1) * LIMIT - 1).limit(1)
        cursor = self._db.session.scalar(before) if page > 1 else 0
        return (
            None
            if cursor is None
            else "/api/v2/runs?" + urlencode({**filled, "limit": LIMIT, "cursor": cursor}, doseq=True)
        )


def _fill(portal: PortalUnderTest, count: int) -> None:
    """That many runs of half as many units, straight into the database; indexes are made behind them, which is fast."""
    database = sqlite3.connect(portal.folder / "portal.db", isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    indexes = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        " AND tbl_name IN ('runs', 'units', 'run_metadata_values')"
    ).fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    station = database.execute("SELECT id FROM stations").fetchone()[0]
    known = {":count": str(count), ":procedure": portal.procedure_id, ":station": station}
    database.executescript(re.sub(r":(count|procedure|station)", lambda found: known[found[0]], FILLING.read_text()))
    for _, sql in indexes:
        database.execute(sql)
    database.close()
