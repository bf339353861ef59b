"""Queues finished runs that never reached the outbox.

Between a journal's last event and the outbox's commit the program can be killed, the disk can be full, and an outbox
can break. The journal then still has the whole run, so each start of the program compares the two.
"""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from station.journal import JournalShelf
from station.outbox import Outbox
from station.record import build_record

NEWEST_DAYS = 25  # the portal knows an execution again for 30: what is older might be stored twice

log = structlog.get_logger(__name__)


def queue_forgotten_runs(shelf: JournalShelf, outbox: Outbox, station_id: str) -> int:
    """Put the record of each complete journal that the outbox does not know. Returns how many.

    A journal that gives no record (no unit was identified), or that cannot be read, is left alone.
    """
    oldest_at = time.time() - NEWEST_DAYS * 86_400
    count = 0
    for path in _oldest_first(shelf.folder):
        if path.stat().st_mtime < oldest_at or outbox.knows(path.stem):
            continue
        try:
            count += _queue(shelf, outbox, station_id, path.stem)
        except Exception:  # one journal that cannot be used must not keep the station from starting
            log.exception("forgotten_run_not_queued", execution_id=path.stem)
    return count


def _queue(shelf: JournalShelf, outbox: Outbox, station_id: str, execution_id: str) -> bool:
    journal = shelf.open(execution_id)
    record = build_record(journal) if journal.is_complete else None
    if record is None or not outbox.put(record, station_id):
        return False
    log.warning("forgotten_run_queued", execution_id=execution_id)
    return True


def _oldest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
