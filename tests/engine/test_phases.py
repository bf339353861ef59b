"""What a watcher sees of an OpenHTF script's phases."""

from __future__ import annotations

import sys
from pathlib import Path

from station.protocol import (
    AttachmentAdded,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlanContinued,
    RunStarted,
    fit,
    write,
)
from tests.engine.bench import Bench


def test_a_passing_script_is_seen_event_by_event(bench: Bench) -> None:
    state = bench.run("passing")

    bench.is_well_formed()
    assert [event.type for event in bench.events] == [
        "run_starting", "identify_resolved", "run_started",
        "phase_started", "phase_log", "phase_log", "measurement_update", "phase_complete",
        "phase_started", "measurement_update", "attachment_added", "phase_complete",
        "run_complete",
    ]  # fmt: skip
    assert state.outcome is Outcome.PASS
    assert [(phase.key, phase.name, phase.stage) for phase in state.plan] == [
        ("0_power_on", "power_on", "main"),
        ("1_boot", "boot", "main"),
    ]
    started = bench.one(RunStarted)
    assert (started.docstring, started.test_name) == ("Measures one board.", "openhtf_test")
    assert started.unit is not None
    assert (started.unit.serial_number, started.unit.part_number) == ("SN-1", "PCB-1")


def test_limits_are_known_at_the_start_and_judged_at_the_end_of_a_phase(bench: Bench) -> None:
    bench.run("passing")

    declared = bench.of(PhaseStarted)[0].measurements[0]
    assert (declared.name, declared.units, declared.measured_value) == ("rail_5v", "V", None)
    assert [(v.expression, v.operator, v.expected_value, v.outcome) for v in declared.validators] == [
        (">= 4.75", ">=", 4.75, "UNSET"),
        ("<= 5.25", "<=", 5.25, "UNSET"),
    ]
    update = bench.of(MeasurementUpdate)[0].measurement
    assert (update.measured_value, update.outcome) == (4.98, "UNSET")
    done = bench.of(PhaseComplete)[0]
    assert done.measurements is not None
    assert (done.measurements[0].outcome, [v.outcome for v in done.measurements[0].validators]) == (
        "PASS",
        ["PASS"] * 2,
    )
    assert done.docstring == "Powers the board."


def test_logs_and_prints_carry_phase_file_and_line(bench: Bench) -> None:
    bench.run("passing")

    logged, printed = bench.of(PhaseLog)
    assert (logged.message, logged.level, logged.phase_key, logged.file) == (
        "supply on",
        "INFO",
        "0_power_on",
        "main.py",
    )
    source = (Path(__file__).parent / "procedures/passing/main.py").read_text().split("\n")
    assert "supply on" in source[(logged.line or 0) - 1]
    assert (printed.message, printed.phase_key, printed.file) == ("printed in power_on", "0_power_on", "main.py")
    assert "print(" in source[(printed.line or 0) - 1]


def test_every_kind_of_limit_is_judged_and_the_failure_is_in_words(bench: Bench) -> None:
    state = bench.run("failing")

    bench.is_well_formed()
    assert state.outcome is Outcome.FAIL
    assert bench.verdicts == [("rails", "FAIL"), ("forgets", "FAIL")]
    done = bench.of(PhaseComplete)[0]
    measurements = done.measurements or []
    found = {m.name: (m.outcome.value, [(v.expression, v.outcome.value) for v in m.validators]) for m in measurements}
    assert found == {
        "rail_3v3": ("FAIL", [(">= 3.2", "PASS"), ("<= 3.4", "FAIL")]),
        "ripple": ("PASS", [("<= 0.05", "PASS"), ("<= 0.01", "FAIL")]),
        "version": ("FAIL", [(r"matches /v\d+\.\d+/", "FAIL")]),
        "current": ("PASS", [(">= 1.8", "PASS"), ("<= 2.2", "PASS")]),
        "odd": ("PASS", [("custom check", "PASS")]),
        "exact": ("PASS", [("== 5", "PASS")]),
    }
    marginal = [v for m in measurements for v in m.validators if not v.is_decisive]
    assert [v.expression for v in marginal] == ["<= 0.01"]
    assert done.error == "rail_3v3 = 3.7 V: not <= 3.4\nversion = beta: not matches /v\\d+\\.\\d+/"
    assert bench.of(PhaseComplete)[1].error == "forgotten was not measured."
    assert [(f.phase_name, f.measurement.name if f.measurement else None) for f in state.failures] == [
        ("rails", "rail_3v3"),
        ("rails", "version"),
        ("forgets", None),
    ]


def test_a_raising_phase_ends_in_error_and_teardown_still_runs(bench: Bench) -> None:
    state = bench.run("raising")

    bench.is_well_formed()
    assert [(p.key, p.stage) for p in state.plan] == [
        ("0_fine", "setup"), ("1_breaks", "main"), ("2_never", "main"), ("3_safe", "teardown"),
    ]  # fmt: skip
    assert bench.verdicts == [("fine", "PASS"), ("breaks", "ERROR"), ("safe", "PASS")]
    assert bench.of(PhaseComplete)[1].error == "ValueError: supply did not answer (main.py, line 9)"
    assert (state.outcome, state.error) == ("ERROR", "breaks: ValueError: supply did not answer (main.py, line 9)")


def test_leaving_in_a_phase_is_an_error_with_its_words(bench: Bench) -> None:
    state = bench.run("leaving")

    assert bench.verdicts == [("leaves", "ERROR")]
    assert (state.outcome, state.error) == ("ERROR", "leaves: The phase called sys.exit('fixture open').")


def test_a_phase_over_its_time_limit_is_a_timeout(bench: Bench) -> None:
    state = bench.run("slow_phase")

    assert bench.verdicts == [("waits", "TIMEOUT")]
    assert (state.outcome, state.error) == ("TIMEOUT", "waits: The phase took longer than its limit of 0.3 s.")
    assert bench.record is not None
    assert bench.record.body["outcome"] == "TIMEOUT"
    assert bench.record.body["phases"][0]["outcome"] == "ERROR"


def test_a_plug_that_cannot_be_made_is_an_error_in_words(bench: Bench) -> None:
    state = bench.run("broken_plug")

    bench.is_well_formed()
    assert (state.outcome, state.error) == ("ERROR", "ConnectionError: no instrument at TCPIP0::10.0.0.7")
    assert state.error_kind is None
    assert any("Exception instantiating plug" in line for line in bench.lines)


def test_attempts_skips_and_equal_names_are_kept_apart(bench: Bench) -> None:
    state = bench.run("repeating")

    bench.is_well_formed()
    assert [(p.key, p.attempt, p.outcome.value) for p in state.phases] == [
        ("0_again", 1, "SKIP"), ("0_again", 2, "SKIP"), ("0_again", 3, "PASS"),
        ("1_steadies", 1, "SKIP"), ("1_steadies", 2, "PASS"),
        ("2_skips", 1, "SKIP"),
        ("4_same", 1, "PASS"), ("5_same", 1, "PASS"), ("6_same", 1, "PASS"),
    ]  # fmt: skip
    assert state.outcome is Outcome.PASS
    assert state.failures == []


def test_sweeps_have_axes_and_nan_never_passes_and_infinity_keeps_its_verdict(bench: Bench) -> None:
    state = bench.run("sweeping")

    bench.is_well_formed()
    assert state.outcome is Outcome.FAIL
    found = {m.name: m for m in bench.of(PhaseComplete)[0].measurements or []}
    gain = found["gain"]
    assert gain.x_axis is not None
    assert (gain.x_axis.name, gain.x_axis.units, gain.x_axis.data) == ("frequency", "Hz", [10.0, 100.0, 1000.0])
    assert [(axis.name, axis.units, axis.data) for axis in gain.y_axis] == [("gain", "dB", [-1.0, 0.0, 1.0])]
    assert (gain.outcome, gain.measured_value) == ("PASS", None)
    assert [v.expression for v in gain.validators] == ["all >= -3", "all <= 3"]
    assert found["grid"].measured_value == [[1.0, 0.5, 2.0]]
    assert found["holes"].y_axis[0].data == [1.0, None]
    assert (found["open_circuit"].measured_value, found["nothing"].measured_value) == ("Infinity", "NaN")
    assert {name: m.outcome.value for name, m in found.items()} == {
        "gain": "PASS", "grid": "PASS", "holes": "FAIL", "open_circuit": "PASS", "nothing": "FAIL",
    }  # fmt: skip


def test_attachments_are_files_in_the_folder_of_the_execution(bench: Bench) -> None:
    execution_id = bench.start("attaching")
    bench.over()

    photo, trace = bench.of(AttachmentAdded)
    assert (photo.name, photo.mimetype, photo.size_bytes) == ("../photo of unit.png", "image/png", 4)
    assert (trace.name, trace.mimetype) == ("trace.csv", "text/csv")
    for event, content in ((photo, b"\x89PNG"), (trace, b"t,v\n0,1\n")):
        path = Path(event.path or "")
        assert path.parent == bench.home / "work" / execution_id
        assert path.read_bytes() == content


def test_ten_thousand_lines_arrive_complete_and_in_order(bench: Bench) -> None:
    bench.run("talking")

    bench.is_well_formed()
    talked = [event.message for event in bench.of(PhaseLog) if event.phase_key == "0_talks"]
    assert talked == [f"line {number}" for number in range(10_000)]


def test_whatever_is_printed_is_a_line_of_the_log_and_never_a_message(bench: Bench) -> None:
    state = bench.run("talking")

    assert state.outcome is Outcome.PASS
    printed = {event.message: event.level for event in bench.of(PhaseLog) if event.phase_key == "1_prints"}
    assert printed["plain – ünïcode"] == "INFO"
    assert printed["to stderr"] == "WARNING"
    assert "broken \ufffd byte" in printed
    assert any(line.startswith("half ") and line.endswith(" surrogate") for line in printed)
    assert "from a program" in printed
    assert '{"type": "test_end", "outcome": "PASS"}' in printed
    assert "no line end" in bench.lines
    logged = next(event for event in bench.of(PhaseLog) if event.message.startswith("could not read it"))
    assert (logged.level, "KeyError: 'calibration'" in logged.message) == ("ERROR", True)
    assert not any("====" in line or "Executing phase" in line for line in bench.lines)


def test_a_library_that_prints_more_than_a_pipe_holds_does_not_hang(bench: Bench) -> None:
    state = bench.run("flooding")

    assert bench.verdicts == [("floods", "PASS"), ("rests", "PASS")]
    assert state.outcome is Outcome.PASS
    flood = [event for event in bench.of(PhaseLog) if set(event.message) == {"x"}]
    assert sum(len(event.message) for event in flood) == 300_000
    assert {event.phase_key for event in flood} == {"0_floods"}


def test_who_prints_too_much_keeps_the_verdict_and_is_told_how_many_lines_are_missing(bench: Bench) -> None:
    bench.start("shouting")
    state = bench.over(within_s=120)

    bench.is_well_formed()
    assert bench.verdicts == [("shouts", "PASS"), ("measures", "PASS")]
    assert state.outcome is Outcome.PASS
    kept = [line for line in bench.lines if line.endswith("xxx")]
    notes = [event for event in bench.of(PhaseLog) if "left out here" in event.message]
    left_out = sum(int(event.message.split()[0]) for event in notes)
    assert len(kept) + left_out == 150_000
    assert left_out > 0
    assert {(event.level, event.phase_key) for event in notes} == {("WARNING", "0_shouts")}
    assert kept == sorted(kept)


def test_a_plan_too_large_for_a_frame_comes_in_parts(bench: Bench) -> None:
    state = bench.run("crowded")

    bench.is_well_formed()
    assert len(state.plan) == 600
    assert bench.of(PlanContinued)
    assert all(len(write(fit(event)).encode()) <= 60_000 for event in bench.events)


def test_what_goes_wrong_after_the_verdict_is_told_and_changes_nothing(bench: Bench) -> None:
    state = bench.run("raising_later")

    assert state.outcome is Outcome.PASS
    assert any("RuntimeError: after the verdict" in line for line in bench.lines)


def test_a_failing_teardown_of_a_plug_is_told(bench: Bench) -> None:
    state = bench.run("failing_teardown")

    assert state.outcome is Outcome.PASS
    assert any("output still on" in line for line in bench.lines)


def test_one_run_is_one_test(bench: Bench) -> None:
    state = bench.run("twice")

    bench.is_well_formed()
    assert bench.verdicts == [("once", "PASS")]
    assert state.outcome is Outcome.PASS
    assert any("another test" in line for line in bench.lines)


def test_the_portal_client_in_a_script_does_nothing(bench: Bench) -> None:
    assert bench.run("uploading").outcome is Outcome.PASS


def test_the_connector_is_python_3_9() -> None:
    import ast

    connectors = Path(__file__).parents[2] / "station/connectors"
    for path in connectors.rglob("*.py"):
        ast.parse(path.read_text(), str(path), feature_version=(3, 9))
        assert "from __future__ import annotations" in path.read_text() or path.name == "__init__.py"
    assert sys.version_info >= (3, 11)
