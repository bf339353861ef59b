"""Where the events of one execution are numbered, timed, written and announced: one at a time, in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import structlog

from station.clock import RunClock
from station.journal import Journal
from station.protocol import AnyRunEvent, RunEvent

Event = TypeVar("Event", bound=RunEvent)
Message = Mapping[str, Any]  # what a connector says, see `station.connectors`
log = structlog.get_logger()


class EventWriter:
    """Writes events to the journal, then tells the listener.

    ``lock`` is held for both, so that events reach the listener in order; it is reentrant, and whoever must look at the
    run and write about it in one step holds it as well.
    """

    def __init__(self, journal: Journal, on_event: Callable[[AnyRunEvent], None]) -> None:
        self.journal = journal
        self.lock = threading.RLock()
        self._clock = RunClock()
        self._on_event = on_event

    def emit(self, kind: type[Event], at: datetime | None = None, **fields: Any) -> Event:
        """Write one event; ``at`` is now unless given."""
        with self.lock:
            event = kind(
                execution_id=self.journal.execution_id,
                seq=self.journal.last_seq + 1,
                at=at or self._clock.now(),
                **fields,
            )
            self.journal.append(event)  # type: ignore[arg-type]
            try:
                self._on_event(event)  # type: ignore[arg-type]
            except Exception:  # a listener's fault is not the run's
                log.exception("event_listener_failed", execution_id=event.execution_id, seq=event.seq)
            return event

    def now(self) -> datetime:
        """This instant, on the run's clock."""
        return self._clock.now()

    def time_of(self, message: Message, key: str = "t") -> datetime:
        """The instant that a message carries as monotonic seconds; now for one that carries none."""
        return self._clock.at(message[key]) if key in message else self._clock.now()

    def place_of(self, message: Message) -> dict[str, Any]:
        """Time and place of an event that belongs to a phase, or to none."""
        return {
            "at": self.time_of(message),
            "phase_key": message.get("phase", ""),
            "attempt": message.get("attempt", 1),
        }
