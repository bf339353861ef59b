from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from sqlalchemy import func, select

from portal.announcements import RunStored
from portal.database import Database, Db
from portal.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound
from portal.models import Batch, Part, Revision, Run, Unit
from portal.services.run_details import find_run
from portal.services.runs import RunQuery, create_run, last_result, list_runs, show_run
from tests.cast import NOON, Cast, run_in

PHASE = {
    "name": "rails",
    "outcome": "FAIL",
    "started_at": "2026-11-22T12:00:00Z",
    "ended_at": "2026-11-22T12:00:01.5Z",
    "measurements": [
        {
            "name": "rail_5v",
            "outcome": "FAIL",
            "measured_value": 4.2,
            "units": "V",
            "validators": [{"outcome": "FAIL", "operator": ">=", "expected_value": 4.75}],
        },
        {"name": "serial", "outcome": "PASS", "measured_value": "AB12"},
        {
            "name": "sweep",
            "outcome": "UNSET",
            "x_axis": {"name": "f", "units": "Hz", "data": [1, 10, 100]},
            "y_axis": [{"name": "gain", "units": "dB", "data": [0.5, None, -3]}],
        },
    ],
}


def test_a_record_comes_back_as_it_was_sent(db: Db, database: Database, cast: Cast) -> None:
    heard: list[object] = []
    database.listen(heard.append)
    logs = [
        {
            "level": "INFO",
            "timestamp": "2026-11-22T12:00:00.25Z",
            "message": "hello",
            "source_file": "main.py",
            "line_number": 3,
        }
    ]

    run_id = create_run(
        db,
        cast.bench,
        run_in(
            cast, phases=[PHASE], logs=logs, execution_id="e1", operated_by="OLGA@example.com", batch_number="B-1",
            revision_number="C", procedure_version="v1", metadata={"simulated": True, "line": 2}, docstring="why",
        ),
    )  # fmt: skip

    run = show_run(db, cast.vera, run_id)
    assert (run.outcome, run.duration_ms, run.serial_number, run.part_number) == ("PASS", 12_500, "SN-0001", "PCBA-100")
    assert (run.revision_number, run.batch_number, run.procedure_version) == ("C", "B-1", "v1")
    assert (run.operated_by, run.is_simulated, run.metadata) == (
        "olga@example.com",
        True,
        {"simulated": True, "line": 2},
    )
    assert run.station is not None
    assert run.station.name == "Bench 7"
    assert run.started_at == NOON
    assert run.started_at.tzinfo is UTC
    rail, serial, sweep = run.phases[0].measurements
    assert (run.phases[0].duration_ms, run.phases[0].attempt) == (1500, 1)
    assert (rail.measured_value, rail.units, rail.validators[0]["expression"]) == (4.2, "V", "x >= 4.75")
    assert serial.measured_value == "AB12"
    assert sweep.x_axis is not None
    assert (sweep.x_axis.data, sweep.x_axis.units) == ([1, 10, 100], "Hz")
    assert sweep.y_axis[0].data == [0.5, None, -3]
    assert (run.logs[0].message, run.logs[0].line_number) == ("hello", 3)
    assert heard == [RunStored(run_id, cast.station.id, "e1")]


def test_names_are_the_same_whatever_their_case_and_keep_their_first_spelling(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast, batch_number="B-1", revision_number="Rev-A"))
    run_id = create_run(
        db,
        cast.bench,
        run_in(cast, serial_number="sn-0001", part_number="pcba-100", batch_number="b-1", revision_number="REV-a"),
    )

    run = show_run(db, cast.vera, run_id)
    assert (run.serial_number, run.part_number, run.batch_number, run.revision_number) == (
        "SN-0001", "PCBA-100", "B-1", "Rev-A",
    )  # fmt: skip
    assert [count(db, table) for table in (Unit, Part, Batch, Revision)] == [1, 1, 1, 1]
    assert len(run.previous_runs) == 1


def test_a_unit_moves_to_the_part_that_is_named_and_its_history_stays(db: Db, cast: Cast) -> None:
    before = create_run(db, cast.bench, run_in(cast, part_number="OLD"))
    after = create_run(db, cast.bench, run_in(cast, part_number="NEW"))
    unnamed = create_run(db, cast.bench, run_in(cast, part_number=None))

    assert [show_run(db, cast.vera, one).part_number for one in (before, after, unnamed)] == ["OLD", "NEW", "NEW"]
    assert count(db, Unit) == 1


def test_a_new_unit_needs_a_part(db: Db, cast: Cast) -> None:
    with pytest.raises(BadRequest, match="part number is missing"):
        create_run(db, cast.dev, run_in(cast, part_number=None))
    assert count(db, Run) == count(db, Unit) == 0


def test_a_stations_new_unit_without_a_part_is_filed_under_the_procedure(db: Db, cast: Cast) -> None:
    filed = show_run(db, cast.vera, create_run(db, cast.bench, run_in(cast, part_number=None)))
    named = show_run(db, cast.vera, create_run(db, cast.bench, run_in(cast, execution_id=None)))
    kept = show_run(db, cast.vera, create_run(db, cast.bench, run_in(cast, part_number=None, execution_id=None)))

    assert filed.part_number == filed.procedure.identifier
    assert kept.part_number == named.part_number != filed.part_number


def test_a_declared_operator_is_kept_as_a_name(db: Db, cast: Cast) -> None:
    run_id = create_run(db, cast.bench, run_in(cast, operated_by="Night shift"))

    operator = show_run(db, cast.vera, run_id).operator
    assert operator is not None
    assert (operator.id, operator.name, operator.email) == (None, "Night shift", None)


def test_an_end_before_the_start_is_refused(db: Db, cast: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        create_run(db, cast.bench, run_in(cast, ended_at="2026-11-22T11:59:59Z"))

    assert refused.value.status == 422
    assert tuple(refused.value.issues[0].path) == ("ended_at",)


def test_a_station_stores_runs_of_its_procedures_only(db: Db, cast: Cast) -> None:
    for procedure_id in (cast.procedure.id, "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(Forbidden, match="not authorized"):
            create_run(db, cast.otto, run_in(cast, procedure_id=procedure_id))
    for actor in (cast.vera, cast.olga):
        with pytest.raises(Forbidden):
            create_run(db, actor, run_in(cast))
    with pytest.raises(NotFound, match="procedure"):
        create_run(db, cast.dev, run_in(cast, procedure_id="00000000-0000-0000-0000-000000000000"))
    assert count(db, Run) == 0
    assert create_run(db, cast.dev, run_in(cast))


def test_two_records_that_bring_the_same_new_part_make_one(
    database: Database, cast: Cast, at_once: Callable[..., list[object]]
) -> None:
    def upload(serial: str) -> str:
        with database.open() as own:
            return create_run(
                own, cast.bench,
                run_in(cast, serial_number=serial, part_number="FRESH", batch_number="B", procedure_version="v9"),
            )  # fmt: skip

    results = at_once(*[lambda n=n: upload(f"SN-{n}") for n in range(6)])

    assert all(isinstance(result, str) for result in results), results
    with database.open() as own:
        assert [count(own, table) for table in (Part, Revision, Batch, Unit, Run)] == [1, 1, 1, 6, 6]


def test_an_execution_has_one_run_for_each_slot(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast, execution_id="e1"))
    create_run(db, cast.bench, run_in(cast, execution_id="e1", slot_key="left"))
    create_run(db, cast.bench, run_in(cast, execution_id="e1", slot_key="right", slot_name="Right"))

    for slot in ({}, {"slot_key": "left"}):
        with pytest.raises(Conflict, match="execution"):
            create_run(db, cast.bench, run_in(cast, execution_id="e1", **slot))
    assert count(db, Run) == 3


def test_a_client_reference_again_gives_the_first_run(db: Db, cast: Cast) -> None:
    first = create_run(db, cast.dev, run_in(cast, client_run_ref="mes-1"))

    assert create_run(db, cast.dev, run_in(cast, client_run_ref="mes-1", outcome="FAIL")) == first
    assert count(db, Run) == 1


def test_sub_units_are_built_in_and_never_into_themselves(db: Db, cast: Cast) -> None:
    create_run(db, cast.bench, run_in(cast, serial_number="CHILD", part_number="P"))
    run_id = create_run(db, cast.bench, run_in(cast, serial_number="TOP", sub_units=["child"]))

    assert [unit.serial_number for unit in show_run(db, cast.vera, run_id).sub_units] == ["CHILD"]
    with pytest.raises(BadRequest, match="part of itself"):
        create_run(db, cast.bench, run_in(cast, serial_number="CHILD", sub_units=["TOP"]))
    with pytest.raises(NotFound, match="nowhere"):
        create_run(db, cast.bench, run_in(cast, serial_number="TOP", sub_units=["nowhere"]))


def test_attempts_of_a_phase_stay_in_order(db: Db, cast: Cast) -> None:
    phases = [PHASE | {"retry_count": 0}, PHASE | {"retry_count": 1, "outcome": "PASS", "measurements": None}]

    run = show_run(db, cast.vera, create_run(db, cast.bench, run_in(cast, phases=phases)))

    assert [(phase.attempt, phase.outcome, len(phase.measurements)) for phase in run.phases] == [
        (1, "FAIL", 3),
        (2, "PASS", 0),
    ]


def test_a_thousand_phases_are_stored_whole(db: Db, cast: Cast) -> None:
    phases = [PHASE | {"name": f"phase {n}"} for n in range(1000)]

    run = show_run(db, cast.vera, create_run(db, cast.bench, run_in(cast, phases=phases)))

    assert [phase.name for phase in run.phases] == [f"phase {n}" for n in range(1000)]


def test_lists_are_narrowed_by_what_is_given(db: Db, cast: Cast) -> None:
    passed = create_run(db, cast.bench, run_in(cast))
    failed = create_run(db, cast.bench, run_in(cast, outcome="FAIL", serial_number="SN-2"))
    other = create_run(
        db, cast.otto, run_in(cast, procedure_id=cast.other_procedure.id, started_at="2026-11-01T00:00:00Z")
    )

    def found(**query: object) -> set[str]:
        return {run.id for run in list_runs(db, cast.vera, RunQuery(**query)).items}

    assert found() == {passed, failed, other}
    assert found(serial_number=" sn-0001 ") == {passed, other}
    assert found(outcome="FAIL") == {failed}
    assert found(station_id=cast.station.id) == {passed, failed}
    assert found(procedure_id=cast.other_procedure.id) == {other}
    assert found(started_after=NOON) == {passed, failed}
    assert found(started_before=NOON - timedelta(days=1)) == {other}
    assert found(outcomes=("PASS", "FAIL"), station_ids=(cast.station.id,)) == {passed, failed}
    assert found(ids=("nonsense",)) == found(serial_number="\0") == found(outcome="nonsense\0") == set()
    newest = last_result(db, "sn-2")
    assert newest is not None
    assert newest.id == failed
    assert last_result(db, "nobody") is None


@pytest.mark.parametrize("wrong", ["nonsense", "00000000-0000-0000-0000-000000000000", "\0"])
def test_an_unknown_run_is_not_found(db: Db, cast: Cast, wrong: str) -> None:
    with pytest.raises(NotFound):
        show_run(db, cast.vera, wrong)
    with pytest.raises(NotFound):
        find_run(db, cast.vera, wrong)


def test_a_moment_that_does_not_fit_is_kept_to_the_microsecond(db: Db, cast: Cast) -> None:
    for started_at in ("1969-07-20T20:17:40.123456Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"):
        run = run_in(cast, started_at=started_at, ended_at=started_at)
        assert show_run(db, cast.vera, create_run(db, cast.bench, run)).started_at == run.started_at


def count(db: Db, table: type[object]) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0
