"""When a station counts as up: evidence, deadlines, and the portal's own outages.

Evidence is any authenticated frame; the portal's receive time counts. Silence of more than ``offline_after_s`` is an
outage from the last evidence on. Only transitions are stored; nothing polls stations. Rules: contract/uptime.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from portal.database import Database
from portal.errors import PortalError
from portal.services import presence

log = structlog.get_logger(__name__)

RECONNECT_ALLOWANCE_S = 60.0  # after a start of the portal, for back-off and slow networks
STOOD_STILL_S = 15.0  # a gap of the watch itself: the machine slept, or was paused


@dataclass
class _Heard:
    """The last evidence of one station, on both clocks."""

    monotonic: float
    at: datetime


class PresenceWatch:
    """One thread that notices silence, and writes that the portal is alive.

    ``on_silence(station_id)`` is called when a station has become down; ``on_change(station_id)`` after each stored
    transition.
    """

    def __init__(
        self,
        database: Database,
        *,
        offline_after_s: float,
        alive_every_s: float,
        on_change: Callable[[str], None],
        on_silence: Callable[[str], None],
    ) -> None:
        self._database = database
        self._offline_after_s = offline_after_s
        self._alive_every_s = alive_every_s
        self._on_change = on_change
        self._on_silence = on_silence
        self._heard: dict[str, _Heard] = {}
        self._awaited: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Take note of the portal's own outage and begin to watch."""
        self._begin_after_outage()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def connected(self, station_id: str) -> None:
        """A program has authenticated: the station is up from now."""
        self.heard(station_id)
        self._write(station_id, lambda db, now: presence.mark_up(db, station_id, now, "connected"))

    def heard(self, station_id: str) -> None:
        """Evidence: the station is alive."""
        self._heard[station_id] = _Heard(time.monotonic(), datetime.now(UTC))
        self._awaited.discard(station_id)

    def now(self) -> datetime:
        """The portal's time, which presence counts by."""
        return datetime.now(UTC)

    def said_goodbye(self, station_id: str, reason: str) -> None:
        """The station left on purpose."""
        with self._lock:
            self._heard.pop(station_id, None)
        self._write(station_id, lambda db, now: presence.mark_off(db, station_id, now, reason))

    def revoked(self, station_id: str) -> None:
        """Its link was cut, because its key is worth nothing any more: down from now on. Source: contract/uptime.md."""
        with self._lock:
            self._heard.pop(station_id, None)
        self._mark_down(station_id, datetime.now(UTC), "key revoked")

    def _run(self) -> None:
        next_alive = 0.0
        last_turn = time.monotonic()
        step_s = min(1.0, self._offline_after_s / 5)
        while not self._stop.wait(step_s):
            now = time.monotonic()
            try:
                if now - last_turn > STOOD_STILL_S:
                    self._begin_after_outage()
                if now >= next_alive:
                    next_alive = now + self._alive_every_s
                    with self._database.open() as db:
                        presence.note_alive(db, datetime.now(UTC))
                self._notice_silence(now)
                self._give_up_on_awaited(now)
            except PortalError as error:
                log.warning("presence_turn_failed", why=error.message)
            except Exception:
                # The watch must outlive a busy or broken database: the next turn tries again.
                log.exception("presence_turn_failed")
            last_turn = time.monotonic()

    def _begin_after_outage(self) -> None:
        """The portal was not watching: what was up is unknown until it is heard again, or its time is over."""
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        with self._database.open() as db:
            self._awaited = set(presence.portal_started(db, self._started_at))
        self._heard = {}

    def _notice_silence(self, now: float) -> None:
        with self._lock:
            silent = {
                station_id: heard
                for station_id, heard in self._heard.items()
                if now - heard.monotonic > self._offline_after_s
            }
            for station_id in silent:
                del self._heard[station_id]
        for station_id, heard in silent.items():
            self._on_silence(station_id)
            self._mark_down(station_id, heard.at, "silent")

    def _give_up_on_awaited(self, now: float) -> None:
        allowance_s = max(2 * self._offline_after_s, RECONNECT_ALLOWANCE_S)
        if self._awaited and now - self._started > allowance_s:
            awaited, self._awaited = self._awaited, set()
            for station_id in awaited:
                self._write(
                    station_id,
                    lambda db, _now, one=station_id: presence.still_unknown_to_down(db, one, self._started_at),
                )

    def _mark_down(self, station_id: str, since: datetime, reason: str) -> None:
        self._write(station_id, lambda db, _now: presence.mark_down(db, station_id, since, reason))

    def _write(self, station_id: str, change: Callable[..., object]) -> None:
        with self._database.open() as db:
            change(db, datetime.now(UTC))
        self._on_change(station_id)
