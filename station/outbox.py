"""The durable queue between a finished run and the portal.

One SQLite file (WAL, ``synchronous=FULL``: a commit is on the disk when it returns). A record is in it from the moment
`put` returns until 200 newer ones have been uploaded. Where a kill or a power cut may fall, and what then holds:

- before `put` commits: the journal still has the whole run, and the daemon queues it again at its next start;
- between the portal's storing and our noting it: the same ``Idempotency-Key`` is sent again and gives the same run;
- in the middle of attachments: each has its own row, so only the missing ones are sent again.

Attached files are hashed and fsynced before the commit, so that the row never promises bytes that are not there.
Nothing is deleted because it cannot be read: rows are parked with the reason, a broken file is moved aside.

States: ``queued`` → ``uploading`` → ``done``; ``waiting`` (again at ``next_try_at``); ``parked`` (a person must look);
``dropped`` (a person deleted it: an empty row stays, so that its journal does not bring it back).
Several processes may use it at once (the daemon and ``station queue``): each change is one conditional statement, and
a row that was dropped meanwhile is not brought back.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from station.outbox_file import OutboxBroken, connect, move_aside
from station.protocol import UploadNews
from station.record import RunRecord
from station.run_files import delete_files, fingerprint
from station.stored_record import StoredRecord, UnsentFacts

KEEP_DONE = 200
_UNSENT = """
    SELECT execution_id, state, why, queued_at, next_try_at,
           CASE WHEN json_valid(body) THEN json_extract(body, '$.serial_number') END AS serial_number,
           CASE WHEN json_valid(body) THEN json_extract(body, '$.outcome') END AS outcome
    FROM records WHERE state NOT IN ('done', 'dropped')
    ORDER BY state = 'parked' DESC, queued_at DESC, rowid DESC"""
LONGEST_WAIT_S = 3700.0  # a clock that was set back must not hold a record longer than any wait we ever set


class Outbox:
    """The queue in one file. Thread-safe. Raises `OutboxBroken` on opening a damaged file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = connect(path)

    def close(self) -> None:
        """Close the file. Later calls fail."""
        with self._lock:
            self._connection.close()

    # ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, record: RunRecord, station_id: str | None) -> bool:
        """Keep a finished run. On the disk when this returns. False: it was there already, and nothing changed."""
        body = json.dumps(_without_nan(record.body), allow_nan=False, separators=(",", ":"))
        files = [(attachment, _fingerprint(attachment.path)) for attachment in record.attachments]
        with self._write():
            inserted = self._connection.execute(
                "INSERT OR IGNORE INTO records (execution_id, station_id, body, state, queued_at)"
                " VALUES (?, ?, ?, 'queued', ?)",
                (record.execution_id, station_id, body, time.time()),
            )
            if inserted.rowcount == 0:
                return False
            self._connection.executemany(
                "INSERT INTO attachments (execution_id, n, name, path, mimetype, phase, sha256, size_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (record.execution_id, n, file.name, str(file.path), file.mimetype, file.phase, sha256, size_bytes)
                    for n, (file, (sha256, size_bytes)) in enumerate(files)
                ],
            )
        return True

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def records(self, *, with_done: bool = True) -> list[StoredRecord]:
        """All records, the oldest first."""
        gone = "('dropped')" if with_done else "('done', 'dropped')"
        return self._select(f"WHERE state NOT IN {gone} ORDER BY queued_at, rowid", ())

    def find(self, execution_id: str) -> StoredRecord | None:
        """One record."""
        found = self._select("WHERE execution_id = ? AND state <> 'dropped'", (execution_id,))
        return found[0] if found else None

    def find_by_prefix(self, prefix: str) -> list[StoredRecord]:
        """The records whose id begins so."""
        return self._select("WHERE substr(execution_id, 1, ?) = ? AND state <> 'dropped'", (len(prefix), prefix))

    def knows(self, execution_id: str) -> bool:
        """Whether the record was ever put, and not pruned since."""
        with self._lock:
            row = self._connection.execute("SELECT 1 FROM records WHERE execution_id = ?", (execution_id,)).fetchone()
        return row is not None

    def count_waiting(self) -> int:
        """How many records are not yet with the portal, parked ones included."""
        with self._lock:
            counted = self._connection.execute("SELECT count(*) FROM records WHERE state NOT IN ('done', 'dropped')")
            return int(counted.fetchone()[0])

    def unsent(self, most: int) -> list[UnsentFacts]:
        """The records that are not yet with the portal, parked ones first, then the newest; without their bodies."""
        with self._lock:
            rows = self._connection.execute(f"{_UNSENT} LIMIT ?", (most,)).fetchall()
        return [UnsentFacts(**{name: row[name] for name in row.keys()}) for row in rows]  # noqa: SIM118 - no dict

    def progress(self, execution_id: str) -> UploadNews | None:
        """How far a record is on its way; None when there is none."""
        with self._lock:
            row = self._connection.execute(
                "SELECT state, run_id, why FROM records WHERE execution_id = ? AND state <> 'dropped'", (execution_id,)
            ).fetchone()
        if row is None:
            return None
        return UploadNews(
            execution_id=execution_id, state=row["state"], run_id=row["run_id"], error=row["why"],
            uploads_waiting=self.count_waiting(),
        )  # fmt: skip

    def next_due(self, now: float) -> StoredRecord | None:
        """The record to upload now: of those that are due the one that was queued first."""
        found = self._select(
            "WHERE state = 'queued' OR (state = 'waiting' AND (next_try_at <= ?1 OR next_try_at > ?1 + ?2))"
            " ORDER BY queued_at, rowid LIMIT 1",
            (now, LONGEST_WAIT_S),
        )
        return found[0] if found else None

    # ── on its way ──────────────────────────────────────────────────────────────────────────────────────────────────

    def recover(self, station_id: str | None) -> None:
        """Called by the one uploader at its start: what a dead process left half-way, and what is not this station's.

        A record of another station would be stored under the wrong name: it is parked until a person decides.
        """
        with self._write():
            self._connection.execute("UPDATE records SET state = 'queued' WHERE state = 'uploading'")
            self._connection.execute(
                "UPDATE records SET state = 'parked',"
                " why = 'recorded while this home was another station; retry uploads it as this one'"
                " WHERE state IN ('queued', 'waiting') AND station_id <> ?",
                (station_id,),
            )

    def claim(self, execution_id: str, now: float) -> bool:
        """Mark as being uploaded. False: it was dropped or changed meanwhile."""
        return self._change(
            "UPDATE records SET state = 'uploading', tries = tries + 1, last_try_at = ?, why = NULL"
            " WHERE execution_id = ? AND state IN ('queued', 'waiting')",
            (now, execution_id),
        )

    def note_run(self, execution_id: str, run_id: str) -> bool:
        """The portal stored the run under this id."""
        return self._change("UPDATE records SET run_id = ? WHERE execution_id = ?", (run_id, execution_id))

    def note_attachment(self, execution_id: str, n: int, remote_id: str, *, is_done: bool) -> bool:
        """The portal knows the attachment; ``is_done``: it has its bytes too."""
        return self._change(
            "UPDATE attachments SET remote_id = ?, is_done = ? WHERE execution_id = ? AND n = ?",
            (remote_id, int(is_done), execution_id, n),
        )

    def finish(self, execution_id: str, now: float) -> bool:
        """The portal has everything."""
        return self._change(
            "UPDATE records SET state = 'done', done_at = ?, why = NULL WHERE execution_id = ? AND state = 'uploading'",
            (now, execution_id),
        )

    def wait(self, execution_id: str, next_try_at: float, why: str, *, is_told_to_wait: bool = False) -> bool:
        """Try again later. ``is_told_to_wait``: the portal named the time, so nothing shortens it."""
        return self._change(
            "UPDATE records SET state = 'waiting', next_try_at = ?, why = ?, is_told_to_wait = ?"
            " WHERE execution_id = ? AND state = 'uploading'",
            (next_try_at, why, int(is_told_to_wait), execution_id),
        )

    def park(self, execution_id: str, why: str) -> bool:
        """Give it to a person: trying again would give the same answer."""
        return self._change(
            "UPDATE records SET state = 'parked', why = ? WHERE execution_id = ? AND state = 'uploading'",
            (why, execution_id),
        )

    def hurry(self) -> None:
        """The portal is back: everything that waits is due, except where the portal itself named the time."""
        self._change("UPDATE records SET next_try_at = 0 WHERE state = 'waiting' AND is_told_to_wait = 0", ())

    # ── by hand, and out ────────────────────────────────────────────────────────────────────────────────────────────

    def retry(self, execution_id: str) -> bool:
        """Queue a waiting or parked record again, whichever station it was recorded on. False: it is not one."""
        return self._change(
            "UPDATE records SET state = 'queued', next_try_at = 0, is_told_to_wait = 0, station_id = NULL"
            " WHERE execution_id = ? AND state IN ('waiting', 'parked')",
            (execution_id,),
        )

    def drop(self, execution_id: str) -> bool:
        """Forget what a record says, unless it is being uploaded. Its files are the caller's. False: it is not one."""
        with self._write():
            dropped = self._connection.execute(
                "UPDATE records SET state = 'dropped', body = '{}', done_at = ?, why = NULL"
                " WHERE execution_id = ? AND state NOT IN ('uploading', 'dropped')",
                (time.time(), execution_id),
            )
            if dropped.rowcount:
                self._connection.execute("DELETE FROM attachments WHERE execution_id = ?", (execution_id,))
        return dropped.rowcount > 0

    def prune(self, runs: Path, keep: int = KEEP_DONE) -> int:
        """Delete uploaded records but the newest, and their folders under ``runs``. Returns how many."""
        with self._write():
            rows = self._connection.execute(
                "DELETE FROM records WHERE state IN ('done', 'dropped') AND execution_id NOT IN"
                " (SELECT execution_id FROM records WHERE state IN ('done', 'dropped')"
                " ORDER BY done_at DESC, rowid DESC LIMIT ?)"
                " RETURNING execution_id",
                (keep,),
            ).fetchall()
        for row in rows:
            delete_files(runs, str(row["execution_id"]))
        return len(rows)

    # ── below ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _change(self, statement: str, values: Sequence[object]) -> bool:
        with self._write():
            return self._connection.execute(statement, values).rowcount > 0

    def _select(self, tail: str, values: Sequence[object]) -> list[StoredRecord]:
        with self._lock:
            rows = self._connection.execute(f"SELECT * FROM records {tail}", values).fetchall()  # noqa: S608 - constants
            return [self._read(row) for row in rows]

    def _read(self, row: sqlite3.Row) -> StoredRecord:
        files = self._connection.execute(
            "SELECT * FROM attachments WHERE execution_id = ? ORDER BY n", (row["execution_id"],)
        ).fetchall()
        return StoredRecord.of_rows(row, files)


def open_outbox(path: Path) -> tuple[Outbox, Path | None]:
    """Open the queue; a broken file is moved aside and a new one begun. Returns also where the broken one is now.

    The daemon then queues the newest journals again, so what the broken file held is not lost with it.
    """
    try:
        return Outbox(path), None
    except OutboxBroken:
        aside = move_aside(path)
        return Outbox(path), aside


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such numbers; a record must not be lost for one of them
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def _fingerprint(path: Path) -> tuple[str | None, int | None]:
    try:
        return fingerprint(path)
    except OSError:
        return None, None  # the upload says that it is missing; the rest of the record must not be lost for it
