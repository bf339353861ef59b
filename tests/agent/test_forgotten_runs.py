from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from station.forgotten_runs import NEWEST_DAYS, queue_forgotten_runs
from station.journal import Journal, JournalShelf
from station.outbox import Outbox
from station.protocol import IdentifyResolved, Outcome, RunComplete, Unit
from tests.agent.cast import AT, journal
from tests.agent.fake_portal import STATION_ID


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        yield outbox


def finished_journal(folder: Path) -> Journal:
    """A complete journal of a known unit."""
    made = journal(folder)
    made.append(IdentifyResolved(execution_id=made.execution_id, seq=1, at=AT, unit=Unit(serial_number="SN-1")))
    made.append(RunComplete(execution_id=made.execution_id, seq=2, at=AT, outcome=Outcome.PASS))
    made.close()
    return made


def test_a_run_that_never_reached_the_outbox_is_queued_once(tmp_path: Path, outbox: Outbox) -> None:
    made = finished_journal(tmp_path / "journals")
    shelf = JournalShelf(tmp_path / "journals")

    assert queue_forgotten_runs(shelf, outbox, STATION_ID) == 1
    assert queue_forgotten_runs(shelf, outbox, STATION_ID) == 0

    assert [record.execution_id for record in outbox.records()] == [made.execution_id]


def test_what_a_person_dropped_stays_dropped(tmp_path: Path, outbox: Outbox) -> None:
    made = finished_journal(tmp_path / "journals")
    shelf = JournalShelf(tmp_path / "journals")
    queue_forgotten_runs(shelf, outbox, STATION_ID)

    outbox.drop(made.execution_id)

    assert queue_forgotten_runs(shelf, outbox, STATION_ID) == 0
    assert outbox.count_waiting() == 0


def test_runs_without_a_unit_without_an_end_or_from_long_ago_are_left(tmp_path: Path, outbox: Outbox) -> None:
    folder = tmp_path / "journals"
    journal(folder, is_complete=True)
    journal(folder).close()
    old = finished_journal(folder)
    long_ago = time.time() - (NEWEST_DAYS + 1) * 86_400
    os.utime(old.path, (long_ago, long_ago))

    assert queue_forgotten_runs(JournalShelf(folder), outbox, STATION_ID) == 0
