"""What has to be tidied up from time to time, in a thread of its own: nobody waits for it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import structlog

from portal.database import Database
from portal.services.upload_pruning import prune_uploads

log = structlog.get_logger(__name__)

EVERY_S = 3600.0


class Chores:
    """One turn at the start, then one an hour. Several portals on one database may do them at once."""

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
            try:
                with self._database.open() as db:
                    pruned = prune_uploads(db, datetime.now(UTC))
                if pruned:
                    log.info("uploads_pruned", count=pruned)
            except Exception:
                # The thread must outlive a busy database, or storage that cannot be reached: the next turn tries again.
                log.exception("chores_failed")
            if self._stop.wait(EVERY_S):
                return
