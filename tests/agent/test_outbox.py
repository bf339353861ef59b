from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from station.outbox import Outbox, open_outbox
from station.outbox_file import OutboxBroken
from station.record import RunRecord
from tests.agent.cast import record
from tests.agent.fake_portal import STATION_ID


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        yield outbox


def test_a_record_is_kept_as_it_will_be_sent(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("1;2")
    made = record(files=(tmp_path / "curve.csv",))

    assert outbox.put(made, STATION_ID)

    stored = outbox.find(made.execution_id)
    assert stored is not None
    assert json.loads(stored.body) == made.body
    assert stored.state == "queued"
    assert stored.attachments[0].size_bytes == 3
    assert stored.attachments[0].phase == "rails"
    assert outbox.count_waiting() == 1


def test_the_file_is_private_and_every_commit_is_on_the_disk(outbox: Outbox) -> None:
    assert stat.S_IMODE(outbox.path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(outbox.path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_record_is_queued_once(outbox: Outbox) -> None:
    made = record()

    assert outbox.put(made, STATION_ID)
    assert not outbox.put(made, STATION_ID)

    assert len(outbox.records()) == 1


def test_a_number_that_json_does_not_have_loses_no_record(outbox: Outbox) -> None:
    made = RunRecord("e", {"phases": [{"measured_value": float("nan"), "rest": (1.5, float("inf"))}]}, [])

    outbox.put(made, STATION_ID)

    stored = outbox.find("e")
    assert stored is not None
    assert json.loads(stored.body) == {"phases": [{"measured_value": None, "rest": [1.5, None]}]}


def test_a_missing_file_loses_no_record(outbox: Outbox, tmp_path: Path) -> None:
    made = record(files=(tmp_path / "gone.csv",))

    assert outbox.put(made, STATION_ID)


def test_the_oldest_that_is_due_comes_first(outbox: Outbox) -> None:
    first, second = record(), record()
    outbox.put(first, STATION_ID)
    outbox.put(second, STATION_ID)

    outbox.claim(first.execution_id, 1000.0)
    outbox.wait(first.execution_id, 1060.0, "portal away")

    due_before = outbox.next_due(1059.0)
    due_after = outbox.next_due(1061.0)
    assert due_before is not None
    assert due_before.execution_id == second.execution_id
    assert due_after is not None
    assert due_after.execution_id == first.execution_id


def test_a_clock_that_was_set_back_holds_no_record(outbox: Outbox) -> None:
    made = record()
    outbox.put(made, STATION_ID)
    outbox.claim(made.execution_id, 2e9)
    outbox.wait(made.execution_id, 2e9 + 5, "portal away")

    assert outbox.next_due(1.7e9) is not None


def test_two_claims_of_one_record(outbox: Outbox) -> None:
    made = record()
    outbox.put(made, STATION_ID)

    assert outbox.claim(made.execution_id, 1.0)
    assert not outbox.claim(made.execution_id, 1.0)


def test_a_dropped_record_is_not_brought_back(outbox: Outbox) -> None:
    made = record()
    outbox.put(made, STATION_ID)
    outbox.claim(made.execution_id, 1.0)

    assert not outbox.drop(made.execution_id)  # it is being uploaded
    outbox.park(made.execution_id, "no")
    assert outbox.drop(made.execution_id)
    assert not outbox.finish(made.execution_id, 2.0)

    assert outbox.find(made.execution_id) is None
    assert outbox.records() == []
    assert outbox.count_waiting() == 0
    assert outbox.knows(made.execution_id)  # so its journal does not bring it back either


def test_the_portal_is_back_but_told_times_are_kept(outbox: Outbox) -> None:
    plain, told = record(), record()
    for made in (plain, told):
        outbox.put(made, STATION_ID)
        outbox.claim(made.execution_id, 1000.0)
    outbox.wait(plain.execution_id, 1300.0, "away")
    outbox.wait(told.execution_id, 1300.0, "too many", is_told_to_wait=True)

    outbox.hurry()

    due = outbox.next_due(1001.0)
    assert due is not None
    assert due.execution_id == plain.execution_id
    outbox.claim(plain.execution_id, 1001.0)
    assert outbox.next_due(1001.0) is None


def test_what_a_dead_process_left_half_way_is_queued_again(outbox: Outbox) -> None:
    made = record()
    outbox.put(made, STATION_ID)
    outbox.claim(made.execution_id, 1.0)

    outbox.recover(STATION_ID)

    due = outbox.next_due(1.0)
    assert due is not None
    assert due.state == "queued"


def test_another_stations_record_waits_for_a_person(outbox: Outbox) -> None:
    made = record()
    outbox.put(made, "another station")

    outbox.recover(STATION_ID)

    parked = outbox.find(made.execution_id)
    assert parked is not None
    assert parked.state == "parked"
    assert outbox.retry(made.execution_id)
    outbox.recover(STATION_ID)
    assert outbox.next_due(1.0) is not None


def test_uploaded_records_are_pruned_with_their_files_and_others_never(outbox: Outbox, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    made = [record() for _ in range(5)]
    for n, one in enumerate(made):
        (runs / one.execution_id).mkdir(parents=True)
        outbox.put(one, STATION_ID)
        outbox.claim(one.execution_id, 1.0)
        if n < 4:
            outbox.finish(one.execution_id, float(n))

    assert outbox.prune(runs, keep=2) == 2

    kept = {one.execution_id for one in outbox.records()}
    assert kept == {one.execution_id for one in made[2:]}
    assert {folder.name for folder in runs.iterdir()} == kept


def test_a_broken_file_is_moved_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with closing(Outbox(path)) as outbox:
        for _ in range(50):
            outbox.put(record(), STATION_ID)
    damaged = bytearray(path.read_bytes())
    damaged[5000:20000] = b"\xff" * 15000
    path.write_bytes(damaged)
    with pytest.raises(OutboxBroken):
        Outbox(path)

    outbox, aside = open_outbox(path)

    with closing(outbox):
        assert outbox.records() == []
        assert outbox.put(record(), STATION_ID)
    assert aside is not None
    assert aside.read_bytes() == bytes(damaged)


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_text("my notes, which I would like to keep" * 100)

    outbox, aside = open_outbox(path)

    with closing(outbox):
        assert outbox.count_waiting() == 0
    assert aside is not None
    assert aside.read_text().startswith("my notes")
