"""Brings the outbox's records to the portal: one at a time, the oldest first, each exactly once.

What is tried again and what is not: a failure that time can heal (no network, 5xx, 408, 429, and 401/403 because a key
may be renewed and a link made) waits; a refusal of the record itself (400, 404, 409, 413, 422) is parked with the
portal's words. An answer that is not the portal's, such as a proxy's error page, says nothing about the record, which
waits. A file that the portal refuses does not hold up the other files of its run.

While the portal cannot be reached, one record is tried per pause, not each of them; one that is refused or waits for
its own reason never holds up the others.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from station.outbox import Outbox
from station.portal_api import NotOurs, PortalApi, PortalRefused, Unreachable
from station.protocol import UploadNews
from station.run_files import fingerprint
from station.stored_record import State, StoredAttachment, StoredRecord

DELAYS_S = (2.0, 5.0, 15.0, 30.0, 60.0, 300.0)
JITTER = 0.2  # a share of the delay, so that a hall of stations does not come back in one moment
LOOK_EVERY_S = 2.0  # `station queue retry` in another process cannot wake us
PARKED_STATUSES = frozenset({400, 404, 409, 413, 422})

log = structlog.get_logger(__name__)


def delay_s(tries: int, chance: float) -> float:
    """How long to wait after the given number of failed tries (from 1). ``chance``: uniform in [0, 1)."""
    base = DELAYS_S[min(max(tries, 1), len(DELAYS_S)) - 1]
    return base * (1 - JITTER + 2 * JITTER * chance)


class _Damaged(Exception):
    """What is stored cannot be sent. The text is for people."""


class Uploader:
    """The thread that empties the outbox. ``on_news`` hears each change of a record, from that thread."""

    def __init__(
        self,
        outbox: Outbox,
        api: PortalApi,
        station_id: str,
        runs: Path,
        on_news: Callable[[UploadNews], object],
    ) -> None:
        self._outbox = outbox
        self._api = api
        self._station_id = station_id
        self._runs = runs
        self._on_news = on_news
        self._woken = threading.Event()
        self._is_stopping = False
        self._failures_in_a_row = 0
        self._paused_until = 0.0  # monotonic; the whole portal is away until then
        self._thread = threading.Thread(target=self._work, name="uploader", daemon=True)

    def start(self) -> None:
        """Begin. Records that a dead process left half-way go on where they were."""
        self._outbox.recover(self._station_id)
        self._thread.start()

    def stop(self, within_s: float = 5.0) -> None:
        """End after the current step. What is half-way goes on at the next start."""
        self._is_stopping = True
        self._woken.set()
        self._thread.join(within_s)

    @property
    def is_working(self) -> bool:
        """Whether records are being sent, or looked for."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There is a new record."""
        self._woken.set()

    def portal_is_back(self) -> None:
        """The link is up again: what waits is tried now."""
        self._paused_until = 0.0
        try:
            self._outbox.hurry()
        except sqlite3.Error:
            log.exception("outbox_not_usable")
        self._woken.set()

    # ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while not self._is_stopping:
            try:
                has_worked = self._take_one()
            except Exception:  # the edge of the thread: a full disk must not end uploading for ever
                log.exception("upload_loop_failed")
                has_worked = False
            if not has_worked:
                self._woken.wait(LOOK_EVERY_S)
                self._woken.clear()

    def _take_one(self) -> bool:
        if time.monotonic() < self._paused_until:
            return False
        record = self._outbox.next_due(time.time())
        if record is None or not self._outbox.claim(record.execution_id, time.time()):
            return False
        self._tell(record.execution_id, "uploading", run_id=record.run_id)
        self._try(record)
        return True

    def _try(self, record: StoredRecord) -> None:
        try:
            run_id = self._send(record)
        except Unreachable as error:
            self._failures_in_a_row += 1
            pause_s = delay_s(self._failures_in_a_row, random.random())  # noqa: S311 - spreads load, keeps no secret
            self._paused_until = time.monotonic() + pause_s
            self._wait(record, pause_s, f"the portal cannot be reached: {error}")
        except NotOurs as error:
            if error.status == 413:
                self._park(record, "too large for what stands before the portal (413)")
            else:
                self._wait(record, self._own_delay_s(record), f"the portal did not answer itself: {error}")
        except PortalRefused as refusal:
            self._failures_in_a_row = 0
            if refusal.status in PARKED_STATUSES:
                self._park(record, str(refusal))
            elif refusal.retry_after_s is not None:
                if refusal.status == 429:  # said of the key, not of the record: the others would only hear the same
                    self._paused_until = time.monotonic() + refusal.retry_after_s
                self._wait(record, refusal.retry_after_s, str(refusal), is_told_to_wait=True)
            else:
                self._wait(record, self._own_delay_s(record), str(refusal))
        except _Damaged as problem:
            self._park(record, str(problem))
        except Exception as error:  # a full disk, for one: the record must not stay "uploading" until the next start
            log.exception("upload_failed", execution_id=record.execution_id)
            self._wait(record, self._own_delay_s(record), f"internal error: {error}")
        else:
            self._failures_in_a_row = 0
            self._finish(record, run_id)

    def _own_delay_s(self, record: StoredRecord) -> float:
        return delay_s(record.tries + 1, random.random())  # noqa: S311 - spreads load, keeps no secret

    def _send(self, record: StoredRecord) -> str:
        run_id = record.run_id
        if run_id is None:
            run_id = self._api.create_run(record.execution_id, _body(record))
            self._outbox.note_run(record.execution_id, run_id)
        problems = [
            problem
            for attachment in record.attachments
            if not attachment.is_done and (problem := self._send_attachment(record.execution_id, run_id, attachment))
        ]
        if problems:
            raise _Damaged("the run is stored, but not all of its files: " + "; ".join(problems))
        return run_id

    def _send_attachment(self, execution_id: str, run_id: str, attachment: StoredAttachment) -> str | None:
        problem = _why_unusable(attachment)
        if problem:
            return problem
        try:
            self._put(execution_id, run_id, attachment)
        except PortalRefused as refusal:
            if refusal.status not in PARKED_STATUSES:
                raise
            return f"{attachment.name}: {refusal}"
        return None

    def _put(self, execution_id: str, run_id: str, attachment: StoredAttachment) -> None:
        # Announced anew on each try: the same key gives the same attachment, and an address that is still valid.
        place = self._api.create_attachment(run_id, attachment.name, attachment.phase, f"{execution_id}:{attachment.n}")
        self._outbox.note_attachment(execution_id, attachment.n, place.id, is_done=False)
        with attachment.path.open("rb") as file:
            self._api.put_file(place.upload_url, file, attachment.mimetype)
        self._outbox.note_attachment(execution_id, attachment.n, place.id, is_done=True)

    # ── what became of it ───────────────────────────────────────────────────────────────────────────────────────────

    def _finish(self, record: StoredRecord, run_id: str) -> None:
        self._outbox.finish(record.execution_id, time.time())
        log.info("run_uploaded", execution_id=record.execution_id, run_id=run_id, tries=record.tries + 1)
        self._outbox.prune(self._runs)
        self._tell(record.execution_id, "done", run_id=run_id)

    def _wait(self, record: StoredRecord, wait_s: float, why: str, *, is_told_to_wait: bool = False) -> None:
        self._outbox.wait(record.execution_id, time.time() + wait_s, why, is_told_to_wait=is_told_to_wait)
        log.warning("upload_waits", execution_id=record.execution_id, why=why, wait_s=round(wait_s, 1))
        self._tell(record.execution_id, "waiting", error=why)

    def _park(self, record: StoredRecord, why: str) -> None:
        self._outbox.park(record.execution_id, why)
        log.error("upload_parked", execution_id=record.execution_id, why=why)
        self._tell(record.execution_id, "parked", error=why)

    def _tell(self, execution_id: str, state: State, run_id: str | None = None, error: str | None = None) -> None:
        self._on_news(
            UploadNews(
                execution_id=execution_id,
                state=state,
                run_id=run_id,
                error=error,
                uploads_waiting=self._outbox.count_waiting(),
            )
        )


def _body(record: StoredRecord) -> bytes:
    try:
        is_object = isinstance(json.loads(record.body), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise _Damaged("the stored record cannot be read; `station queue export` writes it to a file")
    return record.body.encode("utf-8")


def _why_unusable(attachment: StoredAttachment) -> str | None:
    try:
        sha256, _size_bytes = fingerprint(attachment.path)
    except OSError as error:
        return f"{attachment.name} is missing ({error.strerror or error})"
    if attachment.sha256 is not None and sha256 != attachment.sha256:
        return f"{attachment.name} was changed after the run"
    return None
