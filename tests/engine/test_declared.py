"""Declared procedures (procedure.yaml), executed. Source: contract/procedure-format.md, contract/run-json.md §6.1."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from station.engine import Refused
from station.protocol import (
    AttachmentAdded,
    IdentifyRequest,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    UiRequest,
)
from station.run_state import RunState
from tests.engine.bench import Bench
from tests.waiting import eventually

Make = Callable[..., Path]
AUTO = "unit: {auto_identify: true, serial_number: {default_value: SN-1}, part_number: {default_value: PCB-1}}"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A procedure's folder: the file after its name, and ``phases.py`` with these functions."""

    def make(text: str, phases: str = "", **files: str) -> Path:
        folder = tmp_path / "procedure"
        folder.mkdir()
        (folder / "procedure.yaml").write_text(f"name: Test\n{textwrap.dedent(text)}")
        for name, content in {"phases": phases, **files}.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(content))
        return folder

    return make


def run(bench: Bench, folder: Path, serial: str | None = "SN-1", **more: Any) -> RunState:
    state = bench.run("declared", serial, folder=folder, **more)
    bench.is_well_formed()
    return state


def errors(bench: Bench) -> list[str | None]:
    return [event.error for event in bench.of(PhaseComplete)]


def test_a_whole_procedure(bench: Bench) -> None:
    state = bench.run("declared")

    bench.is_well_formed()
    assert state.outcome is Outcome.PASS
    assert bench.verdicts == [
        ("Power on", "PASS"), ("Rail", "PASS"), ("Twice", "SKIP"), ("Twice", "PASS"), ("Reads", "PASS"),
        ("Power off", "PASS"),
    ]  # fmt: skip
    assert sorted(bench.lines[:2]) == ["hot", "on"]  # of the shell's two pipes, in no order
    assert bench.lines[2:] == [
        "rail is 5.0", "printed", "bridged", "5.0 PASS 1.0", "calls 1", "Meter: meter is off",
    ]  # fmt: skip
    assert [(line.file, line.line) for line in bench.of(PhaseLog)[2:5]] == [("phases/rails.py", n) for n in (6, 7, 8)]
    rail, curve = bench.of(PhaseComplete)[1].measurements or []
    assert (rail.measured_value, rail.units, [one.outcome for one in rail.validators]) == (5.0, "V", ["PASS", "PASS"])
    assert curve.x_axis is not None
    assert (curve.x_axis.data, curve.y_axis[0].data) == ([0, 1, 2], [4, 5, 5.5])
    (attached,) = bench.of(AttachmentAdded)
    assert Path(attached.path or "").read_bytes() == b"hello"
    assert bench.record is not None
    body = bench.record.body
    assert (body["part_number"], body["metadata"]) == ("PCB-1", {"room_c": 21.5})
    assert [phase["retry_count"] for phase in body["phases"] if phase["name"] == "Twice"] == [0, 1]


LIMITS = """
main:
  - name: measures
    python: phases:measures
    measurements:
      - {name: rail, unit: V, validators: [{operator: "<=", expected_value: 3.6}]}
      - {name: noise, aggregations: [{type: rms, validators: [{operator: "<", expected_value: 1}]}]}
teardown: [{name: off, python: phases:off}]
"""


@pytest.mark.parametrize(
    ("body", "outcome", "error"),
    [
        ("m.rail = 3; m.noise = [1]; m.noise.aggregations.rms = .5", "PASS", None),
        ("m.rail = 3.71; m.noise = [1]; m.noise.aggregations.rms = .5", "FAIL", "rail = 3.71 V: not <= 3.6"),
        ("m.rail = 3; m.noise = [1]", "FAIL", "noise = [1]: rms was not set"),
        ("m.noise = [1]; m.noise.aggregations.rms = .5", "FAIL", "rail = not set: it was not set"),
        ("m.rail = float('nan'); m.noise = [1]; m.noise.aggregations.rms = .5", "FAIL", "NaN"),
        ("m.rail = 'high'; m.noise = [1]; m.noise.aggregations.rms = .5", "FAIL", "is no number, and its limit is one"),
        ("m.rail = 9; raise ValueError('loose wire')", "ERROR", "ValueError: loose wire (phases.py, line 2)"),
        ("return 5", "ERROR", "The phase returned 5."),
        ("import sys; sys.exit(3)", "ERROR", "The phase called sys.exit(3)."),
        ("import os; os._exit(3)", "ERROR", "ended with status 3"),
        ("import os; os.kill(os.getpid(), 11)", "ERROR", "SIGSEGV"),
        ("m.rail = object()", "ERROR", "a value of type object cannot be recorded"),
        ("m.rail = 'y' * 2_000_000", "ERROR", "attach it as a file"),
        ("import os; [_write(fd) for fd in range(3, 40)]; import time; time.sleep(9)", "ERROR", "wrote into the pipe"),
        ("import os; os.fork() or os._exit; m.rail = 3; m.noise = [1]; m.noise.aggregations.rms = .5", "PASS", None),
        ("import nosuchmodule", "ERROR", "No module named 'nosuchmodule'"),
    ],
)
def test_the_verdict_of_a_phase_and_its_words(
    bench: Bench, make: Make, body: str, outcome: str, error: str | None
) -> None:
    write = "def _write(fd):\n    import os\n    try: os.write(fd, b'\\xff{}\\n' * 9)\n    except OSError: pass\n"
    folder = make(LIMITS, f"def measures(measurements):\n    m = measurements; {body}\n\ndef off(): pass\n{write}")

    state = run(bench, folder)

    assert bench.verdicts == [("measures", outcome), ("off", "PASS")]
    assert state.outcome == outcome
    first = errors(bench)[0]
    assert (first is None) if error is None else error in (first or "")


def test_a_fork_in_the_road_is_taken_as_declared(bench: Bench, make: Make) -> None:
    folder = make(
        """
        execution: {on_first_failure: stop}
        main:
          - {name: a, python: phases:fails, then: {fail: continue}}
          - {name: b, python: phases:skips, depends_on: [a]}
          - {name: c, python: phases:fails, depends_on: [b]}
          - {name: d, python: phases:passes, depends_on: [c]}
          - {name: e, python: phases:passes, enabled: false}
        teardown: [{name: z, python: phases:passes}]
        """,
        "def fails(phase): phase.fail('dirty')\ndef skips(phase): phase.skip('no socket')\ndef passes(): pass\n",
    )

    state = run(bench, folder)

    assert bench.verdicts == [("a", "FAIL"), ("b", "SKIP"), ("c", "FAIL"), ("z", "PASS")]
    assert errors(bench)[:2] == ["dirty", "no socket"]
    assert state.outcome is Outcome.FAIL  # and not ABORTED, though the failure stopped it
    assert [phase.key for phase in state.plan] == ["a", "b", "c", "d", "z"]


def test_retries_are_used_up(bench: Bench, make: Make) -> None:
    folder = make(
        """
        main:
          - {name: asks, python: phases:asks, retry: {limit: 2, delay: 10ms}}
          - {name: fails, python: phases:fails, retry: {limit: 1}, then: {fail: retry}, depends_on: [asks]}
        execution: {on_first_failure: continue}
        """,
        "def asks(phase, run): phase.retry(f'{run.retry_count} of {run.retry_limit}')\n"
        "def fails(phase): phase.fail('still')\n",
    )

    state = run(bench, folder)

    assert bench.verdicts == [("asks", "SKIP")] * 2 + [("asks", "FAIL"), ("fails", "SKIP"), ("fails", "FAIL")]
    assert "exceeded its retry limit" in (errors(bench)[2] or "")
    assert "exceeded its retry limit" in (errors(bench)[4] or "")
    assert state.outcome is Outcome.FAIL


def test_a_phase_whose_time_is_up_is_ended_with_what_it_has_started(bench: Bench, make: Make) -> None:
    folder = make(
        """
        main:
          - {name: slow, python: phases:slow, timeout: 300ms, then: {timeout: continue}}
          - {name: deaf, python: phases:deaf, timeout: 300ms, then: {timeout: continue}, depends_on: [slow]}
          - name: shell
            executable: {command: "sleep 60"}
            timeout: 300ms
            then: {timeout: continue}
            depends_on: [deaf]
          - {name: next, python: phases:fine, depends_on: [shell]}
        """,
        """
        import os, pathlib, signal, subprocess, time

        def slow(measurements):
            measurements.first = 1
            try:
                time.sleep(60)
            finally:
                pathlib.Path(os.environ["PROOF"], "tidy").touch()

        def deaf():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "60"])
            pathlib.Path(os.environ["PROOF"], "child").write_text(str(child.pid))
            time.sleep(60)

        def fine(): pass
        """,
    )

    state = run(bench, folder)

    assert bench.verdicts == [("slow", "TIMEOUT"), ("deaf", "TIMEOUT"), ("shell", "TIMEOUT"), ("next", "PASS")]
    assert set(errors(bench)[:3]) == {"The phase took longer than its limit of 0.3 s."}
    assert (bench.home / "tidy").exists()
    assert not _is_running(int((bench.home / "child").read_text()))
    assert [one.name for one in bench.of(PhaseComplete)[0].measurements or []] == ["first"]
    assert state.outcome is Outcome.TIMEOUT


def test_a_stop_interrupts_the_phase_and_makes_the_bench_safe(bench: Bench, make: Make) -> None:
    folder = make(
        """
        plugs: [{name: supply, python: plugs:Supply}]
        main: [{name: holds, python: phases:holds}, {name: never, python: phases:off, depends_on: [holds]}]
        teardown: [{name: off, python: phases:off}]
        """,
        """
        import os, pathlib, time

        def holds(supply):
            supply.on()
            pathlib.Path(os.environ["PROOF"], "holding").touch()
            time.sleep(60)

        def off(supply): supply.off()
        """,
        plugs="""
        import os, pathlib

        class Supply:
            def on(self): pass
            def off(self): pathlib.Path(os.environ["PROOF"], "off").touch()
            def close(self): pathlib.Path(os.environ["PROOF"], "closed").touch()
        """,
    )
    bench.start("declared", folder=folder)
    eventually((bench.home / "holding").exists, 10)

    bench.engine.stop("olga@example.com", "smoke")
    state = bench.over(8)

    bench.is_well_formed()
    assert bench.verdicts == [("holds", "ABORTED"), ("off", "PASS")]
    assert (bench.home / "off").exists()
    assert (bench.home / "closed").exists()
    assert state.outcome is Outcome.ABORTED


def test_nothing_of_a_killed_procedure_lives_on_and_its_plugs_are_closed(bench: Bench, make: Make) -> None:
    folder = make(
        "plugs: [{name: supply, python: plugs:Supply}]\nmain: [{name: holds, python: phases:holds}]",
        """
        import os, pathlib, subprocess, time

        def holds(supply):
            supply.on()
            child = subprocess.Popen(["sleep", "60"], start_new_session=True)
            pids = f"{os.getpid()} {child.pid} {supply.pid()}"
            pathlib.Path(os.environ["PROOF"], "pids.part").write_text(pids)
            os.rename(pathlib.Path(os.environ["PROOF"], "pids.part"), pathlib.Path(os.environ["PROOF"], "pids"))
            time.sleep(60)
        """,
        plugs="""
        import os, pathlib

        class Supply:
            def on(self): pass
            def pid(self): return os.getpid()
            def close(self): pathlib.Path(os.environ["PROOF"], "closed").touch()
        """,
    )
    bench.start("declared", folder=folder)
    eventually((bench.home / "pids").exists, 10)
    pids = [int(pid) for pid in (bench.home / "pids").read_text().split()]

    conductor = psutil.Process(psutil.Process(pids[0]).ppid())
    conductor.kill()
    state = bench.over(10)

    bench.is_well_formed()
    assert not any(_is_running(pid) for pid in pids)
    assert (bench.home / "closed").exists()
    assert bench.verdicts == [("holds", "ERROR")]
    assert state.outcome is Outcome.ERROR


def test_a_plug_keeps_its_state_takes_keywords_and_raises_its_own_errors(bench: Bench, make: Make) -> None:
    folder = make(
        """
        plugs: [{name: Meter, key: dmm, python: plugs:Meter, config: {volts: 4.5}}]
        main:
          - {name: reads, python: phases:reads}
          - {name: breaks, python: phases:breaks, depends_on: [reads]}
        """,
        """
        def reads(DMM, log):
            DMM.range = 10
            log.info(f"{DMM.read(scale=2)} {DMM.range} {DMM.volts} {type(DMM.raw()).__name__}")

        def breaks(dmm): dmm.read(scale=None)
        """,
        plugs="""
        class Meter:
            def __init__(self, volts): self.volts = volts
            def read(self, scale): return self.volts * scale
            def raw(self): return b"\\x00"
            def __del__(self): print("let go")
        """,
    )

    run(bench, folder)

    assert "9.0 10 4.5 bytes" in bench.lines
    assert "Meter: let go" in bench.lines
    assert bench.verdicts[1] == ("breaks", "ERROR")
    assert "TypeError" in (errors(bench)[1] or "")


@pytest.mark.parametrize(
    ("plug", "config", "said"),
    [
        ("raise OSError('no instrument at USB0')", "{}", "OSError: no instrument at USB0"),
        ("pass", "{nonsense: 1}", "nonsense"),
        ("import os; os._exit(4)", "{}", "ended with status 4"),
    ],
)
def test_a_plug_that_cannot_be_made_ends_the_run_before_it_begins(
    bench: Bench, make: Make, plug: str, config: str, said: str
) -> None:
    folder = make(
        f"plugs: [{{name: Meter, python: plugs:Meter, config: {config}}}]\nmain: [{{name: a, python: phases:a}}]",
        "def a(meter): pass",
        plugs=f"class Meter:\n    def __init__(self):\n        {plug}\n",
    )

    state = run(bench, folder)

    assert bench.verdicts == []
    assert state.outcome is Outcome.ERROR
    assert said in (state.error or "")


def test_phases_that_wait_for_nobody_run_side_by_side(bench: Bench, make: Make) -> None:
    folder = make(
        "execution: {workers: 3}\nmain: [{name: a, python: 'phases:meet'}, {name: b, python: 'phases:meet'}]",
        """
        import os, pathlib, time

        def meet(run):
            place = pathlib.Path(os.environ["PROOF"])
            (place / f"{run.job_id}.here").touch()
            deadline = time.monotonic() + 10
            while len(list(place.glob("*.here"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert len(list(place.glob("*.here"))) == 2
        """,
    )

    run(bench, folder)

    assert sorted(bench.verdicts) == [("a", "PASS"), ("b", "PASS")]


def test_a_question_runs_beside_the_function_and_its_answers_are_measured(bench: Bench, make: Make) -> None:
    folder = make(
        """
        main:
          - name: looks
            description: Look at the board
            measurements:
              - {name: led, validators: [{operator: ==, expected_value: true}]}
              - {name: torque, unit: Nm, validators: [{operator: ">", expected_value: 1}]}
            ui:
              components:
                - {type: switch, key: lit, label: LED lit, required: true, bind: measurements.led}
                - {type: number_input, label: Torque, required: true, min: 0, max: 9, bind: measurement.torque}
                - type: radio
                  label: Batch
                  bind: unit.batch_number
                  options: [{value: b1, label: One}, {value: b2, label: Two}]
        """,
    )
    bench.start("declared", folder=folder)
    asked = bench.one(UiRequest)
    assert [(one.key, one.type, [option.label for option in one.options]) for one in asked.components] == [
        ("lit", "switch", ["Yes", "No"]), ("torque", "number_input", []), ("batch", "radio", ["One", "Two"]),
    ]  # fmt: skip
    good = {"lit": "true", "torque": "1,5", "batch": "b2"}
    for wrong in ({**good, "torque": "ten"}, {**good, "torque": "10"}, {**good, "batch": "b3"}, {"torque": "1"}):
        with pytest.raises(Refused):
            bench.engine.answer(asked.request_id, wrong, "olga@example.com")

    bench.engine.answer(asked.request_id, good, "olga@example.com")
    state = bench.over()

    bench.is_well_formed()
    assert state.outcome is Outcome.PASS
    measured = {one.name: one.measured_value for one in bench.of(PhaseComplete)[0].measurements or []}
    assert measured == {"led": True, "torque": 1.5}
    assert state.unit.batch_number == "b2"


def test_a_declared_unit_is_asked_for_until_it_fits(bench: Bench, make: Make) -> None:
    folder = make(
        """
        unit:
          serial_number: {pattern: "^SN-\\\\d+$", placeholder: SN-000}
          part_number: {default_value: PCB-7}
          sub_units: [{label: Power supply, serial_number: {min_length: 4}}]
          metadata: {fixture: {default_value: F1}}
        main: [{name: a, python: phases:a}]
        """,
        "def a(unit, log): log.info(f\"{unit.sub_units['power_supply']} {unit.metadata['fixture']}\")",
    )
    bench.start("declared", "XX", folder=folder)  # what was scanned at the start does not fit
    asked = bench.one(IdentifyRequest)
    assert [one.key for one in asked.components] == [
        "serial_number", "part_number", "sub_unit:power_supply", "metadata:fixture",
    ]  # fmt: skip
    assert "does not look as expected" in bench.lines[0]
    for wrong in ({"serial_number": "SN-x"}, {"serial_number": "SN-1", "sub_unit:power_supply": "PS"}):
        with pytest.raises(Refused):
            bench.engine.answer(asked.request_id, wrong, "olga@example.com")

    answer = {"serial_number": " SN-7 ", "sub_unit:power_supply": "PS-01"}
    bench.engine.answer(asked.request_id, answer, "olga@example.com")
    bench.over()

    bench.is_well_formed()
    assert "PS-01 F1" in bench.lines
    assert bench.record is not None
    assert (bench.record.body["serial_number"], bench.record.body["part_number"]) == ("SN-7", "PCB-7")
    assert bench.record.body["sub_units"] == ["PS-01"]


def test_a_unit_with_defaults_is_not_asked_for(bench: Bench, make: Make) -> None:
    run(bench, make(f"{AUTO}\nmain: [{{name: a}}]"), None)

    assert not bench.of(IdentifyRequest)
    assert bench.verdicts == [("a", "PASS")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("main: []", "At least one is needed here"),
        ("main: [{name: a, depends_on: [b]}]", "There is no phase “b” in main"),
        ("execution: {slots: [{name: a}, {name: b}]}\nmain: [{name: a}]", "2 slots"),
        ("main: [{name: a, ui: {components: [{type: slider}]}}]", "shows a slider, which comes later"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(bench: Bench, make: Make, text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        bench.start("declared", folder=make(text))


def test_functions_are_found_by_files_and_modules_and_what_is_missing_is_named(bench: Bench, make: Make) -> None:
    folder = make(
        """
        execution: {on_first_failure: continue}
        main:
          - {name: one, python: ./phases:one}
          - {name: two, python: sub.two, depends_on: [one]}
          - {name: three, python: phases:three, depends_on: [two]}
          - {name: four, python: phases:wants, depends_on: [three]}
          - {name: five, python: sub/none:x, depends_on: [four]}
        """,
        "def one(): pass\ndef wants(voltmeter): pass\n",
    )
    (folder / "sub").mkdir()
    (folder / "sub" / "two.py").write_text("import phases\ndef two(): pass\n")

    run(bench, folder)

    assert [outcome for _, outcome in bench.verdicts] == ["PASS", "PASS", "ERROR", "ERROR", "ERROR"]
    assert "has no “three”" in (errors(bench)[2] or "")
    assert "The phase wants “voltmeter”, which is nothing here. There are: measurements" in (errors(bench)[3] or "")
    assert "There is no file" in (errors(bench)[4] or "")


def test_ten_thousand_lines_and_bytes_that_are_no_text_arrive(bench: Bench, make: Make) -> None:
    folder = make(
        "main: [{name: a, python: phases:a}]",
        "import os\ndef a():\n    os.write(1, b'\\xff raw\\n')\n    for n in range(5000): print(n)\n",
    )

    run(bench, folder)

    assert "� raw" in bench.lines
    assert [line for line in bench.lines if line.isdigit()] == [str(n) for n in range(5000)]
    assert {event.phase_key for event in bench.of(PhaseLog)} == {"a"}
    assert bench.of(PhaseStarted)[0].phase_key == "a"


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
