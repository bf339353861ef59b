"""A finished run's record as it lies in the outbox."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

State = Literal["queued", "uploading", "waiting", "parked", "done"]  # and "dropped", which no reader ever sees


@dataclass(frozen=True)
class StoredAttachment:
    """A file of a record. ``sha256`` and ``size_bytes`` are None when it was missing already when it was queued."""

    n: int
    name: str
    path: Path
    mimetype: str | None
    phase: str | None
    sha256: str | None
    size_bytes: int | None
    remote_id: str | None
    is_done: bool

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> StoredAttachment:
        """From the outbox's table."""
        facts = {name: row[name] for name in row.keys() if name != "execution_id"}  # noqa: SIM118 - a Row is no dict
        return cls(**{**facts, "path": Path(row["path"]), "is_done": bool(row["is_done"])})


@dataclass(frozen=True)
class StoredRecord:
    """One row of the queue. ``body`` is the JSON text as it is sent. Instants: seconds since 1970."""

    execution_id: str
    station_id: str | None
    body: str
    state: State
    queued_at: float
    tries: int
    last_try_at: float | None
    next_try_at: float
    why: str | None
    run_id: str | None
    done_at: float | None
    attachments: tuple[StoredAttachment, ...]

    @classmethod
    def of_rows(cls, row: sqlite3.Row, files: Sequence[sqlite3.Row]) -> StoredRecord:
        """From the outbox's tables."""
        return cls(
            **{name: row[name] for name in row.keys() if name != "is_told_to_wait"},  # noqa: SIM118 - a Row is no dict
            attachments=tuple(StoredAttachment.of_row(file) for file in files),
        )

    def facts(self) -> dict[str, Any]:
        """What a list of the queue shows, as JSON values. An unreadable body gives no facts of the run."""
        try:
            body = json.loads(self.body)
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        return {
            "execution_id": self.execution_id,
            "state": self.state,
            "serial_number": body.get("serial_number"),
            "outcome": body.get("outcome"),
            "procedure_id": body.get("procedure_id"),
            "queued_at": _instant(self.queued_at),
            "tries": self.tries,
            "last_try_at": _instant(self.last_try_at),
            "next_try_at": _instant(self.next_try_at) if self.state == "waiting" else None,
            "why": self.why,
            "run_id": self.run_id,
            "attachments": len(self.attachments),
            "attachments_waiting": sum(not attachment.is_done for attachment in self.attachments),
        }


@dataclass(frozen=True)
class UnsentFacts:
    """What a short list of the queue shows of a record. Instants: seconds since 1970."""

    execution_id: str
    state: State
    why: str | None
    queued_at: float
    next_try_at: float
    serial_number: str | None
    outcome: str | None


def _instant(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
