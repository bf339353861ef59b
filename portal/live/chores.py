"""What has to be done from time to time, in a thread of its own: nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from portal.database import Database, Db
from portal.services.failed_sign_ins import note_counted
from portal.services.serial_search import keep_serial_pieces
from portal.services.station_days import forget_transitions, keep_days
from portal.services.upload_pruning import prune_uploads

log = structlog.get_logger(__name__)

# Somewhere on Earth it becomes midnight every quarter of an hour, and the days of stations there are over.
EVERY_S = 900.0
# Each returns how much it has done.
CHORES: tuple[Callable[[Db], int], ...] = (
    keep_serial_pieces, prune_uploads, keep_days, forget_transitions, note_counted,
)  # fmt: skip


class Chores:
    """One turn at the start, then one each quarter of an hour. Several portals on one database may do them at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chores", daemon=True)

    def start(self) -> None:
        """Begin. Call once, in the serving process."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what it is at goes on in the next process."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            for chore in CHORES:
                try:
                    with self._database.open() as db:
                        done = chore(db)
                    if done:
                        log.info("chore_done", chore=chore.__name__, count=done)
                except Exception:
                    # The thread must outlive a busy database, or storage that cannot be reached: it is tried again.
                    log.exception("chore_failed", chore=chore.__name__)
            if self._stop.wait(EVERY_S):
                return
