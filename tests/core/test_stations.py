from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event

from portal.announcements import ProceduresLinked, StationChanged
from portal.database import Database, Db
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from portal.services.actors import SYSTEM, Actor
from portal.services.procedures import create_procedure, link_procedure, linked_procedures, unlink_procedure
from portal.services.runs import create_run
from portal.services.stations import (
    create_station,
    find_facts,
    find_row,
    get_station,
    list_stations,
    rename_station,
    show_station,
)
from tests.cast import Cast, run_in


def test_stations_are_numbered_in_their_order(db: Db) -> None:
    made = [create_station(db, SYSTEM, name) for name in ("A", "B", "C")]

    assert [station.number for station in made] == [1, 2, 3]


def test_a_name_is_trimmed_and_kept(db: Db) -> None:
    assert create_station(db, SYSTEM, "  Prüfplatz\u00a0 7 ").name == "Prüfplatz 7"


@pytest.mark.parametrize("name", ["👩\u200d🔧 Line 1", "1\ufe0f\u20e3", "می\u200cخواهم", "Café"])
def test_a_name_is_written_as_its_script_wants(db: Db, name: str) -> None:
    assert create_station(db, SYSTEM, name).name == name


LOOKS_LIKE_ANOTHER = ["Bench\u00ad 7", "Be\u200dnch 7", "Bench 7\ufe0f", "Bench 7\U000e0041", "Bench\u2062 7"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "two\nlines", "bell\x07", *LOOKS_LIKE_ANOTHER])
def test_a_name_that_cannot_be_is_refused_with_one_sentence(db: Db, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_station(db, SYSTEM, name)

    assert [tuple(issue.path) for issue in refused.value.issues] == [("name",)]
    assert refused.value.message.startswith("The station's name ")


def test_a_name_is_taken_whatever_its_case(db: Db) -> None:
    create_station(db, SYSTEM, "Bench 7")

    with pytest.raises(Conflict, match="already a station named “Bench 7”"):
        create_station(db, SYSTEM, " bENCH 7")


def test_two_who_make_the_same_station_at_once_make_one(
    database: Database, at_once: Callable[..., list[object]]
) -> None:
    def make() -> str:
        with database.open() as db:
            return create_station(db, SYSTEM, "Bench 7").id

    results = at_once(make, make)

    assert {type(result) for result in results} == {Conflict, str}


def test_a_rename_is_announced_and_noted(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)

    rename_station(db, cast.dev, cast.station.id, "Bench 7 (left)")

    assert heard == [StationChanged(cast.station.id)]
    shown = show_station(db, cast.vera, cast.station.id)
    assert shown.name == "Bench 7 (left)"
    assert shown.activity[0].who == "Dev"
    assert shown.activity[0].what == "renamed it from “Bench 7” to “Bench 7 (left)”"


def test_a_rename_to_another_spelling_of_itself_is_possible(db: Db, cast: Cast) -> None:
    assert rename_station(db, cast.dev, cast.station.id, "BENCH 7").name == "BENCH 7"


def test_viewers_operators_and_stations_change_nothing(db: Db, cast: Cast) -> None:
    for actor in (cast.vera, cast.olga, cast.otto, cast.bench):
        with pytest.raises(Forbidden):
            create_station(db, actor, "Mine")
        with pytest.raises(Forbidden):
            rename_station(db, actor, cast.station.id, "Mine")
        with pytest.raises(Forbidden):
            link_procedure(db, actor, cast.station.id, cast.other_procedure.id)

    assert [row.name for row in list_stations(db, cast.ada)] == ["Bench 7", "Otto's bench"]


def test_otto_sees_only_his_own_station(db: Db, cast: Cast) -> None:
    assert [row.name for row in list_stations(db, cast.otto)] == ["Otto's bench"]
    assert get_station(db, cast.otto, cast.otto.id).name == "Otto's bench"
    with pytest.raises(NotFound):
        get_station(db, cast.otto, cast.station.id)
    with pytest.raises(NotFound):
        show_station(db, cast.otto, cast.station.id)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("BENCH", ["Bench 7", "Otto's bench"]),
        ("st-0002", ["Otto's bench"]),
        ("1", ["Bench 7"]),
        ("100%", []),
        ("_", []),
        ("\0", ["Bench 7", "Otto's bench"]),
    ],
)
def test_the_search_looks_at_names_and_numbers(db: Db, cast: Cast, search: str, found: list[str]) -> None:
    assert [row.name for row in list_stations(db, cast.vera, search)] == found


@pytest.mark.parametrize("wrong", ["", "nonsense", "00000000-0000-0000-0000-000000000000", "\0", "x" * 36])
def test_an_unknown_station_is_not_found(db: Db, cast: Cast, wrong: str) -> None:
    with pytest.raises(NotFound):
        get_station(db, cast.dev, wrong)
    assert find_row(db, wrong) is None
    assert find_facts(db, wrong) is None


def test_linking_twice_is_linking_once(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)

    link_procedure(db, cast.dev, cast.station.id, cast.other_procedure.id)
    link_procedure(db, cast.dev, cast.station.id, cast.other_procedure.id)
    names = [procedure.name for procedure in linked_procedures(db, cast.station.id)]
    unlink_procedure(db, cast.dev, cast.station.id, cast.other_procedure.id)
    unlink_procedure(db, cast.dev, cast.station.id, cast.other_procedure.id)

    assert names == ["Final inspection", "PCBA functional test"]
    assert heard == [ProceduresLinked(cast.station.id)] * 2
    facts = find_facts(db, cast.station.id)
    assert facts is not None
    assert [procedure.identifier for procedure in facts.procedures] == ["pcba_functional"]


def test_a_station_shows_its_last_run_for_each_procedure(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast, outcome="FAIL"))
    newest = create_run(
        db, cast.bench, run_in(cast, started_at="2026-11-23T00:00:00Z", ended_at="2026-11-23T00:00:01Z")
    )

    shown = show_station(db, cast.vera, cast.station.id)

    assert shown.procedures[0].last_run is not None
    assert shown.procedures[0].last_run.id == newest
    assert shown.last_run is not None
    assert [run.outcome for run in shown.recent_runs] == ["PASS", "FAIL"]
    row = find_row(db, cast.station.id)
    assert row is not None
    assert row.last_run is not None
    assert (row.last_run.id, row.last_run.serial_number) == (newest, "SN-0001")


@pytest.mark.parametrize("stations", [2, 12])
def test_the_list_takes_two_statements_however_long_it_is(
    db: Db, database: Database, cast: Cast, stations: int
) -> None:
    for number in range(stations):
        create_station(db, SYSTEM, f"More {number}", [cast.procedure.id])
    create_run(db, cast.bench, run_in(cast))

    assert count_statements(database, lambda: list_stations(db, cast.vera)) == 2


def test_the_page_of_a_station_takes_seven_statements(db: Db, database: Database, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast))

    assert count_statements(database, lambda: show_station(db, cast.vera, cast.station.id)) <= 7


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("PCBA functional test", "pcba_functional_test"),
        (" Prüfung 2.0 (neu)", "prufung_2_0_neu"),
        ("測試", "procedure"),
    ],
)
def test_an_identifier_is_made_from_the_name(db: Db, name: str, identifier: str) -> None:
    assert create_procedure(db, SYSTEM, name).identifier == identifier


def test_made_identifiers_step_aside_and_given_ones_conflict(db: Db) -> None:
    first, second = (create_procedure(db, SYSTEM, "Final test") for _ in range(2))

    assert (first.identifier, second.identifier) == ("final_test", "final_test_2")
    with pytest.raises(Conflict, match="FINAL_TEST"):
        create_procedure(db, SYSTEM, "Another", "FINAL_TEST")


@pytest.mark.parametrize("identifier", ["a b", "../up", "ü", "x" * 61, "a/b"])
def test_an_identifier_that_is_no_folder_is_refused(db: Db, identifier: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_procedure(db, SYSTEM, "Test", identifier)

    assert tuple(refused.value.issues[0].path) == ("identifier",)


def test_nobody_without_a_role_sees_anything(db: Db) -> None:
    with pytest.raises(Forbidden):
        list_stations(db, Actor("user", "x", "Nobody"))


def count_statements(database: Database, act: Callable[[], object]) -> int:
    """How many statements it takes, transactions not counted."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(statements)
