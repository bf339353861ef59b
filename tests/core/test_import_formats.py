"""Reports of other test systems: a sample of each, and what is wrong with bad ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.errors import BadRequest
from portal.services.imports.drafts import Parsed
from portal.services.imports.formats import READERS, Importer, parse
from portal.services.imports.limits import compared
from portal.services.imports.steps import Step, lay_out
from portal.services.run_input import MeasurementIn, RunIn
from tests.cast import NOON

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
SAMPLES = Path(__file__).parent / "import_samples"
NOBODY = "00000000-0000-0000-0000-000000000000"
FILES: dict[Importer, str] = {
    "WATS": "wats.json", "WSXF": "wsxf.xml", "ATML": "atml.xml", "TESTSTAND": "teststand.xml", "ATDF": "lot.atdf",
}  # fmt: skip


def sample(importer: Importer) -> bytes:
    return (SAMPLES / FILES[importer]).read_bytes()


def runs(parsed: Parsed) -> list[RunIn]:
    return [draft.as_run(NOBODY) for draft in parsed.drafts]


def phases(run: RunIn) -> list[tuple[str | None, str, int, str]]:
    return [(one.sequence_path, one.name, one.retry_count, one.outcome) for one in run.phases]


def measured(run: RunIn) -> dict[str, MeasurementIn]:
    return {one.name: one for phase in run.phases for one in phase.measurements}


def limits(one: MeasurementIn) -> list[tuple[object, object, object]]:
    return [(limit.operator, limit.expected_value, limit.outcome) for limit in one.validators]


@pytest.mark.parametrize("importer", ["WATS", "WSXF"])
@pytest.mark.parametrize("form", ["WATS", "WSXF"])
def test_a_report_of_wats_says_the_same_in_both_forms(importer: Importer, form: Importer) -> None:
    parsed = parse(importer, sample(form))

    (run,) = runs(parsed)
    assert parsed.drafts[0].procedure.name == "ICT"
    assert parsed.warnings == (["Repair reports were left out: 1."] if form == "WSXF" else [])
    assert (run.serial_number, run.part_number, run.revision_number, run.outcome) == (
        "W-1001", "PCBA-200", "B", "FAIL",
    )  # fmt: skip
    assert (run.batch_number, run.operated_by, run.procedure_version) == ("LOT-7-24", "olga@example.com", "3.1")
    assert run.started_at == datetime(2024, 1, 15, 10, 30, 0, 250_000, UTC)
    assert run.ended_at - run.started_at == timedelta(seconds=12.5)
    assert [(one.path, one.name, one.outcome) for one in run.sequences] == [("Power_rails", "Power/rails", "FAIL")]
    assert phases(run) == [
        ("Power_rails", "5 V", 0, "PASS"),
        ("Power_rails", "Noise", 0, "FAIL"),
        (None, "Firmware", 0, "PASS"),
        (None, "LED", 0, "PASS"),
        (None, "Release", 0, "SKIP"),
    ]
    assert run.phases[0].docstring == "with load"
    assert run.phases[1].started_at == run.phases[0].ended_at == datetime(2024, 1, 15, 10, 30, 1, 500_000, UTC)
    found = measured(run)
    assert {name: one.measured_value for name, one in found.items()} == {
        "5 V": 5.02, "low band": 3, "high band": 30, "Firmware": "1.4.2", "LED": True,
    }  # fmt: skip
    assert limits(found["5 V"]) == [(">=", 4.75, "PASS"), ("<=", 5.25, "PASS")]
    assert limits(found["high band"]) == [("<", 10, "FAIL")]
    assert limits(found["Firmware"]) == [("==", "1.4.2", "PASS")]
    assert run.metadata == {
        "station": "ICT-3", "location": "Hall 2", "purpose": "Production", "process_code": "20", "fixture": "F-9",
        "misc.Humidity_": 41.5, "misc.Shift": "night",
    }  # fmt: skip


def test_a_report_in_atml_becomes_a_run() -> None:
    parsed = parse("ATML", sample("ATML"))

    (run,) = runs(parsed)
    assert parsed.drafts[0].procedure.name == "Radio test"
    assert (run.serial_number, run.part_number, run.outcome, run.operated_by) == ("R-0001", "RADIO-7", "FAIL", "olga")
    assert run.started_at == datetime(2023, 5, 8, 14, 22, 1, 500_000, UTC)
    assert run.ended_at == datetime(2023, 5, 8, 14, 22, 31, tzinfo=UTC)
    assert run.metadata == {"station": "RF-BENCH-2"}
    assert [one.path for one in run.sequences] == ["RX"]
    assert phases(run) == [
        ("RX", "Sensitivity", 0, "FAIL"),
        ("RX", "Levels", 0, "PASS"),
        (None, "Version", 0, "PASS"),
        (None, "Power off", 0, "PASS"),
        (None, "Locked", 0, "PASS"),
    ]
    found = measured(run)
    assert (found["Sensitivity"].measured_value, found["Sensitivity"].units) == (-95.5, "dBm")
    assert limits(found["Sensitivity"]) == [(">=", -120, "PASS"), ("<=", -100, "FAIL")]
    assert (limits(found["ch1"]), found["ids"].measured_value) == ([("<", 7, "PASS")], [1, 2.5])
    assert (found["Version"].measured_value, limits(found["Version"])) == ("R2", [("==", "R2", "PASS")])
    assert (found["Locked"].measured_value, found["Locked"].outcome) == (True, "PASS")


def test_a_report_of_teststand_becomes_a_run() -> None:
    parsed = parse("TESTSTAND", sample("TESTSTAND"))

    (run,) = runs(parsed)
    assert parsed.drafts[0].procedure.name == "Board final"
    assert (run.serial_number, run.part_number, run.batch_number, run.outcome) == (
        "TS-77", "PCBA-300", "B-12", "FAIL",
    )  # fmt: skip
    assert (run.operated_by, run.metadata) == ("administrator", {"station": "BENCH-PC", "socket": -1})
    assert run.started_at == datetime(2022, 11, 22, 13, 5, 9, 250_000, UTC)
    assert run.ended_at - run.started_at == timedelta(seconds=2.5)
    assert phases(run) == [
        ("Rails", "5 V", 0, "PASS"),
        ("Rails", "5 V", 1, "FAIL"),
        (None, "Firmware", 0, "PASS"),
        (None, "Sealed", 0, "PASS"),
        (None, "Current", 0, "PASS"),
        (None, "Radio", 0, "ERROR"),
    ]
    first, second = (phase.measurements[0] for phase in run.phases[:2])
    assert (limits(first), limits(second)) == (
        [(">=", 4.75, "PASS"), ("<=", 5.25, "PASS")],
        [("<", 5.25, "FAIL")],
    )
    found = measured(run)
    assert limits(found["Firmware"]) == [("==", "1.4 Grün", "PASS")]
    assert (found["Sealed"].measured_value, found["busy"].measured_value, found["busy"].units) == (True, 9.5, "mA")
    assert run.phases[-1].docstring == "Error -17500: no answer"


def test_an_atml_report_of_teststand_is_read_under_either_name() -> None:
    assert runs(parse("TESTSTAND", sample("ATML"))) == runs(parse("ATML", sample("ATML")))


def test_each_part_of_a_lot_becomes_a_run() -> None:
    parsed = parse("ATDF", sample("ATDF"))

    counted, named = runs(parsed)
    assert (parsed.drafts[0].procedure.name, parsed.warnings) == (
        "FINAL_HOT", ["Parts without a result record were left out: 1."],
    )  # fmt: skip
    assert (counted.serial_number, named.serial_number) == ("A3002.C-W05-17", "ECID-00FF")
    assert (counted.part_number, counted.batch_number, counted.procedure_version) == ("LM-7805", "A3002-C", "R4")
    assert (counted.outcome, named.outcome) == ("PASS", "ABORTED")
    start = datetime(2021, 7, 23, 8, 23, 2, tzinfo=UTC)
    assert (counted.started_at, counted.ended_at - counted.started_at) == (start, timedelta(seconds=1.5))
    assert [(one.name, one.outcome) for one in counted.phases] == [("DC", "PASS"), ("Tests", "PASS")]
    assert [(one.name, one.outcome) for one in named.phases] == [("DC", "FAIL"), ("Tests", "FAIL")]
    found, other = measured(counted), measured(named)
    assert {name: one.measured_value for name, one in found.items()} == {
        "Output voltage": 4.98, "Pin currents": [1.5, 2.5], "Digital": True, "Leakage": 0.1,
    }  # fmt: skip
    assert (found["Leakage"].outcome, found["Output voltage"].units) == ("UNSET", "V")
    assert limits(other["Output voltage"]) == [(">=", 4.75, "PASS"), ("<=", 5.25, "FAIL")]
    assert (counted.metadata["hard_bin"], counted.metadata["x"], counted.metadata["y"]) == (1, 3, -4)


@pytest.mark.parametrize(
    ("importer", "change", "words"),
    [
        ("WATS", (b'"result": "F"', b'"result": "S"'), "result"),
        ("WATS", (b'"type": "T"', b'"type": "R"'), "no test report"),
        ("WATS", (b"2024-01-15T1", b"yesterday"), "start"),
        ("WATS", (b'"sn": "W-1001"', b'"sn": ""'), "serial number"),
        ("WSXF", (b"</Reports>", b""), "not XML"),
        ("WSXF", (b"<Reports ", b"<!DOCTYPE a [<!ENTITY b 'cc'>]><Reports "), "entities"),
        ("WSXF", (b"<Reports ", b"<!DOCTYPE a [<!ENTITY b SYSTEM '/etc/hostname'>]><Reports "), "entities"),
        ("WSXF", (b"<Step ", b"<a>" * 400 + b"<Step "), "levels deep"),
        ("WSXF", (b"utf-8", b"klingon"), "not XML"),
        ("ATML", (b"tr:ResultSet", b"tr:Nothing"), "ResultSet"),
        ("ATML", (b"startDateTime", b"start"), "startDateTime"),
        ("TESTSTAND", (b"<Value>22</Value>", b"<Value>52</Value>"), "StartDate"),
        ("TESTSTAND", (b"Type='UUT' Title", b"Type='Batch' Title"), "UUT report"),
        ("ATDF", (b"FAR:A", b"FAR:B"), "FAR:A"),
        ("ATDF", (b"8:23:02 23-JUL-2021|sandy", b"|"), None),
        ("ATDF", (b"PRR:", b"XXX:"), "no part"),
        ("ATDF", (b"MIR:", b"XXX:"), "MIR"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(importer: Importer, change: tuple[bytes, bytes], words: str | None) -> None:
    content = sample(importer)
    assert change[0] in content

    if words is None:
        assert runs(parse(importer, content.replace(*change)))
    else:
        with pytest.raises(BadRequest, match=words):
            runs(parse(importer, content.replace(*change)))


@pytest.mark.parametrize("importer", READERS)
def test_nothing_is_no_report(importer: Importer) -> None:
    for content in (
        b"",
        b"  \n",
        b"{}",
        b"<a/>",
        b"\x1f\x8b\x08\x00",
        b"FAR:A",
        b"FAR:A|4|2|U",
        b"\x02\x00\x00\x0a\x02\x04",
    ):
        with pytest.raises(BadRequest) as refused:
            parse(importer, content)
        assert refused.value.message.endswith(".")


@PATIENT
@given(st.sampled_from(list(READERS)), st.binary(max_size=300))
def test_no_bytes_take_an_importer_down(importer: Importer, content: bytes) -> None:
    read_or_refused(READERS[importer], content)


@PATIENT
@given(st.sampled_from(list(FILES)), st.randoms(use_true_random=False), st.integers(1, 30))
def test_no_damage_to_a_file_takes_an_importer_down(importer: Importer, dice: random.Random, times: int) -> None:
    content = bytearray(sample(importer))
    for _ in range(times):
        place = dice.randrange(len(content))
        piece = dice.choice(
            [b"", b"9" * 400, b"\0", b"-1e999", b"NaN", b"null", b"[]", b'"', b">", b"|", bytes([dice.randrange(256)])]
        )
        content[place : place + dice.choice([0, 1, 1, 8])] = piece

    read_or_refused(READERS[importer], bytes(content))


WORDS = ["steps", "name", "status", "start", "totTime", "numericMeas", "stringMeas", "value", "limit", "compOp", "unit"]
TREES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda deeper: (
        st.lists(deeper, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, "lowLimit"]), deeper, max_size=5)
    ),
)


@PATIENT
@given(TREES)
def test_no_tree_of_steps_is_too_odd(root: Any) -> None:
    report = {"type": "T", "sn": "S", "result": "P", "start": "2024-01-15T11:30:00Z", "root": root}
    for odd in (report, report | {"root": {"steps": [root]}, "uut": root, "miscInfos": [root]}):
        read_or_refused(READERS["WATS"], json.dumps(odd).encode())


def read_or_refused(read: Callable[[bytes], Parsed], content: bytes) -> None:
    """Neither the reader itself nor what stands around it may meet anything but a refusal."""
    try:
        parsed = read(content)
    except (BadRequest, ValueError) as error:  # pydantic's ValidationError is a ValueError: see `parse`
        assert isinstance(error, BadRequest) or hasattr(error, "errors")  # noqa: PT017
        return
    for draft in parsed.drafts:
        with_refusals(lambda draft=draft: draft.as_run(NOBODY))


def with_refusals(act: Callable[[], object]) -> None:
    try:
        act()
    except BadRequest as error:
        assert error.message.endswith(".")  # noqa: PT017


def test_groups_of_one_name_are_kept_apart_and_the_deepest_move_up() -> None:
    leaf = Step("leaf", "PASS", duration_s=1)
    twins = [Step("a/b ", "PASS", steps=[leaf]), Step("a/b", "FAIL", steps=[leaf, leaf])]
    deep = leaf
    for _ in range(60):
        deep = Step("x" * 90, "PASS", steps=[deep])

    apart, nested = (lay_out(steps, NOON) for steps in (twins, [deep]))

    assert [(one.path, one.outcome) for one in apart.sequences] == [("a_b", "PASS"), ("a_b (2)", "FAIL")]
    assert [(one.sequence_path, one.retry_count) for one in apart.phases] == [
        ("a_b", 0),
        ("a_b (2)", 0),
        ("a_b (2)", 1),
    ]
    assert apart.ended_at == NOON + timedelta(seconds=3)
    assert [len(one.path) for one in nested.sequences][-1] <= 1000
    assert nested.phases[0].sequence_path == nested.sequences[-1].path
    with pytest.raises(BadRequest, match="levels deep"):
        lay_out([deep_step(200)], NOON)


def deep_step(depth: int) -> Step:
    found = Step("leaf", "PASS")
    for _ in range(depth):
        found = Step("g", "PASS", steps=[found])
    return found


@pytest.mark.parametrize(
    ("comparison", "found"),
    [
        ("GELE", [(">=", 1), ("<=", 2)]),
        ("GTLT", [(">", 1), ("<", 2)]),
        ("LT", [("<", 1)]),
        ("EQ", [("==", 1)]),
        ("LOG", []),
        ("odd", []),
        (None, [(">=", 1), ("<=", 2)]),
    ],
)
def test_comparisons_are_limits(comparison: str | None, found: list[tuple[str, int]]) -> None:
    assert [(one.operator, one.expected) for one in compared(comparison, 1, 2)] == found


def test_limits_on_the_outside_and_those_without_case_are_kept_in_words() -> None:
    assert [one.words for one in compared("LTGT", 1, 2)] == ["x < 1 or x > 2"]
    assert [one.words for one in compared("IgnoreCase", "ok", None)] == ["x == 'ok', whatever the case"]
    assert compared("GELE", None, None) == []
