"""Procedures, versions, stations and the audit trail as services: both databases, numbers of statements, races."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from portal.announcements import LinkRevoked, ProceduresLinked
from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, NotFound, PreconditionFailed
from portal.models import Attachment, Phase, ProcedureVersion, Run, Station, StationProcedure, StationState, Unit
from portal.services import presence
from portal.services.actors import SYSTEM
from portal.services.attachments import create_attachment, receive_upload
from portal.services.audit_trail import AuditQuery, list_entries
from portal.services.batches import create_batch
from portal.services.paging import Place
from portal.services.procedure_lists import ProcedureQuery, page_procedures, show_procedure
from portal.services.procedure_removal import delete_procedure
from portal.services.procedures import ProcedureChanges, create_procedure, update_procedure
from portal.services.runs import create_run
from portal.services.station_lists import StationQuery, describe_station, page_stations
from portal.services.station_removal import remove_station
from portal.services.stations import StationChanges, create_station, show_station, update_station
from portal.services.versions import create_version, delete_version, show_version
from tests.cast import NOON, Cast, run_in
from tests.core.test_stations import count_statements

NEWEST = Place("created_at")
PHASE = {"name": "rails", "outcome": "PASS", "started_at": NOON, "ended_at": NOON}


def count(db: Db, table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("more", [1, 12])
def test_lists_take_as_many_statements_however_long_they_are(db: Db, database: Database, cast: Cast, more: int) -> None:
    for n in range(more):
        procedure = create_procedure(db, cast.dev, f"More {n}")
        create_station(db, cast.dev, f"More {n}", [procedure.id])

    assert count_statements(database, lambda: page_procedures(db, cast.vera, ProcedureQuery(), NEWEST)) == 1
    assert count_statements(database, lambda: page_stations(db, cast.vera, StationQuery(), NEWEST)) == 2
    assert count_statements(database, lambda: list_entries(db, cast.ada, AuditQuery(), Place("at"))) == 1


@pytest.mark.parametrize("runs", [1, 15])
def test_one_takes_as_many_statements_whatever_it_has_done(db: Db, database: Database, cast: Cast, runs: int) -> None:
    for n in range(runs):
        create_run(db, cast.bench, run_in(cast, serial_number=f"SN-{n}"))

    assert count_statements(database, lambda: show_procedure(db, cast.vera, cast.procedure.id)) <= 5
    assert count_statements(database, lambda: describe_station(db, cast.vera, cast.station.id)) <= 4


def test_a_procedure_is_found_whatever_the_case_of_its_letters(db: Db, cast: Cast) -> None:
    made = create_procedure(db, cast.dev, "Prüfung ÄÖ 100%")

    def found(search: str) -> list[str]:
        return [one.id for one in page_procedures(db, cast.vera, ProcedureQuery(search), NEWEST).items]

    assert [found(text) for text in ("PRÜFUNG äö", "100%", "%")] == [[made.id]] * 3
    assert found("nothing such") == []
    update_procedure(db, cast.dev, made.id, ProcedureChanges("Ölprüfung"))
    assert (found("ÖLPRÜF"), found("äö")) == ([made.id], [])


def test_a_rename_is_told_to_the_stations_that_run_it(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)

    update_procedure(db, cast.dev, cast.procedure.id, ProcedureChanges("FVT", {"entry_point": "main.py"}))
    update_procedure(db, cast.dev, cast.procedure.id, ProcedureChanges("FVT"))

    assert heard == [ProceduresLinked(cast.station.id)]


def test_of_two_that_change_the_same_state_at_once_one_is_refused(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    tag = show_procedure(db, cast.vera, cast.procedure.id).etag

    def change(name: str) -> str:
        with database.open() as own:
            return update_procedure(own, cast.dev, cast.procedure.id, ProcedureChanges(name), tag).id

    assert {type(result) for result in at_once(lambda: change("A"), lambda: change("B"))} == {PreconditionFailed, str}


def test_deleting_a_procedure_takes_all_that_is_its_own_and_nothing_else(
    db: Db, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.services.procedure_removal.PIECE", 2)  # several pieces without a thousand runs
    heard: list[object] = []
    database.listen(heard.append)
    ids = [
        create_run(db, cast.bench, run_in(cast, serial_number=f"SN-{n}", phases=[PHASE], procedure_version="1.0"))
        for n in range(5)
    ]
    other = create_run(db, cast.dev, run_in(cast, procedure_id=cast.other_procedure.id, serial_number="SN-1"))
    file = create_attachment(db, cast.bench, ids[0], "log.txt")
    receive_upload(db, file.id, io.BytesIO(b"line"), "text/plain")

    delete_procedure(db, cast.dev, cast.procedure.id)

    assert db.session.scalars(select(Run.id)).all() == [other]
    assert [count(db, table) for table in (Phase, ProcedureVersion, Attachment, Unit)] == [0, 0, 0, 5]
    assert count(db, StationProcedure) == 1
    counts = {unit.serial_number: unit.run_count for unit in db.session.scalars(select(Unit))}
    assert counts == {"SN-0": 0, "SN-1": 1, "SN-2": 0, "SN-3": 0, "SN-4": 0}
    with pytest.raises(FileNotFoundError):
        db.blobs.open(file.id, 0, 4)
    assert ProceduresLinked(cast.station.id) in heard
    with pytest.raises(NotFound):
        delete_procedure(db, cast.dev, cast.procedure.id)


def test_a_deletion_that_fails_takes_nothing(db: Db, cast: Cast) -> None:
    run_id = create_run(db, cast.bench, run_in(cast))
    file = create_attachment(db, cast.bench, run_id, "log.txt")
    receive_upload(db, file.id, io.BytesIO(b"line"), "text/plain")

    def delete_and_fail() -> None:
        with db.write():
            delete_procedure(db, cast.dev, cast.procedure.id)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        delete_and_fail()

    assert count(db, Run) == 1
    with contextlib.closing(db.blobs.open(file.id, 0, 4)) as kept:
        assert kept.read() == b"line"


def test_a_version_is_made_once_of_two_at_once(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    def make() -> str:
        with database.open() as own:
            return create_version(own, cast.dev, cast.procedure.id, "1.0").id

    assert {type(result) for result in at_once(make, make)} == {Conflict, str}
    assert show_version(db, cast.vera, cast.procedure.id, " 1.0 ").run_count == 0


def test_a_version_with_runs_stays(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast, procedure_version="v1"))

    with pytest.raises(Conflict):
        delete_version(db, cast.dev, cast.procedure.id, "V1")
    with pytest.raises(Forbidden):
        delete_version(db, cast.vera, cast.procedure.id, "V1")

    assert show_version(db, cast.bench, cast.procedure.id, "V1").run_count == 1


def test_a_removed_station_has_no_state_any_more(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)
    create_run(db, cast.bench, run_in(cast))
    presence.mark_up(db, cast.station.id, NOON, "connected")

    remove_station(db, cast.dev, cast.station.id)

    assert LinkRevoked(cast.station.id, "the station was removed from the portal") in heard
    assert not presence.mark_up(db, cast.station.id, NOON, "connected")
    states = db.session.scalars(select(StationState.state).order_by(StationState.id)).all()
    assert states == ["up", "none"]
    assert count(db, StationProcedure) == 1
    with pytest.raises(NotFound):
        remove_station(db, cast.dev, cast.station.id)


def test_a_station_that_made_something_is_archived(db: Db, cast: Cast) -> None:
    create_batch(db, cast.bench, "B1")

    remove_station(db, cast.dev, cast.station.id)
    remove_station(db, cast.dev, cast.other_station.id)

    (kept,) = db.session.scalars(select(Station))
    assert (kept.id, kept.archived_at is None) == (cast.station.id, False)


def test_a_removed_station_is_in_no_list_and_its_number_is_not_given_again(db: Db, cast: Cast) -> None:
    remove_station(db, cast.dev, cast.other_station.id)

    made = create_station(db, SYSTEM, "Otto's bench")

    assert made.number == cast.other_station.number + 1
    assert [one.id for one in page_stations(db, cast.vera, StationQuery(), NEWEST).items] == [made.id, cast.station.id]


def test_of_two_that_change_metadata_at_once_both_are_kept(
    db: Db, database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    def change(key: str) -> None:
        with database.open() as own:
            update_station(own, cast.dev, cast.station.id, StationChanges(metadata={key: 1}))

    assert at_once(lambda: change("a"), lambda: change("b")) == [None, None]
    assert describe_station(db, cast.bench, cast.station.id).metadata == {"a": 1, "b": 1}


def test_what_changed_reads_well_on_the_stations_page(db: Db, cast: Cast) -> None:
    update_station(db, cast.dev, cast.station.id, StationChanges(metadata={"line": "2"}))
    update_station(db, cast.dev, cast.station.id, StationChanges(metadata={"line": "2"}))

    said = [entry.what for entry in show_station(db, cast.vera, cast.station.id).activity]
    assert (said[0], said.count("changed it: metadata")) == ("changed it: metadata", 1)


def test_the_audit_trail_is_for_those_who_administer(db: Db, cast: Cast) -> None:
    for who in (cast.dev, cast.vera, cast.bench):
        with pytest.raises(Forbidden):
            list_entries(db, who, AuditQuery(), Place("at"))

    found = list_entries(db, cast.ada, AuditQuery(object_kind="procedures"), Place("at", limit=1))

    assert (found.items[0].object_name, found.next_cursor) == ("Final inspection", found.items[0].ordinal)
