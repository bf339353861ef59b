"""How a run learns which unit it tests."""

from __future__ import annotations

import pytest

from station.engine import Refused
from station.protocol import IdentifyRequest, IdentifyResolved, PhaseComplete, PhaseLog, RunStarted
from tests.engine.bench import Bench
from tests.waiting import eventually


def measured(bench: Bench) -> dict[str, object]:
    return {m.name: m.measured_value for m in bench.of(PhaseComplete)[0].measurements or []}


def test_the_unit_is_asked_for_and_reaches_the_bench_and_the_script(bench: Bench) -> None:
    bench.start("identified", serial=None)
    asked = bench.one(IdentifyRequest)

    assert [(c.key, c.required, c.default_value) for c in asked.components] == [
        ("serial_number", True, None),
        ("part_number", False, None),
    ]
    assert not bench.of(RunStarted)
    bench.engine.answer(asked.request_id, {"serial_number": "  SN-42\r\n"}, "olga@example.com")
    state = bench.over()

    bench.is_well_formed()
    assert (state.unit.serial_number, state.unit.part_number) == ("SN-42", None)
    assert bench.one(IdentifyResolved).answered_by == "olga@example.com"
    assert measured(bench) == {"unit_of_the_bench": "SN-42", "dut_id": "SN-42"}
    assert [e.type for e in bench.events][:4] == [
        "run_starting",
        "identify_request",
        "identify_resolved",
        "run_started",
    ]


@pytest.mark.parametrize(
    ("serial", "reason"),
    [
        ("   ", "The serial number is missing."),
        ("", "The serial number is missing."),
        ("X" * 61, "Serial number: at most 60 characters, these are 61."),
        ("SN\x1d42", "Serial number: it contains a control character. Scan again, or type it."),
    ],
)
def test_a_serial_that_cannot_be_one_is_refused_and_the_form_stays_open(bench: Bench, serial: str, reason: str) -> None:
    bench.start("identified", serial=None)
    asked = bench.one(IdentifyRequest)

    with pytest.raises(Refused) as refused:
        bench.engine.answer(asked.request_id, {"serial_number": serial}, "olga@example.com")

    assert (refused.value.reason, refused.value.field) == (reason, "serial_number")
    bench.engine.answer(asked.request_id, {"serial_number": "S" * 60}, "olga@example.com")
    assert bench.over().unit.serial_number == "S" * 60


def test_a_second_answer_is_refused_with_the_name_of_the_first(bench: Bench) -> None:
    bench.start("identified", serial=None)
    asked = bench.one(IdentifyRequest)
    bench.engine.answer(asked.request_id, {"serial_number": "SN-1", "part_number": "PCB-7"}, "olga@example.com")

    with pytest.raises(Refused, match=r"already answered by olga@example\.com"):
        bench.engine.answer(asked.request_id, {"serial_number": "SN-2"}, "dev@example.com")

    state = bench.over()
    assert (state.unit.serial_number, state.unit.part_number) == ("SN-1", "PCB-7")


def test_a_field_that_the_form_does_not_have_is_refused(bench: Bench) -> None:
    bench.start("identified", serial=None)
    asked = bench.one(IdentifyRequest)

    with pytest.raises(Refused, match="no field “colour”"):
        bench.engine.answer(asked.request_id, {"serial_number": "SN-1", "colour": "blue"}, "olga@example.com")
    with pytest.raises(Refused, match="not open"):
        bench.engine.answer("no-such-question", {}, "olga@example.com")


def test_what_the_script_says_of_the_unit_fills_the_form_in(bench: Bench) -> None:
    bench.start("identified", serial=None, environment={"MODE": "prefilled"})
    asked = bench.one(IdentifyRequest)

    assert [(c.key, c.default_value) for c in asked.components] == [("serial_number", "FROM-SCRIPT")]
    bench.engine.answer(asked.request_id, {"serial_number": "SN-1"}, "olga@example.com")
    unit = bench.over().unit
    assert unit.model_dump() == {
        "serial_number": "SN-1", "part_number": "PCB-9", "revision_number": "B", "batch_number": "2026-1",
        "sub_units": {"1": "PSU-1"},
    }  # fmt: skip
    assert measured(bench)["dut_id"] == "SN-1"


@pytest.mark.parametrize(
    ("mode", "serial"),
    [("auto", "FROM-SCRIPT"), ("function", "NAMED-BY-FUNCTION"), ("never", None)],
)
def test_a_script_that_names_its_unit_is_not_asked(bench: Bench, mode: str, serial: str | None) -> None:
    state = bench.run("identified", serial=None, environment={"MODE": mode})

    bench.is_well_formed()
    assert not bench.of(IdentifyRequest)
    assert state.unit.serial_number == serial
    assert measured(bench) == {"unit_of_the_bench": serial, "dut_id": serial}
    assert (bench.record is None) == (serial is None)


@pytest.mark.parametrize(
    ("serial", "words"),
    [("SN-1", ["The script tests NAMED-BY-FUNCTION, not SN-1 that was entered."]), ("NAMED-BY-FUNCTION", [])],
)
def test_a_script_that_tests_another_unit_than_was_entered_is_told(bench: Bench, serial: str, words: list[str]) -> None:
    state = bench.run("identified", serial=serial, environment={"MODE": "function"})

    bench.is_well_formed()
    assert state.unit.serial_number == "NAMED-BY-FUNCTION"
    assert [event.message for event in bench.of(PhaseLog) if event.level == "WARNING"] == words


def test_a_unit_renamed_by_the_script_is_told(bench: Bench) -> None:
    state = bench.run("identified", environment={"MODE": "renamed"})

    assert [event.unit.serial_number for event in bench.of(IdentifyResolved)] == ["SN-1", "RENAMED"]
    assert state.unit.serial_number == "RENAMED"
    assert bench.record is not None
    assert bench.record.body["serial_number"] == "RENAMED"


def test_a_prompt_for_the_serial_is_not_run_but_its_validator_is(bench: Bench) -> None:
    bench.start("prompting", serial="sn-lower")

    eventually(lambda: bench.state and bench.state.prompt, 10)
    assert bench.one(RunStarted).unit is not None
    assert bench.one(RunStarted).unit.serial_number == "SN-LOWER"  # type: ignore[union-attr]


def test_recorded_answers_identify_the_unit(bench: Bench) -> None:
    state = bench.run("identified", serial=None, answers={"identify_unit": {"serial_number": "SN-R"}})

    assert not bench.of(IdentifyRequest)
    assert state.unit.serial_number == "SN-R"


def test_a_serial_given_at_the_start_must_be_one(bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        bench.start("identified", serial=" ")

    assert refused.value.field == "serial_number"
    assert bench.engine.active_execution_id is None
