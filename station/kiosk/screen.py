"""What the kiosk shows: the station's run, followed in its journal, and what only the bench knows.

A thread of its own reads the journal, so that a test never waits for a screen: an event costs it setting a flag. Each
event is folded and rendered once for all browsers. The queue and the link are looked at when they tell of news, and
every few seconds, because `station queue` in another process cannot tell.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog

from station.journal import Journal
from station.live_hub import Change, Hub
from station.operator_view import (
    Kiosk,
    OperatorView,
    Piece,
    ProcedureChoice,
    Render,
    UnsentRun,
    changes,
    frame,
    whole,
)
from station.outbox import Outbox
from station.run_state import fold
from station.stored_record import UnsentFacts

TOPIC = "kiosk"
MOST_UNSENT = 20  # that the screen lists; it says how many there are
LOOK_EVERY_S = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class BenchFacts:
    """What the station program knows beside its runs."""

    station_id: str
    station_name: str
    procedures: tuple[ProcedureChoice, ...]
    kiosk: Kiosk


class ScreenOwner(Protocol):
    """What the screen asks of the station program. Called from the screen's thread."""

    def journal(self) -> Journal | None:
        """The journal of the current, or else the last, execution."""

    def bench_facts(self) -> BenchFacts:
        """What is so now."""


class KioskScreen:
    """Follows the station from `start` to `stop`. ``hub``: where the browsers of the kiosk listen."""

    def __init__(self, owner: ScreenOwner, outbox: Outbox, hub: Hub, render: Render) -> None:
        self._owner = owner
        self._outbox = outbox
        self._hub = hub
        self._render = render
        self._woken = threading.Event()
        self._is_stopping = False
        self._has_news = True
        self._looked_at = 0.0  # monotonic
        facts = owner.bench_facts()
        self._view = OperatorView(
            station_id=facts.station_id, station_name=facts.station_name, base_path="", is_connected=True,
            last_seen_at=None, procedures=facts.procedures, run=None, kiosk=facts.kiosk,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._work, name="kiosk-screen", daemon=True)

    @property
    def view(self) -> OperatorView:
        """What is shown now."""
        return self._view

    def start(self) -> None:
        """Catch up with the last run and follow, in the background."""
        self._woken.set()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is shown stays."""
        self._is_stopping = True
        self._woken.set()
        self._thread.join(5.0)

    def wake(self) -> None:
        """The journal has grown. Never waits."""
        self._woken.set()

    def look(self) -> None:
        """The queue, the link or the operator has changed. Never waits."""
        self._has_news = True
        self._woken.set()

    def snapshot(self) -> Iterable[Change]:
        """All of it, for a browser that has just joined."""
        unsent = Piece("#op-unsent", self._render("_unsent.html", view=self._view))
        return _as_changes([whole(self._render, self._view), unsent])

    # ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while not self._is_stopping:
            self._woken.wait(LOOK_EVERY_S)
            self._woken.clear()
            try:
                self._follow()
            except Exception:  # the edge of the thread: a full disk must not freeze the screen for ever
                log.exception("kiosk_screen_failed")
                time.sleep(1.0)

    def _follow(self) -> None:
        journal = self._owner.journal()
        if journal is not None:
            self._read(journal)
        if self._has_news or time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._has_news = False
            self._looked_at = time.monotonic()
            self._show_bench()

    def _read(self, journal: Journal) -> None:
        run = self._view.run
        is_same = run is not None and run.execution_id == journal.execution_id
        for event in journal.read_after(run.last_seq if run is not None and is_same else -1):
            before = self._view
            folded = fold(before.run, event)
            upload = before.upload if before.run is not None and before.run.execution_id == event.execution_id else None
            after = replace(before, run=folded, upload=upload)
            self._publish(after, partial(changes, self._render, before, after, event))

    def _show_bench(self) -> None:
        facts = self._owner.bench_facts()
        try:
            unsent, waiting = self._outbox.unsent(MOST_UNSENT), self._outbox.count_waiting()
            run = self._view.run
            upload = self._outbox.progress(run.execution_id) if run is not None and run.is_over else None
        except sqlite3.Error:
            log.exception("outbox_not_usable")
            return
        kiosk = replace(facts.kiosk, unsent=tuple(_shown(one) for one in unsent))
        view = replace(
            self._view, station_name=facts.station_name, procedures=facts.procedures, kiosk=kiosk, upload=upload,
            uploads_waiting=waiting,
        )  # fmt: skip
        if view != self._view:
            self._publish(view, partial(frame, self._render, view))

    def _publish(self, view: OperatorView, pieces: Callable[[], Iterable[Piece]]) -> None:
        def apply() -> None:
            self._view = view

        self._hub.publish(TOPIC, lambda: _as_changes(pieces()), apply)


def _shown(facts: UnsentFacts) -> UnsentRun:
    next_try_at = datetime.fromtimestamp(facts.next_try_at, UTC) if facts.state == "waiting" else None
    return UnsentRun(
        facts.execution_id, facts.state, facts.serial_number, facts.outcome,
        datetime.fromtimestamp(facts.queued_at, UTC), next_try_at, facts.why,
    )  # fmt: skip


def _as_changes(pieces: Iterable[Piece]) -> Iterator[Change]:
    return (Change(piece.target, piece.content, piece.swap) for piece in pieces)
