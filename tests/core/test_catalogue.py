"""Units and parts on both database engines: trees, moves, pages, how much is asked, and by which index."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from portal.database import Database, Db
from portal.errors import BadRequest, Conflict, Forbidden, NotFound
from portal.models import Attachment, AuditEntry, Part, Revision, Unit
from portal.services.batches import delete_batch
from portal.services.paging import Place
from portal.services.parts import NewPart, PartChanges, PartQuery, create_part, delete_part, list_parts, update_part
from portal.services.revisions import RevisionChanges, update_revision
from portal.services.run_removal import delete_runs
from portal.services.runs import create_run, show_run
from portal.services.unit_children import add_child, remove_child, show_tree
from portal.services.unit_details import show_unit
from portal.services.unit_lists import list_units
from portal.services.unit_lookup import find_unit
from portal.services.unit_queries import UnitQuery
from portal.services.units import NewUnit, UnitChanges, attach_to_unit, create_unit, delete_units, update_unit
from portal.services.yields import Yield, yield_of_batch, yields_of_part
from tests.cast import NOON, Cast, run_in

AtOnce = Callable[..., list[object]]


def made(db: Db, cast: Cast, serial: str, part: str = "PCB-1", revision: str = "A") -> Unit:
    return create_unit(db, cast.dev, NewUnit(serial, part, revision))


def upload(db: Db, cast: Cast, serial: str, minute: int = 0, **facts: Any) -> str:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return create_run(db, cast.bench, run_in(cast, serial_number=serial, started_at=at, ended_at=at, **facts))


@contextlib.contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    seen: list[str] = []

    def note(*facts: Any) -> None:
        seen.append(facts[2])

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_run_keeps_the_part_that_its_unit_had(db: Db, cast: Cast) -> None:
    run_id = upload(db, cast, "SN-1", part_number="OLD", batch_number="B-1")

    update_unit(db, cast.dev, "sn-1", UnitChanges(part_number="NEW", batch_number="B-2"))

    unit, run = show_unit(db, cast.vera, "SN-1"), show_run(db, cast.vera, run_id)
    assert (unit.part.name, unit.revision.name, unit.batch and unit.batch.name) == ("NEW", "A", "B-2")
    assert (run.part.name, run.batch_number) == ("OLD", "B-1")


def test_the_first_spelling_is_kept(db: Db, cast: Cast) -> None:
    made(db, cast, "Sn-1", "Pcb", "RevA")

    made(db, cast, "sn-2", "PCB", "reva")

    assert db.session.scalars(select(Part.number)).all() == ["Pcb"]
    assert show_unit(db, cast.dev, "SN-2").revision.name == "RevA"
    with pytest.raises(Conflict):
        made(db, cast, "sN-1")


def test_of_a_refused_change_nothing_stays(db: Db, cast: Cast) -> None:
    made(db, cast, "SN-1")
    entries = db.session.scalar(select(func.count()).select_from(AuditEntry))

    for changes in (
        UnitChanges(part_number="P-2", metadata={f"k{n}": n for n in range(51)}),
        UnitChanges(part_number="P-2", attachments=("00000000-0000-0000-0000-000000000000",)),
    ):
        with pytest.raises((BadRequest, NotFound)):
            update_unit(db, cast.dev, "SN-1", changes)

    assert db.session.scalars(select(Part.number)).all() == ["PCB-1"]
    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == entries


def test_a_circle_of_units_is_refused_also_when_both_halves_come_at_once(
    database: Database, db: Db, cast: Cast, at_once: AtOnce
) -> None:
    for serial in ("A", "B"):
        made(db, cast, serial)

    def build(outer: str, inner: str) -> Callable[[], object]:
        def act() -> object:
            with database.open() as own:
                return add_child(own, cast.bench, outer, inner).serial_number

        return act

    results = at_once(build("A", "B"), build("B", "A"))

    assert sum(isinstance(one, str) for one in results) == 1, results


def test_the_tree_goes_up_and_down_in_two_statements(database: Database, db: Db, cast: Cast) -> None:
    chain = [f"U-{number:02}" for number in range(12)]
    for serial in chain:
        made(db, cast, serial)
    for outer, inner in itertools.pairwise(chain):
        add_child(db, cast.dev, outer, inner)
    upload(db, cast, "U-06", outcome="FAIL")
    unit = find_unit(db, "U-04")

    with statements(database) as asked:
        tree = show_tree(db, cast.vera, unit)

    assert [(row.serial_number, row.depth) for row in tree.rows] == [
        (f"U-{number:02}", number - 4) for number in range(11)
    ]
    assert [row.serial_number for row in tree.rows if row.has_more] == ["U-10"]
    assert {row.serial_number: row.outcome for row in tree.rows}["U-06"] == "FAIL"
    assert (tree.is_cut, len([one for one in asked if "SELECT" in one])) == (False, 2)
    with pytest.raises(BadRequest):
        add_child(db, cast.dev, "U-11", "U-00")
    remove_child(db, cast.dev, "U-05", "U-06")
    assert next(row.serial_number for row in show_tree(db, cast.vera, find_unit(db, "U-06")).rows) == "U-06"


def test_a_removed_unit_takes_its_files_along_and_lets_its_children_go(db: Db, cast: Cast) -> None:
    outer, inner = made(db, cast, "OUT"), made(db, cast, "IN")
    add_child(db, cast.dev, "OUT", "IN")
    attach_to_unit(db, cast.dev, "OUT", "a.txt")

    assert delete_units(db, cast.dev, ["out", "OUT"]) == [outer.id]

    assert db.session.scalars(select(Attachment.id)).all() == []
    assert find_unit(db, "IN").parent_id is None
    assert find_unit(db, "IN").id == inner.id
    for who in (cast.bench, cast.vera, cast.olga):
        with pytest.raises(Forbidden):
            delete_units(db, who, ["IN"])


def test_a_unit_can_be_removed_once_its_runs_are(db: Db, cast: Cast) -> None:
    run_id = upload(db, cast, "SN-1")
    with pytest.raises(Conflict, match="has runs"):
        delete_units(db, cast.dev, ["SN-1"])

    delete_runs(db, cast.dev, [run_id])
    delete_units(db, cast.dev, ["SN-1"])

    with pytest.raises(NotFound):
        show_unit(db, cast.dev, "SN-1")


def test_a_part_is_removed_when_nothing_uses_it(db: Db, cast: Cast) -> None:
    create_part(db, cast.bench, NewPart("P-1", revision_number="R"))
    made(db, cast, "SN-1", "P-1", "R")
    with pytest.raises(Conflict, match="has units"):
        delete_part(db, cast.dev, "p-1")
    delete_units(db, cast.dev, ["SN-1"])

    part_id, revision_ids = delete_part(db, cast.dev, "p-1")

    assert (len(part_id), len(revision_ids)) == (36, 1)
    assert db.session.scalars(select(Revision.id)).all() == []


def test_two_that_take_the_same_number_at_once_are_one_and_a_conflict(
    database: Database, db: Db, cast: Cast, at_once: AtOnce
) -> None:
    for number in ("P-1", "P-2"):
        create_part(db, cast.dev, NewPart(number))
        made(db, cast, f"U{number}", number)

    def rename(act: Callable[[Db], object]) -> Callable[[], object]:
        def run() -> object:
            with database.open() as own:
                return act(own)

        return run

    parts = at_once(
        *(rename(lambda own, n=n: update_part(own, cast.dev, n, PartChanges("P-9")).id) for n in ("P-1", "P-2"))
    )
    units = at_once(
        *(rename(lambda own, n=n: update_unit(own, cast.dev, f"U{n}", UnitChanges("U-9")).id) for n in ("P-1", "P-2"))
    )

    for results in (parts, units):
        assert sorted(type(one).__name__ for one in results) == ["Conflict", "str"], results


def test_revisions_of_one_part_do_not_share_a_number(db: Db, cast: Cast) -> None:
    made(db, cast, "SN-1", "P-1", "A")
    made(db, cast, "SN-2", "P-1", "B")

    with pytest.raises(Conflict, match="revision A"):
        update_revision(db, cast.dev, "P-1", "B", RevisionChanges(number="a"))


def test_units_without_runs_come_last_and_each_row_once(db: Db, cast: Cast) -> None:
    for number in range(4):
        made(db, cast, f"NEW-{number}")
        upload(db, cast, f"RUN-{number}", minute=number // 2)

    for is_descending in (True, False):
        seen: list[str] = []
        cursor = 0
        while True:
            page = list_units(db, cast.vera, UnitQuery(), Place("last_run_at", is_descending, 3, cursor))
            seen += [row.serial_number for row in page.items]
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
        expected = ["RUN-3", "RUN-2", "RUN-1", "RUN-0", "NEW-3", "NEW-2", "NEW-1", "NEW-0"]
        assert seen == (expected if is_descending else expected[::-1])


@pytest.mark.parametrize("sort_by", ["created_at", "serial_number", "last_run_at", "part_number", "last_run_procedure"])
def test_a_list_of_units_asks_as_much_for_many_as_for_few(database: Database, db: Db, cast: Cast, sort_by: str) -> None:
    query = UnitQuery(part_numbers=("PCBA-100",), outcomes=("PASS",), latest_only=True, samples=("production",))
    counts = []
    for start in (0, 3):
        for number in range(start, start + 3 + start):
            made(db, cast, f"IN-{number}")
            upload(db, cast, f"SN-{number}", sub_units=[f"IN-{number}"])
        with statements(database) as asked:
            page = list_units(db, cast.vera, query, Place(sort_by))
        counts.append(len([one for one in asked if "SELECT" in one]))
        assert [len(row.children) for row in page.items] == [1] * (3 + 2 * start)
    assert counts[0] == counts[1] <= 5


def test_a_unit_and_a_list_of_parts_ask_a_fixed_number_of_times(database: Database, db: Db, cast: Cast) -> None:
    for number in range(5):
        made(db, cast, f"IN-{number}", f"P-{number}")
        upload(db, cast, "SN-1", number, sub_units=[f"IN-{number}"])

    with statements(database) as for_unit:
        unit = show_unit(db, cast.vera, "SN-1")
    with statements(database) as for_parts:
        parts = list_parts(db, cast.vera, PartQuery(), Place("number"))

    assert (len(unit.children), len(parts.items)) == (5, 6)
    assert len([one for one in for_unit if "SELECT" in one]) == 7
    assert len([one for one in for_parts if "SELECT" in one]) == 2


def test_yield_is_of_the_last_runs_and_without_golden_units(db: Db, cast: Cast) -> None:
    upload(db, cast, "SN-1", 0, outcome="FAIL", batch_number="B")
    upload(db, cast, "SN-1", 5, batch_number="B")
    upload(db, cast, "SN-2", 1, outcome="FAIL", batch_number="B")
    upload(db, cast, "SN-3", 1, outcome="FAIL", batch_number="B")
    update_unit(db, cast.dev, "SN-3", UnitChanges(sample="golden"))
    made(db, cast, "SN-4", "PCBA-100")
    unit = find_unit(db, "SN-1")
    part_id = db.session.scalars(select(Part.id)).one()

    assert yields_of_part(db, cast.vera, part_id) == {unit.revision_id: Yield(4, 2, 1)}
    assert yield_of_batch(db, cast.vera, unit.batch_id or "") == Yield(3, 2, 1)
    assert Yield(4, 2, 1).percent == 50
    assert Yield().percent is None
    delete_batch(db, cast.dev, "B")
    assert yield_of_batch(db, cast.vera, unit.batch_id or "") == Yield()


@pytest.mark.parametrize(
    ("query", "place", "index"),
    [
        (UnitQuery(), Place("created_at"), "ix_units_created_at_id"),
        (UnitQuery(), Place("last_run_at"), "ix_units_last_run_at_id"),
        (UnitQuery(), Place("serial_number"), "sqlite_autoindex_units_2"),
        (UnitQuery(part_numbers=("PCB-1",)), Place("created_at"), "ix_units_revision_id_created_at_id"),
        (UnitQuery(batch_numbers=("B",)), Place("created_at"), "ix_units_batch_id_created_at_id"),
        (UnitQuery(serial_numbers=("SN-1",)), Place("created_at"), "sqlite_autoindex_units_2"),
        (UnitQuery(outcomes=("FAIL",), latest_only=True), Place("created_at"), "ix_units_created_at_id"),
    ],
)
def test_an_index_serves_the_list_in_its_order(
    database: Database, db: Db, cast: Cast, query: UnitQuery, place: Place, index: str
) -> None:
    if not database.is_sqlite:
        return  # with so few rows PostgreSQL rightly reads the whole table
    made(db, cast, "SN-1")
    update_unit(db, cast.dev, "SN-1", UnitChanges(batch_number="B"))
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        asked.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    list_units(db, cast.vera, query, place)
    event.remove(database.engine, "before_cursor_execute", note)

    statement, values = next(one for one in asked if "_ordinal" in one[0])
    with database.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any(f"units USING INDEX {index}" in line or f"{index} (" in line for line in plan), plan
    is_single = query.serial_numbers != ()
    assert is_single or not any("TEMP B-TREE FOR ORDER BY" in line for line in plan), plan


def test_metadata_and_numbers_are_stored_as_they_came(db: Db, cast: Cast) -> None:
    create_part(db, cast.dev, NewPart("P-1", "Board", None, {"pi": 3.5, "ok": True, "n": 4}))

    (row,) = list_parts(db, cast.vera, PartQuery(search="board"), Place("name")).items

    assert row.metadata == {"pi": 3.5, "ok": True, "n": 4}
    assert db.session.execute(text("SELECT count(*) FROM revisions")).scalar_one() == 1
