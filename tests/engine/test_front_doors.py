"""Files of pytest, suites of Robot Framework and plain scripts, unmodified, through the engine."""

from __future__ import annotations

import os
import signal
import textwrap
import venv
from pathlib import Path

import psutil
import pytest

from station.engine import check_folder
from station.frameworks import Framework, framework_of
from station.protocol import (
    AttachmentAdded,
    IdentifyRequest,
    IdentifyResolved,
    Measurement,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    RunComplete,
    RunCrashed,
    RunStarted,
)
from tests.engine.bench import PROCEDURES, Bench
from tests.waiting import eventually

BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the plugins of our own tests take a second to load


def write(folder: Path, **files: str) -> Path:
    """A procedure of these files; two underscores in a name stand for its dot."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(textwrap.dedent(text))
    return folder


def ends(bench: Bench) -> dict[str, PhaseComplete]:
    return {event.name.split("::")[-1]: event for event in bench.of(PhaseComplete)}


def measured(event: PhaseComplete) -> dict[str, Measurement]:
    return {measurement.name: measurement for measurement in event.measurements or ()}


def limits(measurement: Measurement) -> list[tuple[str, str]]:
    return [(limit.expression, limit.outcome.value) for limit in measurement.validators]


# ── which framework ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("files", "entry", "found"),
    [
        ({"procedure.yaml": "", "main.py": "", "requirements.txt": "openhtf"}, None, Framework.NATIVE),
        ({"other.yaml": "", "main.py": ""}, "other.yaml", Framework.NATIVE),
        ({"main.py": "", "requirements.txt": "OpenHTF>=1.6\n"}, None, Framework.OPENHTF),
        ({"main.py": "import openhtf as htf\n"}, None, Framework.OPENHTF),
        ({"main.py": "", "pyproject.toml": '[project]\ndependencies = ["openhtf"]\n'}, None, Framework.OPENHTF),
        ({"main.py": "", "requirements.txt": "my_openhtf_helper\nopenhtf-extras\n"}, None, Framework.PLAIN),
        ({"main.py": "", "notes.txt": "openhtf\n"}, None, Framework.PLAIN),
        ({"main.py": "", "conftest.py": ""}, None, Framework.PYTEST),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, None, Framework.PYTEST),
        ({"tests/test_a.py": "", "a.robot": ""}, None, Framework.PYTEST),
        ({"tests/test_a.py": "", "a.robot": ""}, "a.robot", Framework.ROBOT),
        ({"main.py": "", "a.robot": ""}, None, Framework.ROBOT),
        ({"requirements.txt": "robotframework\n"}, None, Framework.ROBOT),
        ({"other.py": ""}, "other.py", Framework.PLAIN),
    ],
)
def test_the_folder_tells_the_framework(
    tmp_path: Path, files: dict[str, str], entry: str | None, found: Framework
) -> None:
    (tmp_path / "tests").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert framework_of(tmp_path, entry) is found
    assert found is Framework.NATIVE or check_folder(tmp_path, entry) is None


# ── pytest ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_test_is_a_phase_and_its_asserts_are_measurements(bench: Bench) -> None:
    state = bench.run("pytest_all")

    bench.is_well_formed()
    assert (state.outcome, bench.one(RunComplete).exit_code) == (Outcome.ERROR, 1)
    assert bench.one(RunStarted).phases[2].key == "2_test_drop[2-120]"
    assert bench.one(IdentifyResolved).unit.part_number == "PCBA-100"
    end = ends(bench)
    assert [(name, event.outcome.value, event.expected) for name, event in end.items()] == [
        ("test_rail", "PASS", None),
        ("test_drop[1-20]", "PASS", None),
        ("test_drop[2-120]", "FAIL", None),
        ("test_approx", "PASS", None),
        ("test_early_return", "PASS", None),
        ("test_nan", "FAIL", None),
        ("test_skipped", "SKIP", None),
        ("test_known", "SKIP", "XFAIL"),
        ("test_mended", "FAIL", "XPASS"),
        ("test_error_in_setup", "ERROR", None),
        ("test_error_in_teardown", "ERROR", None),
    ]
    rail = measured(end["test_rail"])
    assert (rail["rail"].measured_value, rail["rail"].units, rail["rail"].docstring) == (5.01, "V", "Output voltage")
    assert limits(rail["rail"]) == [(">= 4.75", "PASS"), ("< 5.25", "PASS"), ("> 0", "PASS")]
    assert limits(rail["state"]) == [('in "idle", "ready"', "PASS"), ('== "idle"', "PASS")]
    drop = measured(end["test_drop[2-120]"])
    assert drop.keys() == {"measured", "lit"}
    assert (drop["measured"].outcome, drop["measured"].measured_value, drop["lit"].measured_value) == (
        Outcome.FAIL,
        120.0,
        True,
    )
    assert limits(measured(end["test_approx"])["gain"]) == [(">= 3.2", "PASS"), ("<= 3.4", "PASS")]
    assert measured(end["test_approx"]).keys() == {"gain"}
    assert measured(end["test_early_return"])["late"].outcome is Outcome.UNSET
    assert measured(end["test_nan"])["noise"].outcome is Outcome.FAIL
    assert measured(end["test_error_in_setup"])["never"].outcome is Outcome.UNSET
    assert end["test_rail"].docstring == "Measures the rail."
    assert end["test_drop[2-120]"].error == "AssertionError: Drop [mV]\nassert 100 > 120 (test_rails.py, line 26)"
    assert end["test_skipped"].error == "no fixture for it yet"
    assert end["test_error_in_setup"].error == "setup: OSError: no answer from the load (conftest.py, line 20)"
    first = [(event.level, event.message, event.file) for event in bench.of(PhaseLog)][:3]
    assert first == [
        ("WARNING", "probe worn", "test_rails.py"),
        ("INFO", "switched off", "conftest.py"),
        ("INFO", "serial SN-1\n5 V: Ω", None),
    ]
    live = bench.of(MeasurementUpdate)[0].measurement
    assert (live.name, live.outcome, live.validators[0].outcome) == ("rail", Outcome.UNSET, Outcome.UNSET)
    assert list((PROCEDURES / "pytest_all").rglob("*cache*")) == []


@pytest.mark.parametrize(
    ("files", "error", "logged"),
    [
        ({"test_a__py": "import no_such_driver\n"}, "Not every test could be loaded: test_a.py: ModuleNotFound", ""),
        ({"test_a__py": "def test_a(:\n"}, "Not every test could be loaded: test_a.py: SyntaxError", ""),
        ({"test_a__py": "limit = 5\n"}, "Pytest found no test.", ""),
        (
            {"test_a__py": "", "pytest__ini": "[pytest]\naddopts = --no-such-option\n"},
            "Pytest could not start: ",
            "unrecognized arguments: --no-such-option",
        ),
        ({"test_a__py": "", "conftest__py": "import no_such_driver\n"}, "Pytest could not start: ", "no_such_driver"),
        (
            {"test_a__py": "import pytest\ndef test_a(): pytest.exit('no bench', returncode=0)\n"},
            "The tests were interrupted: no bench",
            "",
        ),
    ],
)
def test_tests_that_say_nothing_about_the_unit_are_an_error(
    bench: Bench, tmp_path: Path, files: dict[str, str], error: str, logged: str
) -> None:
    bench.run("refused", folder=write(tmp_path / "refused", **files), environment=BARE)

    bench.is_well_formed()
    complete = bench.one(RunComplete)
    assert (complete.outcome, complete.exit_code) == (Outcome.ERROR, 5)
    assert (complete.error or "").startswith(error)
    assert logged in (complete.error or "")
    assert bench.of(RunCrashed) == []


def test_stop_interrupts_a_test_and_tears_its_fixtures_down(bench: Bench, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "endless",
        test_endless__py="""
            import os, time
            from pathlib import Path
            import pytest

            proof = Path(os.environ["PROOF"], "instrument")

            @pytest.fixture(scope="session")
            def instrument():
                proof.write_text("on")
                yield
                time.sleep(0.2)  # which a second interruption would cut short
                proof.write_text("off")

            def test_endless(instrument):
                print("begun")
                proof.write_text("running")
                time.sleep(600)

            def test_never(): pass
            """,
    )
    bench.start("endless", folder=folder, environment=BARE)
    eventually(lambda: (bench.home / "instrument").exists() and (bench.home / "instrument").read_text() == "running")

    bench.engine.stop("olga")
    state = bench.over()

    bench.is_well_formed()
    assert state.outcome is Outcome.ABORTED
    assert bench.verdicts == [("test_endless", "ABORTED")]
    assert (bench.home / "instrument").read_text() == "off"
    assert bench.lines == ["begun", "Skipped, because the test did not reach them: test_never."]


def test_one_file_is_run_alone_and_a_crash_leaves_what_was_known(bench: Bench, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "dying",
        test_dies__py="""
            import ctypes, os, time

            def test_dies():
                print("last words")
                time.sleep(0.1)
                os.close(1)
                ctypes.string_at(0)
            """,
        test_other__py="def test_other(): assert False\n",
    )

    state = bench.run("dying", folder=folder, entry="test_dies.py", environment=BARE)

    bench.is_well_formed()
    assert bench.verdicts == [("test_dies", "ERROR")]
    assert bench.one(RunCrashed).error.startswith("The procedure's process was ended by signal SIGSEGV (11).")
    assert state.outcome is Outcome.ERROR
    assert "last words" in bench.lines


def test_output_without_end_and_bad_bytes_harm_nobody(bench: Bench, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "flood",
        test_flood__py=r"""
            import subprocess, sys

            def test_flood():
                sys.stdout.buffer.write(b"bad \xff bytes\n")
                for n in range(40_000):
                    print("line", n, "x" * 480)

            def test_helper_left_behind():
                subprocess.Popen(["sleep", "600"])
                sys.stdout.close()

            def test_after(): pass
            """,
    )

    state = bench.run("flood", folder=folder, environment=BARE)

    bench.is_well_formed()
    assert state.outcome is Outcome.PASS
    gathered = next(line for line in bench.lines if line.startswith("bad \ufffd bytes\nline 0 x"))
    assert "lines are left out here" in gathered
    assert len(gathered) < 25_000
    left = [one.info for one in psutil.process_iter(["name", "cwd"]) if one.info["name"] == "sleep"]
    assert str(folder) not in [info["cwd"] for info in left]


# ── Robot Framework ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_test_case_is_a_phase_and_keywords_measure(bench: Bench) -> None:
    state = bench.run("robot_all")

    bench.is_well_formed()
    assert (state.outcome, bench.one(RunComplete).exit_code) == (Outcome.ERROR, 5)
    assert bench.one(RunStarted).docstring == "The board."
    assert bench.one(RunStarted).phases[0].key == "0_board.robot::Rail"
    end = ends(bench)
    assert [(name, event.outcome.value) for name, event in end.items()] == [
        ("Rail", "PASS"),
        ("Rail Too High", "FAIL"),
        ("Not A Number", "FAIL"),
        ("Assertion Caught On The Way", "ERROR"),
        ("Assertion In A Keyword", "FAIL"),
        ("Unknown Keyword", "ERROR"),
        ("Setup Fails", "ERROR"),
        ("Teardown Fails", "ERROR"),
        ("Skipped", "SKIP"),
    ]
    rail = measured(end["Rail"])
    assert (rail["rail_5v"].measured_value, rail["rail_5v"].units, rail["rail_5v"].docstring) == (5.01, "V", "Output")
    assert limits(rail["rail_5v"]) == [(">= 4.75", "PASS"), ("<= 5.25", "PASS")]
    assert (rail["state"].measured_value, rail["led"].measured_value) == ("idle", True)
    assert end["Rail Too High"].error == "rail_5v = 9.1 V: not <= 5.25"
    assert measured(end["Not A Number"])["rail_5v"].outcome is Outcome.FAIL
    assert [event.message for event in bench.of(PhaseLog) if event.level == "WARNING"] == ["probe worn"]
    assert "serial SN-1" in bench.lines
    attached = bench.one(AttachmentAdded)
    assert (attached.name, attached.phase_key) == ("output.xml", "")
    assert Path(str(attached.path)).read_text().startswith("<?xml")


def test_suites_fail_by_their_teardown_and_err_by_their_setup(bench: Bench, tmp_path: Path) -> None:
    test = "*** Test Cases ***\nA\n    No Operation\n"
    folder = write(tmp_path / "suites", a__robot=f"*** Settings ***\nSuite Teardown    Fail    relay stuck\n{test}")

    bench.run("suites", folder=folder)

    complete = bench.one(RunComplete)
    assert (bench.verdicts[0][1], complete.outcome, complete.exit_code) == ("PASS", Outcome.FAIL, 1)
    assert complete.error == "The teardown of A failed: relay stuck"

    bench.events.clear()
    write(folder, a__robot=f"*** Settings ***\nSuite Setup    Fail    no bench\n{test}")
    bench.run("suites", folder=folder)

    assert (bench.verdicts[0][1], bench.one(RunComplete).exit_code) == ("ERROR", 5)
    assert (bench.one(PhaseComplete).error or "").startswith("Parent suite setup failed:")

    bench.events.clear()
    write(folder, a__robot="*** Settings ***\nDocumentation    Nothing to test.\n")
    bench.run("suites", folder=folder)

    assert bench.one(RunComplete).exit_code == 5
    assert "no test" in (bench.one(RunComplete).error or "")
    assert bench.of(RunCrashed) == bench.of(PhaseStarted) == []


def test_stop_ends_a_suite_with_its_teardown(bench: Bench, tmp_path: Path) -> None:
    library = PROCEDURES / "robot_all/instruments.py"
    folder = write(
        tmp_path / "waits",
        instruments__py=library.read_text(),
        waits__robot="""\
            *** Settings ***
            Library    instruments.py
            Library    stationmaster_robot
            *** Test Cases ***
            Waits
                Note    running
                Wait Long
                [Teardown]    Note    off
            Never
                No Operation
            """,
    )
    bench.start("waits", folder=folder)
    eventually(lambda: (bench.home / "robot").exists())

    bench.engine.stop("olga")
    state = bench.over()

    bench.is_well_formed()
    assert state.outcome is Outcome.ABORTED
    assert bench.verdicts[0] == ("waits.robot::Waits", "ABORTED")
    assert (bench.home / "robot").read_text() == "off"


@pytest.mark.parametrize("name", ["rail_pytest", "rail_robot"])
def test_the_examples_pass_on_the_simulated_bench(bench: Bench, name: str) -> None:
    folder = Path(__file__).parents[2] / "procedures" / name

    state = bench.run(name, serial="SN-000001", folder=folder, visa_library="@bench", environment=BARE)

    assert state.outcome is Outcome.PASS
    assert [measurement.outcome for phase in bench.of(PhaseComplete) for measurement in phase.measurements or ()] == [
        Outcome.PASS,
        Outcome.PASS,
    ]


# ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_unit_is_asked_for_with_what_the_project_knows(bench: Bench) -> None:
    bench.start("pytest_all", serial=None)
    request = bench.one(IdentifyRequest)
    assert [(one.key, one.default_value) for one in request.components] == [("serial_number", "SN-OF-THE-PROJECT")]

    bench.engine.answer(request.request_id, {"serial_number": "SN-9"}, "olga")
    bench.over()

    assert bench.record is not None
    assert (bench.record.body["serial_number"], bench.record.body["part_number"]) == ("SN-9", "PCBA-100")
    assert bench.lines[2].startswith("serial SN-9")


@pytest.mark.parametrize(("name", "package"), [("test_a__py", "pytest"), ("a__robot", "robotframework")])
def test_a_framework_that_is_missing_is_told_with_the_remedy(
    bench: Bench, tmp_path: Path, name: str, package: str
) -> None:
    folder = write(tmp_path / "bare", **{name: ""})
    venv.create(folder / ".venv", with_pip=False, symlinks=True)

    bench.run("bare", folder=folder)

    python = folder / ".venv/bin/python"
    complete = bench.one(RunComplete)
    assert (complete.outcome, complete.exit_code) == (Outcome.ERROR, 5)
    assert (
        complete.error == f"This procedure needs {package}, which is not installed for {python}: pip install {package}"
    )


# ── plain scripts ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("script", "outcome", "code"),
    [
        ("print('fine')", "PASS", 0),
        ("import sys; sys.exit(5)", "ERROR", 5),
        ("import sys; sys.exit('no licence')", "FAIL", 1),
        ("import os; os._exit(130)", "ABORTED", 130),
        ("import os; os.execvp('sh', ['sh', '-c', 'exit 7'])", "FAIL", 7),
        ("raise RuntimeError('no bench')", "FAIL", 1),
        ("import sys\nsys.stdout.close()\nsys.stderr.close()", "PASS", 0),
    ],
)
def test_the_exit_status_of_a_plain_script_is_its_verdict(
    bench: Bench, tmp_path: Path, script: str, outcome: str, code: int
) -> None:
    bench.run("script", serial=None, folder=write(tmp_path / "script", main__py=script))

    bench.is_well_formed()
    complete = bench.one(RunComplete)
    assert (complete.outcome.value, complete.exit_code) == (outcome, code)
    assert bench.of(IdentifyRequest) == bench.of(RunCrashed) == []
    assert (bench.one(RunStarted).phases, bench.record) == ([], None)


def test_what_a_plain_script_prints_is_told_to_its_very_end(bench: Bench, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "talking",
        main__py="""
            import atexit, threading, time
            atexit.register(print, "at exit")
            print("first")
            threading.Thread(target=lambda: (time.sleep(0.1), print("from a thread"))).start()
            raise RuntimeError("no bench")
            """,
    )

    bench.run("talking", folder=folder)

    lines = bench.lines
    assert lines[0] == "first"
    assert lines[1:4] == [
        "Traceback (most recent call last):",
        f'  File "{folder}/main.py", line 6, in <module>',
        '    raise RuntimeError("no bench")',
    ]
    assert lines[-2:] == ["from a thread", "at exit"]
    assert bench.record is not None  # its unit was entered
    assert bench.record.body["outcome"] == "FAIL"


def test_a_plain_script_is_stopped_like_by_ctrl_c_and_killed_by_a_signal_is_no_pass(
    bench: Bench, tmp_path: Path
) -> None:
    folder = write(
        tmp_path / "waits",
        main__py="""
            import os, sys, time
            print("pid", os.getpid())
            try:
                time.sleep(600)
            finally:
                print("made safe")
                sys.exit(0)
            """,
    )
    bench.start("waits", folder=folder)
    eventually(lambda: bench.lines)
    bench.engine.stop("olga")

    assert bench.over().outcome is Outcome.ABORTED
    assert bench.lines[-1] == "made safe"

    bench.events.clear()
    bench.start("waits", folder=folder)
    os.kill(int(eventually(lambda: bench.lines)[0].split()[1]), signal.SIGKILL)
    bench.over()

    assert bench.one(RunComplete).outcome is Outcome.ERROR
    assert bench.one(RunCrashed).error.startswith("The procedure's process was ended by signal SIGKILL (9).")
