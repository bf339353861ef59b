"""Records and events as an engine would make them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from station.credentials import Credentials
from station.journal import Journal, JournalShelf
from station.protocol import Outcome, PhaseLog, RunComplete, RunStarting
from station.record import RecordAttachment, RunRecord
from tests.agent.fake_portal import KEY, STATION_ID

PROCEDURE_ID = "7c1d6f2e-0000-4000-8000-000000000001"
AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def credentials(portal_url: str) -> Credentials:
    return Credentials(
        api_key=SecretStr(KEY),
        portal_url=portal_url,
        station_id=STATION_ID,
        station_name="Bench 7",
        installation_id="1",
    )


def record(serial_number: str = "SN-1", files: tuple[Path, ...] = ()) -> RunRecord:
    execution_id = str(uuid.uuid4())
    return RunRecord(
        execution_id,
        {
            "execution_id": execution_id,
            "outcome": "PASS",
            "procedure_id": PROCEDURE_ID,
            "serial_number": serial_number,
            "started_at": "2026-01-05T08:00:00Z",
            "ended_at": "2026-01-05T08:01:00Z",
        },
        [RecordAttachment(path.name, path, "text/plain", "rails") for path in files],
    )


def journal(folder: Path, lines: int = 0, *, is_complete: bool = False) -> Journal:
    """A journal with its start, and so many lines of log."""
    made = JournalShelf(folder).create(str(uuid.uuid4()))
    made.append(
        RunStarting(execution_id=made.execution_id, seq=0, at=AT, procedure_id=PROCEDURE_ID, procedure_name="Test")
    )
    for _ in range(lines):
        grow(made)
    if is_complete:
        end(made)
    return made


def grow(journal: Journal, message: str = "a line") -> None:
    journal.append(
        PhaseLog(execution_id=journal.execution_id, seq=journal.last_seq + 1, at=AT, phase_key="rails", message=message)
    )


def end(journal: Journal) -> None:
    journal.append(
        RunComplete(execution_id=journal.execution_id, seq=journal.last_seq + 1, at=AT, outcome=Outcome.PASS)
    )
    journal.close()
