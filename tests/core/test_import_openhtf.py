"""OpenHTF's records: a real one, odd ones, and what its validators say in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openhtf.util.validators import InRange, WithinPercent

from portal.database import Db
from portal.errors import BadRequest, Forbidden, NotFound
from portal.models import Attachment, Run
from portal.services.imports.formats import parse
from portal.services.imports.limit_texts import read_limits
from portal.services.imports.structured import ImportItem, import_file
from portal.services.run_details import PhaseView, RunDetail
from portal.services.runs import show_run
from tests.cast import Cast
from tests.core.uploading import uploaded

PROGRAM = Path(__file__).parent / "import_samples" / "openhtf_program.py"


@pytest.fixture(scope="module", params=["plain", "nan"])
def real_record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a test program of OpenHTF has written, just now."""
    path = tmp_path_factory.mktemp("openhtf") / "record.json"
    subprocess.run(
        [sys.executable, str(PROGRAM), str(path), "pcba_functional", request.param], check=True, capture_output=True
    )
    return path.read_bytes()


def record(**changes: Any) -> dict[str, Any]:
    return {
        "dut_id": "SN-1",
        "start_time_millis": 1_700_000_000_000,
        "end_time_millis": 1_700_000_010_500,
        "outcome": "PASS",
        "metadata": {"procedure_id": "pcba_functional", "part_number": "P-1"},
        "phases": [],
        "log_records": [],
    } | changes


def phase(**changes: Any) -> dict[str, Any]:
    times = {"start_time_millis": 1_700_000_000_000, "end_time_millis": 1_700_000_001_000}
    return {"name": "one", "outcome": "PASS", "measurements": {}} | times | changes


def taken(db: Db, cast: Cast, content: object) -> RunDetail:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    result = import_file(db, cast.dev, ImportItem(uploaded(db, cast.dev, raw), "OPENHTF"), allow_duplicate=True)
    return show_run(db, cast.vera, result.run_ids[0])


def test_a_real_record_becomes_a_run(db: Db, cast: Cast, real_record: bytes) -> None:
    upload_id = uploaded(db, cast.bench, real_record)

    result = import_file(db, cast.bench, ImportItem(upload_id, "OPENHTF"))

    run = show_run(db, cast.vera, result.run_ids[0])
    assert (run.serial_number, run.part_number, run.revision_number, run.batch_number) == (
        "SN-HTF-1", "PCBA-100", "C", "B-7",
    )  # fmt: skip
    assert (run.outcome, run.procedure.id) == ("FAIL", cast.procedure.id)
    assert [(one.name, one.attempt, one.outcome) for one in run.phases] == [
        ("trigger_phase", 1, "PASS"),
        ("electrical", 1, "SKIP"),
        ("electrical", 2, "FAIL"),  # one of its measurements was never set
        ("failing", 1, "FAIL"),
    ]
    assert run.phases[2].docstring == "Rails and friends."
    messages = [line.message for line in run.logs]
    assert messages.count("supply is low") == 2
    assert len(messages) == len(json.loads(real_record)["log_records"])
    report = db.session.get_one(Attachment, upload_id)
    assert (report.run_id, report.is_report) == (run.id, True)


def test_the_measurements_of_a_real_record_are_kept(db: Db, cast: Cast, real_record: bytes) -> None:
    run = taken(db, cast, real_record)

    found = {one.name: one for one in run.phases[2].measurements}
    values = {name: one.measured_value for name, one in found.items() if one.x_axis is None}
    assert values == {
        "supply": 1.5, "is_sealed": True, "firmware": "it's 1.0", "leds": 5, "mac": "a/bcd", "clock": 10.2,
        "custom": 1, "at_least": 2, "nothing": None, "points": [1, 2], "unset": None,
    }  # fmt: skip
    assert (found["supply"].units, found["supply"].outcome, found["unset"].outcome) == ("V", "PASS", "UNSET")
    assert limits(run.phases[2], "supply") == [(">=", 1), ("<=", 4), (">=", 2), ("<=", 3)]
    assert [one["outcome"] for one in found["supply"].validators] == ["PASS", "PASS", "FAIL", "PASS"]
    assert [one["is_decisive"] for one in found["supply"].validators] == [True, True, False, False]
    assert limits(run.phases[2], "clock") == [(">=", 9.5), ("<=", 10.5)]
    assert limits(run.phases[2], "is_sealed") == [("==", True)]
    assert limits(run.phases[2], "leds") == [("==", 5)]
    assert limits(run.phases[2], "mac") == [("matches", "^a/b.*")]
    assert limits(run.phases[2], "custom") == [(None, None)]
    gain, channels = found["gain"], found["by_channel"]
    assert gain.x_axis is not None
    assert (gain.x_axis.data, gain.x_axis.units, gain.y_axis[0].data, gain.y_axis[0].units) == (
        [1, 10], "Hz", [-3, None], "dB",
    )  # fmt: skip
    assert [axis.data for axis in channels.y_axis] == [["left"], [2]]


def limits(of: PhaseView, name: str) -> list[tuple[object, object]]:
    (found,) = (one for one in of.measurements if one.name == name)
    return [(one["operator"], one["expected_value"]) for one in found.validators]


def test_the_serial_number_of_the_metadata_goes_before_the_dut_id(db: Db, cast: Cast) -> None:
    metadata = {"procedure_id": cast.procedure.id, "part_number": "P", "serial_number": "SN-META"}

    assert taken(db, cast, record(metadata=metadata)).serial_number == "SN-META"


def test_bare_words_for_no_numbers_and_their_texts_are_nothing(db: Db, cast: Cast) -> None:
    measured = {"name": "m", "outcome": "PASS", "measured_value": "VALUE"}
    body = json.dumps(record(phases=[phase(measurements={"m": measured})]))

    for token in ("NaN", "-Infinity", '"nan"', '"inf"'):
        run = taken(db, cast, body.replace('"VALUE"', token).encode())
        assert run.phases[0].measurements[0].measured_value is None
    assert (
        taken(db, cast, body.replace('"VALUE"', '"nano"').encode()).phases[0].measurements[0].measured_value == "nano"
    )


def test_levels_and_states_of_the_framework_become_ours(db: Db, cast: Cast) -> None:
    lines = [
        {"level": level, "message": f"{level}", "timestamp_millis": 1.7e12, "source": "a.py", "lineno": 3}
        for level in (10, 20, 25, 30, 40, 50)
    ]
    half = {"name": "half", "outcome": "PARTIALLY_SET", "dimensions": [{"suffix": "s"}], "measured_value": [[1, 2]]}

    run = taken(db, cast, record(log_records=lines, phases=[phase(outcome=None, measurements={"half": half})]))

    assert [line.level for line in run.logs] == ["DEBUG", "INFO", "WARNING", "WARNING", "ERROR", "CRITICAL"]
    assert (run.logs[0].source_file, run.logs[0].line_number) == ("a.py", 3)
    assert (run.phases[0].outcome, run.phases[0].measurements[0].outcome) == ("ERROR", "UNSET")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata": {"procedure_id": "pcba_functional"}}, "part number"),
        ({"metadata": {"part_number": "P"}}, "procedure"),
        ({"dut_id": None}, "serial number"),
        ({"outcome": "GREAT"}, "outcome"),
        ({"start_time_millis": None}, "start_time_millis"),
        ({"start_time_millis": 1e300}, "calendar"),
        ({"dut_id": "x" * 61}, "serial number"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(db: Db, cast: Cast, changes: dict[str, Any], words: str) -> None:
    for actor in (cast.dev, cast.bench):
        item = ImportItem(uploaded(db, actor, json.dumps(record(**changes)).encode()), "OPENHTF")
        with pytest.raises(BadRequest, match=words):
            import_file(db, actor, item)
    assert db.session.query(Run).count() == 0


def test_a_named_procedure_is_found_or_made_and_a_station_has_only_its_own(db: Db, cast: Cast) -> None:
    def named(actor: Any, **metadata: str) -> str:
        raw = json.dumps(record(metadata={"part_number": "P", **metadata})).encode()
        result = import_file(db, actor, ImportItem(uploaded(db, actor, raw), "OPENHTF"), allow_duplicate=True)
        return show_run(db, cast.vera, result.run_ids[0]).procedure.name

    assert named(cast.dev, procedure_name="pcba  Functional TEST") == cast.procedure.name
    assert named(cast.bench, procedure_name="PCBA functional test") == cast.procedure.name
    assert named(cast.dev, procedure_name="Something new") == named(cast.ada, procedure_name="something new")
    assert named(cast.dev, procedure_id=cast.procedure.id, procedure_name="ignored") == cast.procedure.name
    with pytest.raises(NotFound, match="procedure"):
        named(cast.dev, procedure_id="no_such_thing")
    for refused in ({"procedure_name": "Final inspection"}, {"procedure_id": cast.other_procedure.id}):
        with pytest.raises(Forbidden, match="not authorized"):
            named(cast.bench, **refused)


@given(st.lists(st.integers(-100, 100) | st.floats(-1e9, 1e9), min_size=4, max_size=4, unique=True))
def test_limits_that_openhtf_writes_are_read_back(bounds: list[float]) -> None:
    low, inner_low, inner_high, high = sorted(bounds)

    for validator in (
        InRange(low, high),
        InRange(low, high, inner_low, inner_high),
        InRange(minimum=low),
        InRange(maximum=high),
    ):
        wanted = [
            (">=", validator.minimum, True),
            ("<=", validator.maximum, True),
            (">=", validator.marginal_minimum, False),
            ("<=", validator.marginal_maximum, False),
        ]
        read = read_limits([str(validator)], inner_low, "PASS")
        assert [(one.operator, one.expected_value, one.is_decisive) for one in read] == [
            one for one in wanted if one[1] is not None
        ]
    (equal,) = read_limits([str(InRange(low, low))], low, "FAIL")
    assert (equal.operator, equal.expected_value, equal.outcome) == ("==", low, "FAIL")


@given(st.floats(-1e6, 1e6), st.floats(1, 90), st.none() | st.floats(0.01, 0.5))
def test_limits_in_percent_are_those_of_openhtf(expected: float, percent: float, marginal: float | None) -> None:
    validator = WithinPercent(expected, percent, marginal)

    read = read_limits([str(validator)], expected, "PASS")

    bounds = [validator.minimum, validator.maximum]
    bounds += [validator.marginal_minimum, validator.marginal_maximum] if marginal is not None else []
    assert [one.expected_value for one in read] == pytest.approx(bounds)


@given(
    st.lists(st.text() | st.from_regex(r"(-?\d+|x|Marginal:\d+)( <= (\d+|x|Marginal:\d+)){0,5}")),
    st.none() | st.floats(),
)
def test_no_text_is_lost_and_none_is_too_odd(texts: list[str], value: float | None) -> None:
    read = read_limits(texts, value, "FAIL")

    assert len(read) >= len(texts)
    assert all(one.expression is not None or one.operator is not None for one in read)
    assert read_limits(texts, value, "UNSET") == [one.model_copy(update={"outcome": "UNSET"}) for one in read]


@pytest.mark.parametrize(
    "text", ["All values pass: 0 <= x <= 1", "<function f at 0x7f>", "x == abc", "1 <= y <= 2", "x", "3 <= x <= nan"]
)
def test_what_cannot_be_told_stays_as_it_is(text: str) -> None:
    (limit,) = read_limits([text], 1, "FAIL")

    assert (limit.expression, limit.operator, limit.outcome) == (text, None, "FAIL")


def test_of_several_limits_each_is_held_against_the_value() -> None:
    read = read_limits(["1 <= x", "x <= 5", "'x' matches /7/", "odd"], 7, "FAIL")

    assert [one.outcome for one in read] == ["PASS", "FAIL", "UNSET", "UNSET"]
    assert [one.outcome for one in read_limits(["0 <= x <= 5"], [1, 9], "FAIL")] == ["PASS", "FAIL"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(st.text(max_size=8), deeper, max_size=4),
)
MEASUREMENTS = st.dictionaries(
    st.text(max_size=3),
    st.dictionaries(
        st.sampled_from(["name", "outcome", "units", "dimensions", "measured_value", "validators", "docstring"]),
        ANYTHING | st.lists(st.lists(st.integers() | st.text())) | st.lists(st.just({"suffix": "V"})),
    ),
)
PHASES = st.dictionaries(st.sampled_from(["name", "outcome", "attachments", "start_time_millis", "codeinfo"]), ANYTHING)


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd_to_be_refused_in_a_sentence(content: bytes) -> None:
    read_or_refused(content)


@given(ANYTHING, PHASES, MEASUREMENTS)
def test_no_record_is_too_odd_to_be_refused_in_a_sentence(anything: Any, one: Any, measurements: Any) -> None:
    for odd in (
        record(phases=anything, log_records=[anything], metadata=anything, code_info=anything),
        record(phases=[phase(**{"measurements": measurements, **one})], log_records=[one]),
    ):
        read_or_refused(json.dumps(odd).encode())


def read_or_refused(content: bytes) -> None:
    try:
        parse("OPENHTF", content).drafts[0].as_run("00000000-0000-0000-0000-000000000000")
    except BadRequest as error:
        refusal = error.message
    else:
        return
    assert "not built as such files" not in refusal
    assert refusal.endswith(".")
