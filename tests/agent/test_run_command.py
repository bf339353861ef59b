"""``stationmaster run PATH``: one run on a terminal, started as a person starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from bench_sim.fleet import command
from tests.waiting import eventually

DECLARED = Path(__file__).parent.parent / "engine" / "procedures" / "declared"


def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("run", *words),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rail"
    made.mkdir()
    (made / "procedure.yaml").write_text(
        "name: Rail\nmain:\n  - name: Looks\n    python: phases:looks\n    description: Is it lit?\n"
        "    measurements: [{name: led, validators: [{operator: ==, expected_value: true}]}]\n"
        "    ui: {components: [{type: switch, key: lit, label: Lit, required: true, bind: measurements.led}]}\n"
    )
    (made / "phases.py").write_text("import time, os\ndef looks(): time.sleep(float(os.environ.get('NAP', '0')))\n")
    return made


def test_a_run_is_told_line_by_line() -> None:
    done = run(str(DECLARED), "--serial", "SN-5")

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "✓ PASS")
    assert "rail  5 V  4.75 … 5.25 V  ✓" in done.stdout
    assert "rail is 5.0" not in done.stdout
    assert "rail is 5.0" in run(str(DECLARED / "procedure.yaml"), "--serial", "SN-5", "-v").stdout


def test_questions_are_answered_on_the_terminal_until_they_fit(folder: Path) -> None:
    done = run(str(folder), stdin="\nSN-1\n\nperhaps\nfalse\n")

    assert done.returncode == 1
    assert "Is it lit?" in done.stdout
    assert "Serial number: an answer is needed." in done.stderr
    assert "Lit: true or false, not “perhaps”." in done.stderr
    assert "led = False: not == true" in done.stdout
    assert done.stdout.splitlines()[-1] == "✕ FAIL"


def test_answers_may_be_recorded(folder: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "answers.json"
    recorded.write_text(json.dumps({"looks": {"lit": True}}))

    assert run(str(folder), "--serial", "SN-1", "--answers", str(recorded)).returncode == 0


def test_a_run_that_nobody_answers_is_stopped(folder: Path) -> None:
    done = run(str(folder), "--serial", "SN-1")

    assert done.returncode == 130
    assert "nobody to answer" in done.stderr
    assert done.stdout.splitlines()[-1] == "■ ABORTED"


def test_ctrl_c_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "procedure.yaml").write_text("name: T\nmain: [{name: waits, python: 'phases:waits'}]\n")
    (tmp_path / "phases.py").write_text(
        "import pathlib, time\ndef waits():\n    pathlib.Path('waiting').touch()\n    time.sleep(60)\n"
    )
    program = subprocess.Popen(
        command("run", str(tmp_path), "--serial", "SN-1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    eventually((tmp_path / "waiting").exists, 20)

    program.send_signal(signal.SIGINT)
    said, complaints = program.communicate(timeout=20)

    assert program.returncode == 130
    assert "■ waits" in said
    assert "instruments are made safe" in complaints


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("/nowhere/at/all",), "There is no folder /nowhere/at/all."),
        ((str(DECLARED.parents[3] / "README.md"),), "is no procedure"),
        ((str(DECLARED.parent / "empty"),), "has no main.py"),
        ((str(DECLARED), "--answers", __file__), "cannot be read"),
        ((str(DECLARED), "--serial", " "), "The serial number is missing."),
    ],
)
def test_what_cannot_be_run_is_one_line(words: tuple[str, ...], said: str) -> None:
    done = run(*words)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_all_problems_of_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "procedure.yaml").write_text("name: T\nmian: []\nmain: [{name: a, timeout: soon}]\n")

    done = run(str(tmp_path))

    assert done.returncode == 1
    assert "procedure.yaml has 2 problems:" in done.stderr
    assert "procedure.yaml:2:1: mian: “mian” is not known here. Did you mean “main”?" in done.stderr
