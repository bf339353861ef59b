"""Scripts that do not get to their end: the run always does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import psutil
import pytest

from station.engine import Refused, check_folder
from station.protocol import Outcome, PhaseStarted, RunCrashed
from tests.engine.bench import PROCEDURES, Bench, open_bench
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        (
            "unimportable",
            "load_error",
            "The script could not be loaded: ModuleNotFoundError: No module named 'no_such_library' (main.py, line 1)",
        ),
        (
            "raising_on_import",
            "load_error",
            "The script could not be loaded: RuntimeError: calibration.csv of bench 7 is missing (main.py, line 4)",
        ),
        ("refusing", "load_error", "The script ended before it executed a test: no licence for this bench"),
        ("silent", "subprocess_crash", "The script ended without executing a test."),
    ],
)
def test_a_script_that_tests_nothing_is_a_crash_in_words(bench: Bench, name: str, kind: str, sentence: str) -> None:
    state = bench.run(name, serial=None)

    bench.is_well_formed()
    crash = bench.one(RunCrashed)
    assert (crash.error_kind, crash.error.split("\n")[0]) == (kind, sentence)
    assert "openhtf_run" not in crash.error
    assert (state.outcome, state.error) == (Outcome.ERROR, crash.error)
    assert bench.record is None


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("kill", "The procedure's process was ended by signal SIGKILL (9)."),
        ("segfault", "The procedure's process was ended by signal SIGSEGV (11)."),
        ("exit", "The procedure's process ended with exit status 7 before its test was over.\nleaving hard"),
    ],
)
def test_a_process_that_dies_in_a_phase_leaves_a_record(bench: Bench, how: str, sentence: str) -> None:
    state = bench.run("dying", environment={"HOW": how})

    bench.is_well_formed()
    assert bench.verdicts == [("dies", "ERROR")]
    crash = bench.one(RunCrashed)
    assert crash.error_kind == "subprocess_crash"
    assert crash.error.startswith(sentence)
    assert [event.type for event in bench.events][-3:] == ["phase_complete", "run_crashed", "run_complete"]
    assert state.outcome is Outcome.ERROR
    assert bench.record is not None
    assert bench.record.body["outcome"] == "ERROR"
    if how == "exit":
        assert "about to die" in bench.lines


def test_a_script_that_is_not_python_is_a_crash_in_words(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "unparsable"
    folder.mkdir()
    (folder / "main.py").write_text("import openhtf as htf\n\ndef broken(test)\n    pass\n")

    state = bench.run("unparsable", folder=folder)

    assert state.error_kind == "load_error"
    assert (state.error or "").split("\n")[0] == (
        "The script could not be loaded: SyntaxError: expected ':' (main.py, line 3)"
    )


def test_a_killed_process_takes_its_helpers_along(bench: Bench) -> None:
    bench.start("stubborn")
    helper = eventually(lambda: (bench.home / "helper").exists() and (bench.home / "helper").read_text(), 10)
    parent = psutil.Process(int(helper)).ppid()

    os.kill(parent, signal.SIGKILL)
    bench.over()

    assert bench.one(RunCrashed).error.startswith("The procedure's process was ended by signal SIGKILL (9).")
    eventually(lambda: not _is_running(int(helper)))


def test_streams_forks_and_helpers_left_behind_disturb_nothing(bench: Bench) -> None:
    state = bench.run("closing")

    bench.is_well_formed()
    assert state.outcome is Outcome.PASS
    assert bench.lines.count("printed in a fork") == 1


def test_an_interpreter_without_openhtf_is_told_with_the_remedy(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "main.py").write_text("import openhtf\n")
    venv.create(folder / ".venv", with_pip=False, symlinks=True)

    state = bench.run("bare", folder=folder)

    python = folder / ".venv/bin/python"
    assert state.error is not None
    assert state.error.split("\n")[0] == (
        f"This procedure needs OpenHTF, which is not installed for {python}: pip install openhtf"
    )
    assert bench.one(RunCrashed).error_kind == "env_error"


def test_an_interpreter_that_cannot_be_started_is_a_crash(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "main.py").write_text("import openhtf\n")
    (folder / ".venv/bin/python").write_text("no program")

    state = bench.run("broken", folder=folder)

    assert (state.outcome, state.error_kind) == (Outcome.ERROR, "spawn_failed")


def test_an_interpreter_without_a_sign_of_life_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "mute"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "main.py").write_text("import openhtf\n")
    program = folder / ".venv/bin/python"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    with open_bench(tmp_path, start_limit_s=0.3) as bench:
        state = bench.run("mute", folder=folder)

    assert state.error_kind == "startup_stall"
    assert "gave no sign of life within 0.3 s" in (state.error or "")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "empty",
            f"The folder {PROCEDURES / 'empty'} has no main.py, no tests of pytest and no suites of Robot Framework.",
        ),
        ("nowhere", f"The folder {PROCEDURES / 'nowhere'} does not exist."),
    ],
)
def test_a_folder_that_cannot_run_is_refused_in_words(bench: Bench, name: str, problem: str) -> None:
    assert check_folder(PROCEDURES / name) == problem
    with pytest.raises(Refused) as refused:
        bench.start(name)
    assert refused.value.reason == problem
    assert bench.events == []


def test_the_procedure_sees_neither_our_secrets_nor_our_search_path(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STATIONMASTER_SECRET_KEY", "TOFUPILOT_API_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "/hidden")
    folder = tmp_path / "curious"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import os, sys\nimport openhtf as htf\n"
        "def looks(test):\n"
        "    print(sorted(n for n in os.environ if '/hidden' in os.environ[n]), os.environ['PYVISA_LIBRARY'])\n"
        "    print(sys.path[0], os.getcwd(), __name__, sys.argv)\n"
        "htf.Test(looks).execute()\n"
    )

    bench.run("curious", folder=folder, visa_library="@bench")

    assert "[] @bench" in bench.lines
    assert f"{folder} {folder} __main__ ['{folder}/main.py']" in bench.lines


def test_a_second_run_is_refused_while_one_is_active(bench: Bench) -> None:
    bench.start("endless")
    bench.one(PhaseStarted)

    with pytest.raises(Refused, match="A run of “Endless” is active"):
        bench.start("passing")


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_station_itself_does_not_need_openhtf() -> None:
    # In a process of its own: other tests of this one may have imported it.
    asked = "import sys, station.daemon, station.engine; sys.exit('openhtf' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
