"""Statistics of procedures against a plain computation; archiving and unlinking, and the records that come after."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, Invalid
from portal.models import Run
from portal.services.audit_trail import list_activity
from portal.services.measurement_statistics import Spread, cpk, list_figures, show_history
from portal.services.paging import Place
from portal.services.phase_statistics import phase_figures
from portal.services.procedure_archive import archive_procedure, restore_procedure
from portal.services.procedure_lists import ProcedureQuery, page_procedures
from portal.services.procedure_stations import count_stations, link_pairs, linked_stations, stations_to_link
from portal.services.procedure_yields import yields_over_time
from portal.services.procedures import (
    ProcedureChanges,
    link_procedure,
    linked_procedures,
    list_procedures,
    unlink_procedure,
    update_procedure,
)
from portal.services.runs import create_run
from portal.services.statistics_scope import Scope, scoped
from portal.services.week_figures import week_figures
from portal.services.yields import Yield
from tests.cast import NOON, Cast, run_in
from tests.core.test_stations import count_statements

# Days after the first, unit, outcome, whether on a simulated bench; hours apart, so that their order is sure.
RUNS = [
    (0, 1, "FAIL", False), (0, 1, "PASS", False), (0, 2, "PASS", False), (1, 3, "FAIL", False), (2, 3, "FAIL", False),
    (2, 2, "FAIL", False), (3, 4, "PASS", False), (3, 5, "PASS", True), (5, 1, "PASS", False), (6, 6, "ERROR", False),
]  # fmt: skip
FIRST_DAY = NOON.date() - timedelta(days=6)


def store(db: Db, cast: Cast) -> None:
    for place, (day, unit, outcome, is_simulated) in enumerate(RUNS):
        at = NOON - timedelta(days=6 - day) + timedelta(minutes=place)
        phase = {
            "name": "rails", "outcome": "PASS" if outcome == "PASS" else "FAIL",
            "started_at": at, "ended_at": at + timedelta(seconds=2 + place),
            "measurements": [
                {
                    "name": "rail_5v", "outcome": "PASS", "measured_value": 5 + place / 100, "units": "V",
                    "validators": [{"operator": "range", "expected_value": [4.75, 5.25], "outcome": "PASS"}],
                },
                {"name": "firmware", "outcome": "PASS", "measured_value": "2.3.1"},
            ],
        }  # fmt: skip
        fields: dict[str, Any] = {
            "serial_number": f"SN-{unit}", "outcome": outcome, "started_at": at, "procedure_version": "v1",
            "ended_at": at + timedelta(seconds=10), "phases": [phase], "metadata": {"simulated": is_simulated},
        }  # fmt: skip
        create_run(db, cast.bench, run_in(cast, **fields))


def scope_of(cast: Cast, **changes: Any) -> Scope:
    facts: dict[str, Any] = {"procedure_id": cast.procedure.id, "first": FIRST_DAY, "last": NOON.date()}
    return Scope(**facts | changes)


def naive(runs: list[tuple[int, int, str, bool]], *, is_first: bool) -> dict[int, list[str]]:
    """The verdict of each unit's first or last run, by the day of that run."""
    chosen: dict[int, tuple[int, str]] = {}
    for day, unit, outcome, is_simulated in runs:
        if not is_simulated and not (is_first and unit in chosen):
            chosen[unit] = (day, outcome)
    found: dict[int, list[str]] = {}
    for day, outcome in chosen.values():
        found.setdefault(day, []).append(outcome)
    return found


def test_yields_over_time_are_those_of_a_plain_count(db: Db, cast: Cast) -> None:
    store(db, cast)
    scope = scope_of(cast)

    found = yields_over_time(db, cast.vera, scope, scoped(db, cast.vera, scope))

    assert found.runs == 9
    for is_first, name in ((True, "first_pass"), (False, "final")):
        expected = naive(RUNS, is_first=is_first)
        for day, bucket in enumerate(found.buckets):
            verdicts = expected.get(day, [])
            assert getattr(bucket, name) == Yield(len(verdicts), len(verdicts), verdicts.count("PASS")), (name, day)
    assert (found.first_pass.tested, found.first_pass.passed) == (5, 2)
    assert (found.final.tested, found.final.passed) == (5, 2)


def test_a_scope_narrows_and_cuts_long_spans_into_weeks(db: Db, cast: Cast) -> None:
    store(db, cast)

    def runs(**changes: Any) -> int:
        scope = scope_of(cast, **changes)
        return yields_over_time(db, cast.vera, scope, scoped(db, cast.vera, scope)).runs

    assert runs(has_simulated=True) == 10
    assert runs(first=FIRST_DAY + timedelta(days=3)) == 3
    assert runs(version="V1", part_number="pcba-100", station_id=cast.station.id) == 9
    assert runs(station_id=cast.other_station.id) == runs(batch_number="none") == 0
    year = scope_of(cast, first=NOON.date() - timedelta(days=364))
    assert year.is_weekly
    assert len(year.buckets) == 53
    assert (
        sum(bucket.runs for bucket in yields_over_time(db, cast.vera, year, scoped(db, cast.vera, year)).buckets) == 9
    )


def test_only_the_newest_runs_are_counted_and_it_is_said(db: Db, cast: Cast) -> None:
    store(db, cast)
    scope = scope_of(cast)

    found = yields_over_time(db, cast.vera, scope, scoped(db, cast.vera, scope), most=3)

    assert (found.runs, found.is_capped) == (3, True)
    assert sum(one.count for one in phase_figures(db, cast.vera, scoped(db, cast.vera, scope), most=3)) == 3


def test_phases_and_measurements_are_those_of_a_plain_computation(db: Db, cast: Cast) -> None:
    store(db, cast)
    conditions = scoped(db, cast.vera, scope_of(cast))
    values = [5 + place / 100 for place, run in enumerate(RUNS) if not run[3]]

    (rails,) = phase_figures(db, cast.vera, conditions)
    (rail,), is_cut = list_figures(db, cast.vera, conditions)
    history = show_history(db, cast.vera, conditions, "rail_5v", most=4)

    assert (rails.count, rails.failed, rails.longest_ms) == (9, 5, 11_000)
    assert not is_cut
    assert (rail.name, rail.low, rail.high, rail.spread.count) == ("rail_5v", 4.75, 5.25, 9)
    assert rail.spread.mean == pytest.approx(statistics.fmean(values))
    assert rail.spread.sigma == pytest.approx(statistics.stdev(values))
    assert rail.cpk == pytest.approx((5.25 - statistics.fmean(values)) / 3 / statistics.stdev(values))
    assert history is not None
    assert [one.value for one in history.values] == values[-4:]
    assert history.is_capped
    assert show_history(db, cast.vera, conditions, "firmware") is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.floats(1, 10))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_spread_is_that_of_the_statistics_module(values: list[float], room: float) -> None:
    spread = Spread.of(values)

    assert spread.mean == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert spread.sigma == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6)
    both, one_sided = cpk(spread, min(values) - room, max(values) + room), cpk(spread, None, max(values) + room)
    assert (both is None) == (not spread.sigma)
    assert both is None or one_sided is None or 0 < both <= one_sided
    assert cpk(spread, None, None) is None


def test_the_week_of_a_procedure_and_of_its_stations(db: Db, cast: Cast) -> None:
    store(db, cast)

    week = week_figures(db, cast.vera, Run.procedure_id, [cast.procedure.id, cast.other_procedure.id], None, NOON)
    (at_station,) = linked_stations(db, cast.vera, cast.procedure.id, NOON + timedelta(minutes=30))

    assert week[cast.procedure.id].days == [(2, 1), (0, 1), (0, 2), (2, 0), (0, 0), (1, 0), (0, 1)]
    assert (week[cast.procedure.id].first_pass.tested, week[cast.procedure.id].first_pass.passed) == (5, 2)
    assert week[cast.procedure.id].mean_ms == 10_000
    last = week[cast.procedure.id].last_run
    assert last is not None
    assert (last.outcome, last.version) == ("ERROR", "v1")
    assert week[cast.other_procedure.id].runs == 0
    assert at_station.week == week[cast.procedure.id]


def test_figures_cost_the_same_number_of_statements_however_many(database: Database, db: Db, cast: Cast) -> None:
    def cost() -> int:
        scope = scope_of(cast, version="v1", part_number="PCBA-100")

        def ask() -> None:
            conditions = scoped(db, cast.vera, scope)
            yields_over_time(db, cast.vera, scope, conditions)
            phase_figures(db, cast.vera, conditions)
            list_figures(db, cast.vera, conditions)
            linked_stations(db, cast.vera, cast.procedure.id, NOON)

        return count_statements(database, ask)

    store(db, cast)
    few = cost()
    link_procedure(db, cast.dev, cast.other_station.id, cast.procedure.id)

    assert cost() == few


def test_an_archived_procedure_leaves_lists_and_stations_and_comes_back(db: Db, cast: Cast) -> None:
    store(db, cast)

    archive_procedure(db, cast.dev, cast.procedure.id, NOON)

    assert [one.id for one in list_procedures(db, cast.vera)] == [cast.other_procedure.id]
    assert cast.procedure.id not in [
        one.id for one in page_procedures(db, cast.vera, ProcedureQuery(), Place("name")).items
    ]
    archived = page_procedures(db, cast.vera, ProcedureQuery(is_archived=True), Place("created_at")).items
    assert [one.id for one in archived] == [cast.procedure.id]
    assert linked_procedures(db, cast.station.id) == []
    with pytest.raises(Conflict, match="archived"):
        link_procedure(db, cast.dev, cast.station.id, cast.procedure.id)

    restore_procedure(db, cast.dev, cast.procedure.id)

    assert [one.id for one in linked_procedures(db, cast.station.id)] == [cast.procedure.id]
    assert [row.what for row in list_activity(db, cast.procedure, 20)][:2] == [
        "restored it, linked to 1 stations", "archived it and ended its links to 1 stations",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["archived", "unlinked"])
def test_what_a_station_still_holds_is_taken_after_its_link_has_ended(db: Db, cast: Cast, end: str) -> None:
    if end == "archived":
        archive_procedure(db, cast.dev, cast.procedure.id)
    else:
        unlink_procedure(db, cast.dev, cast.station.id, cast.procedure.id)

    assert create_run(db, cast.bench, run_in(cast))
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    unaware = run_in(cast, serial_number="SN-3", started_at=later, ended_at=later)  # made offline
    if end == "archived":
        assert create_run(db, cast.bench, unaware)
    else:
        with pytest.raises(Forbidden):  # waits at the station until it is linked again
            create_run(db, cast.bench, unaware)
    with pytest.raises(Forbidden):  # one that was never linked
        create_run(db, cast.otto, run_in(cast, serial_number="SN-2"))


def test_several_stations_are_linked_at_once_or_none(db: Db, cast: Cast) -> None:
    offered = stations_to_link(db, cast.dev, cast.procedure.id, search="otto")
    assert [one.name for one in offered] == ["Otto's bench"]

    with pytest.raises(Invalid):
        link_pairs(db, cast.dev, [])
    with pytest.raises(Forbidden):
        link_pairs(db, cast.vera, [(cast.other_station.id, cast.procedure.id)])
    pairs = [(station.id, cast.procedure.id) for station in (cast.station, cast.other_station)]
    assert link_pairs(db, cast.dev, pairs) == 1
    assert count_stations(db, cast.vera, [cast.procedure.id]) == {cast.procedure.id: 2}


def test_another_identifier_is_checked_and_noted(db: Db, cast: Cast) -> None:
    change: Callable[[str], object] = lambda text: update_procedure(  # noqa: E731
        db, cast.dev, cast.procedure.id, ProcedureChanges(identifier=text)
    )

    with pytest.raises(Invalid):
        change("with blanks")
    with pytest.raises(Conflict, match="Final inspection"):
        change("FINAL_INSPECTION")
    change("pcba_2")

    assert list_activity(db, cast.procedure, 20)[0].what == "changed it: identifier"


def test_days_have_23_to_25_hours() -> None:
    autumn = Scope(procedure_id="x", first=date(2026, 10, 25), last=date(2026, 10, 25), zone="Europe/Berlin")
    assert autumn.end - autumn.start == timedelta(hours=25)
