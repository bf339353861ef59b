"""The journal of an execution: in order, tolerant of a torn end, found again after a restart."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.journal import Journal, JournalShelf
from station.protocol import AnyRunEvent, Outcome, PhaseLog, RunComplete, RunStarting, write

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def starting(execution_id: str = "run-1") -> RunStarting:
    return RunStarting(execution_id=execution_id, seq=0, at=AT, procedure_id="p", procedure_name="P")


def line(seq: int, execution_id: str = "run-1") -> PhaseLog:
    at = AT + timedelta(seconds=seq)
    return PhaseLog(execution_id=execution_id, seq=seq, at=at, phase_key="0_a", message=f"line {seq} – ✓")


def complete(seq: int, execution_id: str = "run-1") -> RunComplete:
    return RunComplete(execution_id=execution_id, seq=seq, at=AT, outcome=Outcome.PASS)


@pytest.fixture
def shelf(tmp_path: Path) -> JournalShelf:
    return JournalShelf(tmp_path / "journals", keep=3)


def filled(shelf: JournalShelf, count: int, execution_id: str = "run-1") -> tuple[Journal, list[AnyRunEvent]]:
    journal = shelf.create(execution_id)
    events: list[AnyRunEvent] = [starting(execution_id), *(line(seq, execution_id) for seq in range(1, count))]
    for event in events:
        journal.append(event)
    journal.close()
    return journal, events


def test_what_was_appended_is_read_from_any_point(shelf: JournalShelf) -> None:
    journal, events = filled(shelf, 700)

    for seq in (-1, 0, 1, 126, 127, 128, 129, 255, 256, 500, 698, 699, 5000):
        assert list(journal.read_after(seq)) == events[seq + 1 :], seq
    assert journal.last_seq == 699


def test_an_event_is_in_the_file_before_append_returns(shelf: JournalShelf) -> None:
    journal = shelf.create("run-1")
    journal.append(starting())

    assert journal.path.read_text() == write(starting()) + "\n"
    journal.append(line(1))
    assert list(shelf.open("run-1").read_after(-1)) == [starting(), line(1)]
    journal.close()


@pytest.mark.parametrize("seq", [0, 2, 7])
def test_an_event_out_of_order_is_not_written(shelf: JournalShelf, seq: int) -> None:
    journal = shelf.create("run-1")
    journal.append(starting())

    with pytest.raises(ValueError, match="cannot follow"):
        journal.append(line(seq))
    assert list(journal.read_after(-1)) == [starting()]
    journal.close()


def test_nothing_comes_after_the_end(shelf: JournalShelf) -> None:
    journal = shelf.create("run-1")
    for event in (starting(), complete(1)):
        journal.append(event)

    assert journal.is_complete
    with pytest.raises(ValueError, match="cannot follow"):
        journal.append(line(2))
    journal.close()


@pytest.mark.parametrize("torn", [b"{", b'{"type": "phase_log"', b"\x00" * 400, b"\xff\xfe", write(line(300)).encode()])
def test_a_torn_last_line_is_left_out_and_written_over(shelf: JournalShelf, torn: bytes) -> None:
    journal, events = filled(shelf, 300)
    with journal.path.open("ab") as file:
        file.write(torn)

    found = shelf.open("run-1")

    assert found.last_seq == 299
    assert list(found.read_after(290)) == events[291:]
    found.append(line(300))
    found.append(complete(301))
    found.close()
    assert list(shelf.open("run-1").read_after(298)) == [line(299), line(300), complete(301)]


def test_a_journal_cut_anywhere_keeps_every_whole_event(shelf: JournalShelf) -> None:
    journal, events = filled(shelf, 4)
    whole = journal.path.read_bytes()

    for size in range(len(whole) + 1):
        journal.path.write_bytes(whole[:size])
        assert list(shelf.open("run-1").read_after(-1)) == events[: whole[:size].count(b"\n")]


def test_garbage_in_the_middle_ends_the_journal_there(shelf: JournalShelf) -> None:
    journal, events = filled(shelf, 10)
    lines = journal.path.read_bytes().split(b"\n")
    lines[5] = b"garbage"
    journal.path.write_bytes(b"\n".join(lines))

    assert list(shelf.open("run-1").read_after(-1)) == events[:5]


def test_unfinished_and_latest_are_found(shelf: JournalShelf) -> None:
    filled(shelf, 3, "open-1")
    done, _ = filled(shelf, 3, "done-1")
    reopened = shelf.open("done-1")
    reopened.append(complete(3, "done-1"))
    reopened.close()
    filled(shelf, 2, "open-2")
    for number, name in enumerate(("open-1", "done-1", "open-2")):
        os.utime(shelf.folder / f"{name}.jsonl", (number, number))

    assert [journal.execution_id for journal in shelf.unfinished()] == ["open-1", "open-2"]
    latest = shelf.latest()
    assert latest is not None
    assert (latest.execution_id, latest.last_seq, latest.is_complete) == ("open-2", 1, False)
    assert shelf.open(done.execution_id).is_complete


def test_the_oldest_complete_ones_are_pruned(shelf: JournalShelf) -> None:
    for number in range(6):
        name = f"run-{number}"
        journal = shelf.create(name)
        journal.append(starting(name))
        if number != 1:
            journal.append(complete(1, name))
        journal.close()
        os.utime(journal.path, (number, number))

    shelf.prune()

    assert sorted(path.stem for path in shelf.folder.iterdir()) == ["run-1", "run-3", "run-4", "run-5"]


def test_an_empty_shelf_has_nothing(shelf: JournalShelf) -> None:
    assert shelf.latest() is None
    assert shelf.unfinished() == []
    shelf.prune()
    for name in ("none", "../run-1", ""):
        with pytest.raises(FileNotFoundError):
            shelf.open(name)


def test_journals_are_for_their_owner_only(shelf: JournalShelf) -> None:
    journal, _ = filled(shelf, 1)

    assert journal.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        shelf.create("run-1")
