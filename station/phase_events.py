"""Phases as the connector tells of them, turned into events: begin, measurements, attachments, lines, verdict."""

from __future__ import annotations

from typing import Any

from station.events import EventWriter, Message
from station.gathered import Gathered
from station.planning import plan_events
from station.protocol import (
    AttachmentAdded,
    Measurement,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlanContinued,
    PlannedPhase,
    RunStarted,
    Unit,
)

_MOST_NAMED = 50  # phases in one line


class PhaseEvents:
    """The phases of one run. Knows which are open, so that none is left without its end."""

    def __init__(self, events: EventWriter) -> None:
        self._events = events
        self._open: dict[tuple[str, int], PhaseStarted] = {}
        self._gathered: dict[tuple[str, int], Gathered] = {}
        self._names_by_key: dict[str, str] = {}
        self._begun: set[str] = set()

    def name_of(self, key: str) -> str:
        """The name of a phase of the plan; the key itself for one that nobody knows."""
        return self._names_by_key.get(key, key)

    def begin_run(self, message: Message, unit: Unit | None) -> None:
        """The plan is known. One that does not fit into a frame goes on in further events."""
        first, *rest = plan_events(self._planned(message))
        self._events.emit(
            RunStarted,
            at=self._events.time_of(message),
            phases=first,
            unit=unit,
            docstring=message["docstring"],
            test_name=message["test_name"] or None,
        )
        for part in rest:
            self._events.emit(PlanContinued, phases=part)

    def extend_plan(self, message: Message) -> None:
        """A phase will be executed that the plan did not show."""
        self._events.emit(PlanContinued, phases=self._planned(message))

    def begin(self, message: Message) -> None:
        """An attempt of a phase begins."""
        self._names_by_key[message["phase"]] = message["name"]
        self._begun.add(message["phase"])
        event = self._events.emit(
            PhaseStarted,
            **self._events.place_of(message),
            name=message["name"],
            measurements=_measurements(message),
        )
        self._open[(event.phase_key, event.attempt)] = event

    def end(self, message: Message) -> None:
        """An attempt of a phase has its verdict."""
        self._tell_gathered(message["phase"], message["attempt"])
        event = self._events.emit(
            PhaseComplete,
            **self._events.place_of(message),
            name=message["name"],
            outcome=Outcome(message["outcome"]),
            measurements=_measurements(message),
            started_at=self._events.time_of(message, "started_t"),
            ended_at=self._events.time_of(message),
            error=message["error"],
            docstring=message["docstring"],
            expected=message.get("expected"),
        )
        self._open.pop((event.phase_key, event.attempt), None)

    def end_all(self, outcome: Outcome, error: str) -> None:
        """Nothing more will be heard of the phases that are open."""
        for (key, attempt), started in list(self._open.items()):
            self._tell_gathered(key, attempt)
            self._events.emit(
                PhaseComplete,
                phase_key=key,
                attempt=attempt,
                name=started.name,
                outcome=outcome,
                started_at=started.at,
                ended_at=max(self._events.now(), started.at),
                error=error,
            )
        self._open.clear()

    def tell_not_reached(self) -> None:
        """Which phases of the plan were skipped: the test ended, or went on, without them."""
        names = [name for key, name in self._names_by_key.items() if key not in self._begun]
        if names:
            shown = ", ".join(names[:_MOST_NAMED])
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            self.note(f"Skipped, because the test did not reach them: {shown}{more}.", "INFO", {})

    def measure(self, message: Message) -> None:
        """A value was written."""
        measurement = Measurement.model_validate(message["measurement"])
        self._events.emit(MeasurementUpdate, **self._events.place_of(message), measurement=measurement)

    def attach(self, message: Message) -> None:
        """A file was attached."""
        facts = {key: message[key] for key in ("name", "path", "mimetype", "size_bytes")}
        self._events.emit(AttachmentAdded, **self._events.place_of(message), **facts)

    def note(self, text: str, level: str, message: Message) -> None:
        """A line of the log, in the phase and from the place in the source that the message names."""
        self._events.emit(
            PhaseLog,
            **self._events.place_of(message),
            level=level,
            message=text,
            file=message.get("file"),
            line=message.get("line"),
        )

    def gather(self, text: str, message: Message) -> None:
        """A line of output that is told at the end of its phase, in one entry with the others."""
        self._gathered.setdefault((message["phase"], message["attempt"]), Gathered()).add(text)

    def note_output(self, text: str, level: str) -> None:
        """A line that names no phase: it belongs to the one that runs now."""
        key, attempt = next(reversed(self._open), ("", 1))
        self.note(text, level, {"phase": key, "attempt": attempt})

    def _tell_gathered(self, key: str, attempt: int) -> None:
        gathered = self._gathered.pop((key, attempt), None)
        if gathered is not None:
            self.note(gathered.text, "INFO", {"phase": key, "attempt": attempt})

    def _planned(self, message: Message) -> list[PlannedPhase]:
        phases = [PlannedPhase.model_validate(phase) for phase in message["phases"]]
        self._names_by_key.update({phase.key: phase.name for phase in phases})
        return phases


def _measurements(message: Message) -> list[Any]:
    return [Measurement.model_validate(measurement) for measurement in message["measurements"]]
