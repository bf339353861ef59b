"""The engine around its runs: one at a time, faults of others, the start after a crash."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from station.engine import Engine
from station.journal import Journal, JournalShelf
from station.protocol import AnyRunEvent, Outcome, PhaseComplete, PhaseStarted, RunComplete, RunStarting
from tests.engine.bench import Bench, open_bench
from tests.waiting import eventually


def test_a_trivial_run_takes_less_than_two_seconds(bench: Bench) -> None:
    began = time.monotonic()
    bench.run("passing")

    assert time.monotonic() - began < 2


def test_one_run_after_the_other_on_one_engine(bench: Bench) -> None:
    first = bench.start("passing")
    assert bench.engine.active_execution_id == first
    bench.over()
    assert bench.engine.active_execution_id is None
    second = bench.start("failing", serial="SN-2")
    bench.over()

    assert [journal.execution_id for journal, _ in bench.finished] == [first, second]
    assert [record.body["serial_number"] for _, record in bench.finished if record] == ["SN-1", "SN-2"]
    journal = bench.engine.journal
    assert journal is not None
    assert (journal.execution_id, journal.is_complete) == (second, True)


def test_the_next_run_may_begin_when_the_record_is_handed_over(tmp_path: Path) -> None:
    """As a bench does that tests unit after unit by itself."""
    with open_bench(tmp_path) as bench:
        serials = iter(["SN-2", "SN-3"])

        def go_on(journal: Journal, record: object) -> None:
            del record
            bench.finished.append((journal, None))
            serial = next(serials, None)
            if serial:
                bench.start("passing", serial=serial)

        bench.engine._on_finished = go_on
        bench.start("passing")
        eventually(lambda: len(bench.finished) == 3, 15)


def test_a_listener_that_fails_does_not_harm_the_run(tmp_path: Path) -> None:
    def fail(event: object) -> None:
        raise RuntimeError(f"cannot take {event!r:.20}")

    with open_bench(tmp_path) as bench:
        bench.engine._on_event = fail
        bench.start("passing")
        assert bench.engine.wait(15)
        journal, record = bench.finished[0]

    assert record is not None
    assert record.body["outcome"] == "PASS"
    assert journal.is_complete


class FullDisk(Journal):
    """A journal on a disk that is full from the first phase on."""

    is_full = False

    def append(self, event: AnyRunEvent) -> None:
        self.is_full = self.is_full or isinstance(event, PhaseStarted)
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().append(event)


class FullShelf(JournalShelf):
    def create(self, execution_id: str) -> Journal:
        return FullDisk(super().create(execution_id).path)


def test_a_full_disk_makes_the_bench_safe_and_loses_no_more_than_the_run(tmp_path: Path) -> None:
    with open_bench(tmp_path) as bench:
        bench.engine._shelf = FullShelf(tmp_path / "journals")
        bench.start("endless")
        assert bench.engine.wait(15)

        assert (tmp_path / "plug_torn_down").exists() or not (tmp_path / "holding").exists()
        assert bench.engine.active_execution_id is None
        assert bench.finished[0][1] is None

    with open_bench(tmp_path) as bench:
        bench.engine.recover()
        ((_, record),) = bench.finished
        assert record is not None
        assert record.body["outcome"] == "ERROR"
        assert bench.run("passing").outcome is Outcome.PASS


def test_recovery_ends_what_a_crash_left_open(tmp_path: Path) -> None:
    with open_bench(tmp_path) as bench:
        bench.run("passing")
        ((done, _),) = bench.finished
        events = list(done.read_after(-1))
    lines = done.path.read_bytes().split(b"\n")
    done.path.write_bytes(b"\n".join(lines[:10]) + b'\n{"type": "pha')  # in the second phase, in the middle of a line
    empty = done.path.with_name("never-begun.jsonl")
    empty.touch()

    with open_bench(tmp_path) as bench:
        bench.engine.recover()

        ((journal, record),) = bench.finished
        assert [event.type for event in list(journal.read_after(9))] == [
            "phase_complete",
            "run_crashed",
            "run_complete",
        ]
        assert list(journal.read_after(-1))[:10] == events[:10]
        assert all(event.at == events[9].at for event in journal.read_after(9))
        assert record is not None
        assert [(p["name"], p["outcome"]) for p in record.body["phases"]] == [("power_on", "PASS"), ("boot", "ERROR")]
        assert record.body["phases"][1]["measurements"][0]["measured_value"] == "OK"
        assert not empty.exists()

        bench.engine.recover()
        assert len(bench.finished) == 1


@pytest.mark.parametrize("kept", range(1, 13))
def test_recovery_from_any_point_gives_one_end(tmp_path: Path, kept: int) -> None:
    with open_bench(tmp_path) as bench:
        bench.run("passing")
        path = bench.finished[0][0].path
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    finished: list[Journal] = []
    shelf = JournalShelf(tmp_path / "journals")

    Engine(shelf, tmp_path / "work", on_finished=lambda journal, _: finished.append(journal)).recover()

    events = list(finished[0].read_after(-1))
    assert isinstance(events[0], RunStarting)
    assert isinstance(events[-1], RunComplete)
    assert [event.seq for event in events] == list(range(len(events)))
    opened = [(event.phase_key, event.attempt) for event in events if isinstance(event, PhaseStarted)]
    assert opened == [(event.phase_key, event.attempt) for event in events if isinstance(event, PhaseComplete)]
