from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update

from portal.database import Database, Db
from portal.errors import BadRequest, Forbidden
from portal.models import Installation, Station, Team
from portal.services.actors import Actor
from portal.services.paging import Place
from portal.services.presence import mark_down, mark_up
from portal.services.runs import create_run
from portal.services.station_removal import remove_station
from portal.services.station_table import NO_TEAM, STATUSES, TableQuery, export_table, page_table
from portal.services.stations import list_stations
from portal.services.upsert import insert_all
from tests.cast import NOON, Cast, run_in

SORTS = ("name", "number", "status", "since")
FIRST = Place("name", is_descending=False)


@pytest.fixture
def team(db: Db) -> Team:
    made = Team(name="Line 2", name_key="line 2", created_at=NOON)
    with db.write():
        db.session.add(made)
    return made


def names_of(db: Db, actor: Actor, query: TableQuery, place: Place = FIRST) -> list[str]:
    return [row.station.name for row in page_table(db, actor, query, place).items]


def fill(db: Db, count: int, team_id: str | None = None) -> list[str]:
    """So many stations in one go, in every status, with links and machines."""
    presences = ["up", "down", "off", "unknown", "none"]
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(count)]
    rows: list[dict[str, Any]] = [
        {
            "id": one,
            "number": 1000 + at,
            "name": f"Bench {at % 7}-{at}",
            "name_key": f"bench {at % 7}-{at}",
            "presence": presences[at % 5],
            "presence_since": NOON - timedelta(minutes=at // 3) if at % 5 < 4 else None,
            "created_at": NOON,
            "edits": 0,
            "team_id": team_id if at % 2 else None,
        }
        for at, one in enumerate(ids)
    ]
    with db.write():
        insert_all(db, Station, rows)
    return ids


def test_the_filters_must_all_fit(db: Db, cast: Cast, team: Team) -> None:
    mark_up(db, cast.station.id, NOON, "connected")
    machine = {
        "hostname": "pc", "os": "Linux", "platform": "x86", "program_version": "1.2", "enrolled_at": NOON,
    }  # fmt: skip
    with db.write():
        db.session.add(Installation(station_id=cast.station.id, uploads_waiting=3, **machine))
        db.session.execute(update(Station).where(Station.id == cast.station.id).values(team_id=team.id))

    asked = {
        "all": TableQuery(),
        "search": TableQuery(search="BENCH 7"),
        "number": TableQuery(search="st-0002"),
        "online": TableQuery(status="online"),
        "never": TableQuery(status="never"),
        "procedure": TableQuery(procedure_id=cast.procedure.id),
        "team": TableQuery(team_id=team.id),
        "no team": TableQuery(team_id=NO_TEAM),
        "unsent": TableQuery(has_unsent=True),
        "everything": TableQuery("bench", "online", cast.procedure.id, team.id, has_unsent=True),
        "one does not fit": TableQuery("bench", "online", cast.other_procedure.id, team.id, has_unsent=True),
        "nonsense": TableQuery(procedure_id="nonsense", team_id="x"),
    }
    both, seven, other = ["Bench 7", "Otto's bench"], ["Bench 7"], ["Otto's bench"]

    for sort_by in SORTS:
        place = Place(sort_by, is_descending=False)
        found = {what: sorted(names_of(db, cast.vera, query, place)) for what, query in asked.items()}
        assert found == {
            "all": both, "search": seven, "number": other, "online": seven, "never": other, "procedure": seven,
            "team": seven, "no team": other, "unsent": seven, "everything": seven, "one does not fit": [],
            "nonsense": [],
        }  # fmt: skip


def test_a_row_tells_of_team_machine_and_week(db: Db, cast: Cast, team: Team) -> None:
    with db.write():
        db.session.execute(update(Station).where(Station.id == cast.station.id).values(team_id=team.id))
    for days, outcome, is_simulated in ((0, "PASS", False), (0, "FAIL", False), (6, "PASS", False), (1, "PASS", True)):
        at = (NOON - timedelta(days=days)).isoformat()
        create_run(
            db,
            cast.bench,
            run_in(cast, outcome=outcome, started_at=at, ended_at=at, metadata={"simulated": is_simulated}),
        )
    old = (NOON - timedelta(days=8)).isoformat()
    create_run(db, cast.bench, run_in(cast, started_at=old, ended_at=old))

    row, idle = page_table(db, cast.vera, TableQuery(), FIRST, NOON + timedelta(hours=1)).items

    assert (row.team, idle.team) == ("Line 2", None)
    assert [sum(day) for day in row.week.days] == [1, 0, 0, 0, 0, 1, 2]
    assert (row.week.runs, row.week.tested, row.week.passed) == (4, 3, 2)
    assert row.week.percent == pytest.approx(66.67, abs=0.01)
    assert (idle.week.runs, idle.week.percent) == (0, None)
    assert len(row.strip.days) == 90


@pytest.mark.parametrize("sort_by", SORTS)
@pytest.mark.parametrize("is_descending", [False, True])
def test_pages_hold_every_station_once_and_in_order(db: Db, cast: Cast, sort_by: str, is_descending: bool) -> None:
    fill(db, 23)
    place = Place(sort_by, is_descending=is_descending, limit=4)
    seen: list[Any] = []
    while True:
        page = page_table(db, cast.vera, TableQuery(), place)
        assert len(page.items) <= 4
        seen += [row.station for row in page.items]
        if page.next_cursor is None:
            break
        place = replace(place, cursor=page.next_cursor)

    assert sorted(row.id for row in seen) == sorted(row.id for row in list_stations(db, cast.vera))
    order = ["down", "off", "unknown", "up", "none"]
    earliest = datetime.min.replace(tzinfo=NOON.tzinfo)
    keys = {
        "name": [row.name.casefold() for row in seen],
        "number": [row.number for row in seen],
        "status": [order.index(row.presence.state) for row in seen],
        "since": [row.presence.since or earliest for row in seen],
    }[sort_by]
    if db.database.is_sqlite or sort_by != "name":  # PostgreSQL orders texts by the rules of a language
        assert keys == sorted(keys, reverse=is_descending)
    exported = [row.station.id for row in export_table(db, cast.vera, TableQuery(), place)]
    assert exported == [row.id for row in seen]


def test_a_page_goes_on_behind_a_station_that_changed_or_went(db: Db, cast: Cast) -> None:
    fill(db, 10)
    first = page_table(db, cast.vera, TableQuery(), Place("status", is_descending=False, limit=3))
    mark_up(db, first.items[-1].station.id, NOON, "connected")
    after = page_table(
        db, cast.vera, TableQuery(), Place("status", is_descending=False, limit=30, cursor=first.next_cursor)
    )
    assert not {row.station.id for row in first.items[:-1]} & {row.station.id for row in after.items}
    assert len(after.items) >= 9

    named = page_table(db, cast.vera, TableQuery(), replace(FIRST, limit=3))
    remove_station(db, cast.dev, named.items[-1].station.id)
    rest = page_table(db, cast.vera, TableQuery(), replace(FIRST, limit=30, cursor=named.next_cursor))
    assert len(rest.items) == 9

    with pytest.raises(BadRequest):
        page_table(db, cast.vera, TableQuery(), replace(FIRST, cursor=99999))


def test_it_takes_as_many_statements_for_ten_thousand_and_sorts_none_of_them(
    db: Db, database: Database, cast: Cast, team: Team
) -> None:
    fill(db, 100, team.id)
    few = {key: statements(database, db, cast, *key) for key in all_lists(cast, team)}
    with db.write():
        db.session.execute(text("DELETE FROM stations WHERE number >= 1000"))
    fill(db, 10_000, team.id)
    many = {key: statements(database, db, cast, *key) for key in all_lists(cast, team)}

    assert max(len(made) for made in many.values()) <= 16
    for key, made in many.items():
        assert len(made) <= len(few[key]), key
        if database.is_sqlite:
            for statement, parameters in made:
                if statement.startswith("SELECT stations.id, stations.number, stations.presence"):
                    plan = " · ".join(row[3] for row in database_plan(db, statement, parameters))
                    assert "TEMP B-TREE" not in plan, (key, plan)
                    assert "INDEX" in plan, (key, plan)


def all_lists(cast: Cast, team: Team) -> list[tuple[str, bool, TableQuery]]:
    queries = [
        TableQuery(), TableQuery(search="bench 3"), *(TableQuery(status=status) for status in STATUSES),
        TableQuery(procedure_id=cast.procedure.id), TableQuery(team_id=team.id), TableQuery(team_id=NO_TEAM),
        TableQuery(has_unsent=True), TableQuery("bench", "offline", None, team.id),
    ]  # fmt: skip
    return [(sort_by, down, query) for sort_by in SORTS for down in (False, True) for query in queries]


def statements(
    database: Database, db: Db, cast: Cast, sort_by: str, is_descending: bool, query: TableQuery
) -> Sequence[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            made.append((statement, parameters))

    place = Place(sort_by, is_descending=is_descending, limit=10)
    first = page_table(db, cast.vera, query, place)
    event.listen(database.engine, "before_cursor_execute", note)
    try:
        page_table(db, cast.vera, query, replace(place, cursor=first.next_cursor or 0))
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return made


def database_plan(db: Db, statement: str, parameters: Any) -> Sequence[Any]:
    return db.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()


def test_otto_sees_his_own_station_and_nobody_without_a_role_any(db: Db, cast: Cast) -> None:
    mark_up(db, cast.station.id, NOON, "connected")
    mark_down(db, cast.station.id, NOON, "silent")

    for sort_by in SORTS:
        assert names_of(db, cast.otto, TableQuery(), Place(sort_by)) == ["Otto's bench"]
    with pytest.raises(Forbidden):
        page_table(db, Actor("user", "x", "Nobody"), TableQuery(), FIRST)
    with pytest.raises(Forbidden):
        next(export_table(db, Actor("user", "x", "Nobody"), TableQuery(), FIRST))
