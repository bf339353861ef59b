"""Stop, kill, and the end of the station program itself: instruments are made safe wherever that can be done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from station.engine import Refused
from station.protocol import IdentifyRequest, Outcome, PhaseStarted, RunCrashed, RunStopping
from tests.engine.bench import Bench, open_bench
from tests.waiting import eventually


def test_a_stop_interrupts_the_phase_and_makes_the_bench_safe(bench: Bench) -> None:
    bench.start("endless")
    eventually((bench.home / "holding").exists, 10)

    bench.engine.stop("olga@example.com", "smoke")
    state = bench.over(8)

    bench.is_well_formed()
    assert bench.verdicts == [("holds", "ABORTED"), ("discharges", "PASS")]
    assert (bench.home / "discharged").exists()
    assert (bench.home / "plug_torn_down").exists()
    assert (state.outcome, state.stop_asked_by) == (Outcome.ABORTED, "olga@example.com")
    assert not bench.of(RunCrashed)
    assert bench.lines == ["Skipped, because the test did not reach them: never."]
    assert bench.record is not None
    assert bench.record.body["outcome"] == "ABORTED"
    assert "Stopped by olga@example.com: smoke" in [line["message"] for line in bench.record.body["logs"]]


def test_a_phase_that_waits_for_something_slow_is_left_behind(bench: Bench) -> None:
    """Python cannot interrupt a thread that waits in the system; the bench is made safe all the same."""
    bench.start("sleeping")
    eventually((bench.home / "holding").exists, 10)

    bench.engine.stop("olga@example.com")
    state = bench.over(8)

    bench.is_well_formed()
    assert bench.verdicts == [("sleeps", "ABORTED"), ("discharges", "PASS")]
    assert state.outcome is Outcome.ABORTED
    assert bench.lines == []


def test_a_second_stop_changes_nothing(bench: Bench) -> None:
    bench.start("endless")
    eventually((bench.home / "holding").exists, 10)

    bench.engine.stop("olga@example.com")
    bench.engine.stop("dev@example.com")
    bench.over(8)

    assert [event.by for event in bench.of(RunStopping)] == ["olga@example.com"]
    assert (bench.home / "plug_torn_down").exists()


def test_a_stop_before_the_unit_is_known_leaves_no_record(bench: Bench) -> None:
    bench.start("endless", serial=None)
    bench.one(IdentifyRequest)

    bench.engine.stop("olga@example.com")
    state = bench.over(8)

    bench.is_well_formed()
    assert state.outcome is Outcome.ABORTED
    assert bench.record is None
    assert not (bench.home / "holding").exists()


def test_a_stop_right_after_the_start_ends_the_run(bench: Bench) -> None:
    bench.start("endless")
    bench.engine.stop("olga@example.com")
    state = bench.over(12)

    bench.is_well_formed()
    assert state.outcome is Outcome.ABORTED


def test_who_does_not_obey_is_ended_after_the_grace_time(tmp_path: Path) -> None:
    with open_bench(tmp_path, stop_grace_s=1.0) as bench:
        bench.start("stubborn")
        helper = eventually(lambda: (tmp_path / "helper").exists() and (tmp_path / "helper").read_text(), 10)

        bench.engine.stop("olga@example.com")
        state = bench.over(12)

        bench.is_well_formed()
        assert state.outcome is Outcome.ABORTED
        assert not psutil.pid_exists(int(helper)) or psutil.Process(int(helper)).status() == psutil.STATUS_ZOMBIE


def test_kill_ends_what_ignores_everything(bench: Bench) -> None:
    bench.start("stubborn")
    eventually((bench.home / "helper").exists, 10)
    began = time.monotonic()

    bench.engine.kill("olga@example.com")
    state = bench.over(8)

    assert time.monotonic() - began < 4
    bench.is_well_formed()
    assert bench.verdicts == [("holds", "ABORTED")]
    assert state.outcome is Outcome.ABORTED
    assert bench.of(RunStopping)[0].is_kill
    assert bench.record is not None


def test_kill_gives_a_willing_script_the_time_to_make_safe(bench: Bench) -> None:
    bench.start("endless")
    eventually((bench.home / "holding").exists, 10)

    bench.engine.kill("olga@example.com")
    state = bench.over(8)

    assert state.outcome is Outcome.ABORTED
    assert (bench.home / "plug_torn_down").exists()


def test_nothing_to_stop_is_refused(bench: Bench) -> None:
    for ask in (bench.engine.stop, bench.engine.kill):
        with pytest.raises(Refused, match="No run is active"):
            ask("olga@example.com")


def test_the_end_of_the_engine_makes_safe_and_keeps_the_record(tmp_path: Path) -> None:
    with open_bench(tmp_path, stop_grace_s=6.0) as bench:
        bench.start("endless")
        eventually((tmp_path / "holding").exists, 10)

        bench.engine.close()

        bench.is_well_formed()
        assert (tmp_path / "plug_torn_down").exists()
        assert bench.record is not None
        assert bench.record.body["outcome"] == "ABORTED"
        with pytest.raises(Refused, match="being stopped"):
            bench.start("passing")


STATION = """
import sys, time
from pathlib import Path
from tests.engine.bench import open_bench

with open_bench(Path(sys.argv[1])) as bench:
    bench.start("endless")
    time.sleep(600)
"""


def test_a_procedure_does_not_outlive_a_killed_station_and_makes_safe(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    station = subprocess.Popen([sys.executable, "-c", STATION, str(tmp_path)], cwd=root)
    try:
        eventually((tmp_path / "holding").exists, 15)
        (procedure,) = psutil.Process(station.pid).children()
    finally:
        os.kill(station.pid, signal.SIGKILL)
        station.wait()

    eventually((tmp_path / "plug_torn_down").exists, 10)
    eventually(lambda: not procedure.is_running() or procedure.status() == psutil.STATUS_ZOMBIE, 10)

    with open_bench(tmp_path) as bench:
        bench.engine.recover()
        ((journal, record),) = bench.finished

    events = list(journal.read_after(-1))
    assert [event.type for event in events][-3:] == ["phase_complete", "run_crashed", "run_complete"]
    crash = next(event for event in events if isinstance(event, RunCrashed))
    assert (crash.error_kind, crash.error) == ("station_restarted", "The station restarted during the run.")
    assert record is not None
    assert (record.body["outcome"], record.body["serial_number"]) == ("ERROR", "SN-1")
    assert [(phase["name"], phase["outcome"]) for phase in record.body["phases"]] == [("holds", "ERROR")]
    assert any(isinstance(event, PhaseStarted) for event in events)
