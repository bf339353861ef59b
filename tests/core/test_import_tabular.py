"""Tables: how they are read, what their rows become, and what is wrong with bad cells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_snake

from portal.database import Db
from portal.errors import BadRequest, Forbidden, NotFound
from portal.models import Attachment, FileImport, Run
from portal.services.imports.cells import Cell
from portal.services.imports.mapping import Mapping
from portal.services.imports.rows import read_runs
from portal.services.imports.table import read_table
from portal.services.imports.tabular import import_table
from portal.services.run_input import RunIn
from portal.services.runs import show_run
from tests.cast import Cast
from tests.core.uploading import uploaded

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
NOBODY = "00000000-0000-0000-0000-000000000000"
FIELDS = {
    "serial_number": {"column": "SN"},
    "outcome": {"column": "Result", "valueMap": {"good": "PASS", "bad": "FAIL"}},
    "started_at": {"column": "Start"},
    "ended_at": {"column": "End"},
    "part_number": {"value": "PCBA-9"},
}
WIDE = """SN,Result,Start,End,5 V,Firmware,Temp
A1,good,2026-01-02T10:00:00Z,2026-01-02T10:01:00Z,5.01,007,21
A2,bad,2026-01-02 10:02:00,2026-01-02 10:03:00,4.2,1.2,
"""
LONG = """SN;Result;Start;End;Phase;What;Value;Unit;Low;High
A1;good;2026-01-02T10:00:00Z;2026-01-02T10:00:30Z;rails;5 V;5,01;V;4,75;5,25
A1;bad;2026-01-02T10:00:00Z;2026-01-02T10:01:00Z;rails;3.3 V;2,9;V;3,2;
A1;good;2026-01-02T10:00:00Z;2026-01-02T10:00:45Z;radio;id;AB;;;
A1;good;2026-01-03T10:00:00Z;2026-01-03T10:01:00Z;rails;5 V;5;V;4,75;5,25
B1;good;2026-01-02T10:00:00Z;2026-01-02T10:01:00Z;rails;5 V;5;V;4,75;5,25
"""
LONG_COLUMNS = {
    "layout": "long", "nameColumn": "What", "valueColumn": "Value", "unitsColumn": "Unit", "lowerColumn": "Low",
    "upperColumn": "High", "phaseColumn": "Phase",
}  # fmt: skip


def mapping(measurements: Any = None, **more: Any) -> Mapping:
    fields = more.pop("fields", FIELDS)
    return Mapping.model_validate({"fields": fields, "measurements": measurements or {"layout": "none"}, **more})


def runs(text: str | bytes, how: Mapping) -> list[RunIn]:
    content = text.encode() if isinstance(text, str) else text
    return [RunIn.model_validate({**one, "procedure_id": NOBODY}) for one in read_runs(read_table(content), how)]


def test_a_wide_table_has_a_run_in_each_row() -> None:
    columns = [
        {"column": "5 V", "name": "rail_5v", "units": "V", "lowerLimit": 4.75, "upperLimit": 5.25, "phase": "rails"},
        {"column": "Firmware"},
        {"column": "Temp", "units": "°C"},
    ]

    first, second = runs(WIDE, mapping({"layout": "wide", "columns": columns}))

    assert (first.serial_number, first.outcome, second.outcome, first.part_number) == ("A1", "PASS", "FAIL", "PCBA-9")
    assert second.started_at == datetime(2026, 1, 2, 10, 2, tzinfo=UTC)
    assert [(phase.name, phase.outcome) for phase in first.phases] == [("rails", "PASS"), ("Measurements", "PASS")]
    rail, firmware = first.phases[0].measurements[0], first.phases[1].measurements[0]
    assert (rail.name, rail.measured_value, rail.units, rail.outcome) == ("rail_5v", 5.01, "V", "PASS")
    assert firmware.measured_value == "007"
    low = second.phases[0].measurements[0]
    assert (low.outcome, [(one.operator, one.outcome) for one in low.validators]) == (
        "FAIL", [(">=", "FAIL"), ("<=", "PASS")],
    )  # fmt: skip
    assert [one.name for one in second.phases[1].measurements] == ["Firmware"]


def test_rows_of_a_long_table_with_one_unit_and_start_are_one_run() -> None:
    first, again, other = runs(LONG, mapping(LONG_COLUMNS))

    assert [(one.serial_number, one.outcome) for one in (first, again, other)] == [
        ("A1", "FAIL"),
        ("A1", "PASS"),
        ("B1", "PASS"),
    ]
    assert first.ended_at == datetime(2026, 1, 2, 10, 1, tzinfo=UTC)
    assert [(phase.name, phase.outcome, len(phase.measurements)) for phase in first.phases] == [
        ("rails", "FAIL", 2),
        ("radio", "PASS", 1),
    ]
    found = first.phases[0].measurements[1]
    assert (found.name, found.measured_value, found.outcome, len(found.validators)) == ("3.3 V", 2.9, "FAIL", 1)
    assert first.phases[1].measurements[0].measured_value == "AB"


def test_rows_may_be_phases_with_their_own_times_and_outcomes() -> None:
    table = (
        "SN|Result|Start|End|Phase|Verdict|From|To\n"
        "A1|good|2026-01-02T10:00:00Z|2026-01-02T10:01:00Z|flash|no|2026-01-02T10:00:00Z|2026-01-02T10:00:10Z\n"
        "A1|good|2026-01-02T10:00:00Z|2026-01-02T10:01:00Z|flash|yes|2026-01-02T10:00:10Z|2026-01-02T10:00:20Z\n"
        "A1|good|2026-01-02T10:00:00Z|2026-01-02T10:01:00Z|radio|-|2026-01-02T10:00:20Z|\n"
    )
    phases = {
        "nameColumn": "Phase", "outcomeColumn": "Verdict", "startedColumn": "From", "endedColumn": "To",
        "valueMap": {"yes": "PASS", "no": "FAIL", "-": "SKIP"},
    }  # fmt: skip

    (run,) = runs(table, mapping(phases=phases))

    assert [(one.name, one.retry_count, one.outcome) for one in run.phases] == [
        ("flash", 0, "FAIL"),
        ("flash", 1, "PASS"),
        ("radio", 0, "SKIP"),
    ]
    assert (run.phases[1].started_at.second, run.phases[1].ended_at.second) == (10, 20)


def test_metadata_comes_from_columns_and_constants() -> None:
    how = mapping(
        metadata=[{"key": "temp", "column": "Temp"}, {"key": "line", "value": "L4"}],
        unitMetadata=[{"key": "fw", "column": "Firmware"}],
    )

    first, second = runs(WIDE, how)

    assert (first.metadata, first.unit_metadata) == ({"temp": 21, "line": "L4"}, {"fw": "007"})
    assert second.metadata == {"line": "L4"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_tables_are_read_however_they_were_saved(encoding: str, separator: str, ending: str) -> None:
    rows = (("Größe", 'with "quotes"', "c"), ("1", f"a{separator} b", "é"))
    text = ending.join(separator.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)

    table = read_table(text.encode(encoding))

    assert table.columns == ["Größe", 'with "quotes"', "c"]
    assert [(row.number, row.cells) for row in table.rows] == [(2, ["1", f"a{separator} b", "é"])]


def test_excels_own_way_to_name_the_separator_is_followed() -> None:
    assert read_table(b"sep=;\r\na;b,c\r\n1;2\r\n").columns == ["a", "b,c"]


@pytest.mark.parametrize("ending", ["", "\n", "\n\n"])
def test_cells_in_quotes_may_hold_lines_and_end_the_file(ending: str) -> None:
    table = read_table(f'a,b\n1,"two\nlines"\n3,"4"{ending}'.encode())

    assert [row.cells for row in table.rows] == [["1", "two\nlines"], ["3", "4"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"", "not a table"),
        (b"SN,Result,Start,End\n", "not a table"),
        (WIDE.replace("A2,", '"A2,').encode(), "ends inside a cell in quotes, which row 3 began"),
        (WIDE.encode() + b'A3,good,"', "ends inside a cell in quotes, which row 4 began"),
        (b"\xff\xfea", "UTF-16"),
        (WIDE.replace("A1,", "A1,9,9,9,").encode(), "Row 2 has 10 cells: the header has 7"),
        (WIDE.replace("Temp", "SN").encode(), "several columns 'SN'"),
        (WIDE.replace("Result", "Verdict").encode(), r"no column 'Result'. Its columns are: 'SN', 'Verdict', 'Start'"),
        (WIDE.replace("A2,bad", "A2,maybe").encode(), "Row 3, column 'Result': 'maybe' is no outcome"),
        (WIDE.replace("2026-01-02 10:03:00", "02/01/2026 10:03").encode(), "Row 3, column 'End': '02/01/2026 10:03'"),
        (WIDE.replace("2026-01-02 10:02:00", "").encode(), "Row 3, column 'Start'"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(content: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        runs(content, mapping())


def test_a_bad_limit_and_a_contradiction_name_their_rows() -> None:
    phase_as_part = mapping(LONG_COLUMNS, fields=FIELDS | {"part_number": {"column": "Phase"}})

    with pytest.raises(BadRequest, match="Row 2, column 'Low': 'x' is no number"):
        runs(LONG.replace("4,75", "x", 1), mapping(LONG_COLUMNS))
    with pytest.raises(BadRequest, match="Row 3 has part_number 'radio', and row 2"):
        runs(LONG.replace("rails;3.3 V", "radio;3.3 V"), phase_as_part)


@pytest.mark.parametrize("text", ["high", "true", "5 V", "5,01"])
def test_what_has_limits_is_a_number_or_refused(db: Db, cast: Cast, text: str) -> None:
    wide = mapping({"columns": [{"column": "5 V", "lowerLimit": 4.75}]})
    long = LONG.replace(";5,01;V;4,75", f";{text.replace(',', '.')} ?;V;4,75")
    wide_id = uploaded(db, cast.dev, WIDE.replace("5.01", f'"{text}"').encode())
    long_id = uploaded(db, cast.dev, long.encode())

    with pytest.raises(BadRequest, match=f"Row 2, column '5 V': '{text}' is no number, and has limits"):
        import_table(db, cast.dev, wide_id, cast.procedure.id, wide)
    with pytest.raises(BadRequest, match=r"Row 2, column 'Value': '.*' is no number, and has limits"):
        import_table(db, cast.dev, long_id, cast.procedure.id, mapping(LONG_COLUMNS))

    assert db.session.query(Run).count() == 0


@pytest.mark.parametrize(("text", "value", "outcome"), [("005", 5, "PASS"), ("nan", None, "UNSET")])
def test_numbers_with_leading_zeros_have_limits_and_what_could_not_be_measured_has_no_value(
    text: str, value: float | None, outcome: str
) -> None:
    wide = mapping({"columns": [{"column": "5 V", "lowerLimit": 4.75}]})

    found = runs(WIDE.replace("5.01", text), wide)[0].phases[0].measurements[0]

    assert (found.measured_value, found.outcome) == (value, outcome)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-22T13:05:09+01:00", datetime(2026, 11, 22, 12, 5, 9, tzinfo=UTC)),
        ("22.11.2026 9:05", datetime(2026, 11, 22, 9, 5, tzinfo=UTC)),
        ("22.11.2026 13:05:09,250", datetime(2026, 11, 22, 13, 5, 9, 250_000, UTC)),
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000500", datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)),
    ],
)
def test_times_are_read_in_ways_that_mean_one_thing(text: str, found: datetime) -> None:
    assert Cell(text, 2, "at", has_decimal_comma=False).time() == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("5", 5), ("-1.5e3", -1500.0), (".5", 0.5), ("0", 0), ("007", "007"), ("TRUE", True), ("nan", None), ("", None),
     ("1,5", "1,5"), ("12345678901234567890", 12345678901234567890.0), ("1e999", None), ("AB", "AB")],
)  # fmt: skip
def test_values_are_numbers_where_they_look_like_it(text: str, found: object) -> None:
    value = Cell(text, 2, "value", has_decimal_comma=False).value()

    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": {key: FIELDS[key] for key in ("serial_number", "outcome", "started_at")}},
        {"fields": FIELDS | {"serial_number": {"column": "SN", "value": "x"}}},
        {"fields": FIELDS | {"serial_number": {}}},
        {"fields": FIELDS | {"outcome": {"value": "GREAT"}}},
        {"measurements": {"layout": "tall"}},
        {"measurements": {"layout": "wide", "columns": []}},
        {"measurements": {"layout": "long", "nameColumn": "a"}},
        {"metadata": [{"key": "a"}]},
    ],
)
def test_a_mapping_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Mapping.model_validate({"fields": FIELDS, "measurements": {"layout": "none"}} | wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"measurements": {"columns": [{"column": "5 V", "lowerlimit": 4.75}]}}, "'lowerlimit'.*lowerLimit"),
        ({"measurements": {"columns": [{"column": "5 V", "lowerLimit": 4.75, "lower_limit": 4}]}}, "both spellings"),
        ({"measurements": {"nameColumn": "a", "valueColumn": "b", "lowColumn": "c"}}, "'lowColumn'.*lowerColumn"),
        ({"measurements": {"colums": []}}, "'colums'"),
        ({"fields": FIELDS | {"serialnumber": {"column": "SN"}}}, "'serialnumber'"),
        ({"fields": FIELDS | {"outcome": {"column": "Result", "value_mapping": {}}}}, "'value_mapping'.*valueMap"),
        ({"phases": {"nameColumn": "Phase", "ended": "End"}}, "'ended'"),
        ({"metadata": [{"key": "a", "value": "b", "unit": "V"}]}, "'unit'"),
        ({"unitmetadata": []}, "'unitmetadata'.*unitMetadata"),
    ],
)
def test_a_key_that_does_not_exist_is_refused_and_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Mapping.model_validate({"fields": FIELDS, "measurements": {"layout": "none"}} | wrong)


def test_both_spellings_of_a_key_mean_the_same() -> None:
    def snake(value: Any) -> Any:
        if isinstance(value, list):
            return [snake(one) for one in value]
        if isinstance(value, dict):
            return {to_snake(key): snake(one) for key, one in value.items()}
        return value

    whole = {
        "phases": {"nameColumn": "Phase", "valueMap": {"yes": "PASS"}},
        "unitMetadata": [{"key": "a", "value": "b"}],
    }
    wide = {"columns": [{"column": "5 V", "lowerLimit": 4.75, "upperLimit": 5.25}]}
    for measurements in (wide, LONG_COLUMNS, {key: LONG_COLUMNS[key] for key in ("nameColumn", "valueColumn")}):
        given = {"fields": FIELDS, "measurements": measurements, **whole}
        assert Mapping.model_validate(snake(given)) == Mapping.model_validate(given)


def test_the_layout_follows_from_its_columns_where_it_is_not_said() -> None:
    adapter = TypeAdapter(Mapping)
    for measurements, layout in (
        ({}, "none"),
        ({"columns": [{"column": "a"}]}, "wide"),
        ({"nameColumn": "a", "valueColumn": "b"}, "long"),
    ):
        found = adapter.validate_python({"fields": FIELDS, "measurements": measurements})
        assert found.measurements.layout == layout


def test_a_table_is_stored_whole_or_not_at_all(db: Db, cast: Cast) -> None:
    upload_id = uploaded(db, cast.dev, WIDE.encode(), "runs.csv")
    without_part = mapping(fields={key: value for key, value in FIELDS.items() if key != "part_number"})
    with pytest.raises(BadRequest, match="part number"):
        import_table(db, cast.dev, upload_id, cast.procedure.id, without_part)
    assert db.session.query(Run).count() == 0

    made = import_table(db, cast.dev, upload_id, cast.procedure.id, mapping())

    first, second = (show_run(db, cast.vera, run_id) for run_id in made.run_ids)
    assert (first.serial_number, second.serial_number) == ("A1", "A2")
    assert second.metadata == {"report_run_id": first.id}
    report = db.session.get_one(Attachment, upload_id)
    assert (report.run_id, report.is_report) == (first.id, True)
    note = db.session.get_one(FileImport, made.file_import_id)
    assert (note.importer, note.run_ids) == ("TABULAR", made.run_ids)


def test_stations_import_for_their_procedures_only_and_nobody_into_nothing(db: Db, cast: Cast) -> None:
    def imported(actor: Any, procedure_id: str, how: Mapping | None) -> object:
        return import_table(db, actor, uploaded(db, cast.bench, WIDE.encode()), procedure_id, how)

    assert imported(cast.bench, cast.procedure.id, mapping())
    with pytest.raises(Forbidden, match="not authorized"):
        imported(cast.bench, cast.other_procedure.id, mapping())
    with pytest.raises(NotFound, match="upload"):  # another station's file
        imported(cast.otto, cast.other_procedure.id, mapping())
    with pytest.raises(NotFound, match="procedure"):
        imported(cast.dev, NOBODY, mapping())
    with pytest.raises(NotFound, match="template"):
        imported(cast.dev, cast.procedure.id, None)
    with pytest.raises(Forbidden):
        imported(cast.vera, cast.procedure.id, mapping())


CELLS = st.text(max_size=8) | st.sampled_from(["A1", "good", "2026-01-02T10:00:00Z", "1700000000", "5,1", "9e999"])


@PATIENT
@given(st.binary(max_size=200) | st.lists(st.lists(CELLS, min_size=4, max_size=7)).map(
    lambda rows: "\n".join(["SN,Result,Start,End,What,Value,Low", *(",".join(row) for row in rows)]).encode()
))  # fmt: skip
def test_no_table_is_too_odd_to_be_refused_in_a_sentence(content: bytes) -> None:
    how = mapping({"layout": "long", "nameColumn": "What", "valueColumn": "Value", "lowerColumn": "Low"})
    try:
        found = read_runs(read_table(content), how)
    except BadRequest as refused:
        assert refused.message.endswith(".")  # noqa: PT017
    else:
        assert found
