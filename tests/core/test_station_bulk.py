from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.announcements import ProceduresLinked
from portal.database import Database, Db
from portal.errors import Forbidden, Invalid, NotFound
from portal.models import AuditEntry, Station, Team
from portal.services.audit_trail import list_activity
from portal.services.installations import record_hardware
from portal.services.procedures import linked_procedures
from portal.services.runs import create_run
from portal.services.station_bulk import (
    MOST_STATIONS,
    RemovalPlan,
    assign_team,
    link_stations,
    plan_removal,
    remove_stations,
)
from portal.services.stations import create_station, list_stations
from station.protocol import Hardware
from tests.cast import NOON, Cast, run_in

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_procedure_is_linked_to_many_and_who_cannot_have_it_is_named(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)
    ids = [cast.station.id, cast.other_station.id, NOBODY, "nonsense", cast.station.id]

    done = link_stations(db, cast.dev, ids, cast.procedure.id)

    assert (done.what, done.changed, done.unchanged) == ("PCBA functional test", 1, 1)
    assert [(one.name, one.reason) for one in done.refused] == [(None, "There is no such station.")] * 2
    assert heard == [ProceduresLinked(cast.other_station.id)]
    assert [one.id for one in linked_procedures(db, cast.other_station.id)] == [
        cast.other_procedure.id, cast.procedure.id,
    ]  # fmt: skip
    newest = list_activity(db, db.session.get_one(Station, cast.other_station.id), 20)[0]
    assert (newest.who, newest.what) == ("Dev", "linked the procedure PCBA functional test")


def test_a_team_is_given_and_taken_with_an_entry_for_each(db: Db, cast: Cast) -> None:
    team = Team(name="Line 2", name_key="line 2", created_at=NOON)
    with db.write():
        db.session.add(team)
    ids = [cast.station.id, cast.other_station.id]

    given = assign_team(db, cast.dev, ids, team.id)
    again = assign_team(db, cast.dev, ids, team.id)
    taken = assign_team(db, cast.dev, ids[:1], None)

    assert [(one.changed, one.unchanged) for one in (given, again, taken)] == [(2, 0), (0, 2), (1, 0)]
    teams = {row.id: row.team_id for row in db.session.execute(select(Station.id, Station.team_id))}
    assert teams == {cast.station.id: None, cast.other_station.id: team.id}
    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.object_id == cast.station.id, AuditEntry.action == "station:changed")
    )
    assert [(entry.before, entry.after) for entry in entries] == [
        ({"team": None}, {"team": "Line 2"}),
        ({"team": "Line 2"}, {"team": None}),
    ]
    with pytest.raises(NotFound):
        assign_team(db, cast.dev, ids, NOBODY)


def test_what_is_removed_is_told_before(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast))
    connected = create_station(db, cast.dev, "Bench 8")  # its machine may hold records that are not here yet
    record_hardware(
        db,
        connected.id,
        None,
        Hardware(hostname="pc", os="Debian 13", platform="linux_x86_64", program_version="1"),
        None,
    )
    ids = [cast.other_station.id, cast.station.id, connected.id, NOBODY, "no\0id"]

    plan = plan_removal(db, cast.dev, ids)
    done = remove_stations(db, cast.dev, ids)

    assert plan == RemovalPlan(("Bench 7", "Bench 8"), ("Otto's bench",), machines=1, missing=2)
    assert (done.changed, len(done.refused)) == (3, 2)
    assert list_stations(db, cast.dev) == []
    assert [row.archived_at is not None for row in db.session.scalars(select(Station))] == [True, True]


def test_too_many_and_those_who_may_not_change_nothing(db: Db, cast: Cast) -> None:
    ids = [cast.station.id]
    before = db.session.scalar(select(func.count()).select_from(AuditEntry))

    for actor in (cast.vera, cast.olga, cast.otto, cast.bench):
        for act in (plan_removal, remove_stations):
            with pytest.raises(Forbidden):
                act(db, actor, ids)
        with pytest.raises(Forbidden):
            link_stations(db, actor, ids, cast.other_procedure.id)
        with pytest.raises(Forbidden):
            assign_team(db, actor, ids, None)
    with pytest.raises(Invalid, match="at most 500"):
        remove_stations(db, cast.dev, [str(number) for number in range(MOST_STATIONS + 1)])
    with pytest.raises(NotFound):
        link_stations(db, cast.dev, ids, "nonsense")

    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == before
