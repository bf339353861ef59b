"""The start page: every station at a glance, the last day in numbers, the latest runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response

from portal.pages.activities import activities_of
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.actors import Permission, can
from portal.services.runs import RunQuery, RunRow, list_runs
from portal.services.stations import StationRow, list_stations
from portal.web import actor, db

pages = signed_in_only(Blueprint("overview", __name__))

RECENT_RUNS = 10
MOST_COUNTED = 500  # runs of a day that are read for its numbers


@dataclass(frozen=True)
class Today:
    """The last 24 hours in numbers. ``first_pass_percent``: None before the first unit.

    ``is_capped``: there were more runs than are counted, and the numbers are of the newest of them.
    """

    runs: int
    passed: int
    simulated: int
    units: int
    first_pass_percent: float | None
    online: int
    uploads_waiting: int
    is_capped: bool


@pages.get("/")
def index() -> Response:
    """Show the overview."""
    stations = list_stations(db(), actor())
    since = datetime.now(UTC) - timedelta(days=1)
    day = list_runs(db(), actor(), RunQuery(started_after=since, limit=MOST_COUNTED))
    recent = list_runs(db(), actor(), RunQuery(limit=RECENT_RUNS))
    return render(
        "overview/index.html",
        stations=stations,
        activities=activities_of(stations),
        runs=recent.items,
        today=today_of(day.items, stations, is_capped=day.next_cursor is not None),
        may_create=can(actor(), Permission.EDIT),
    )


def today_of(runs: Sequence[RunRow], stations: Sequence[StationRow], *, is_capped: bool = False) -> Today:
    """Count. runs: newest first, as lists come; a unit's first run of the day is its first pass.

    Runs on a simulated bench say nothing of the product and count in no yield.
    """
    real = [run for run in runs if not run.is_simulated]
    first_outcome_by_unit = {run.serial_number: run.outcome for run in real if run.serial_number}
    first_passes = sum(outcome == "PASS" for outcome in first_outcome_by_unit.values())
    units = len(first_outcome_by_unit)
    return Today(
        runs=len(runs),
        passed=sum(run.outcome == "PASS" for run in runs),
        units=units,
        first_pass_percent=100 * first_passes / units if units else None,
        online=sum(station.presence.is_online for station in stations),
        simulated=sum(run.is_simulated for run in runs),
        uploads_waiting=sum(station.uploads_waiting for station in stations),
        is_capped=is_capped,
    )
