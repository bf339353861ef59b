"""The record of a finished run, built from its journal: the body of ``POST /api/v2/runs`` and the attachments.

Source: contract/v2-api.md §3. The live protocol says more than that interface can store, so: a phase with the verdict
TIMEOUT or ABORTED is stored as ERROR; why a phase or the run failed, and who stopped it, are lines of the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from station.journal import Journal
from station.protocol import (
    Aggregation,
    AnyRunEvent,
    AttachmentAdded,
    IdentifyResolved,
    Measurement,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    RunComplete,
    RunCrashed,
    RunStarted,
    RunStarting,
    RunStopping,
    Series,
    Unit,
    Validator,
)
from station.run_state import merge_units
from station.text import file_name

_PHASE_OUTCOMES = {Outcome.PASS: "PASS", Outcome.FAIL: "FAIL", Outcome.SKIP: "SKIP"}
_VALUE_OUTCOMES = {Outcome.PASS: "PASS", Outcome.FAIL: "FAIL"}
_RUN_OUTCOMES = {Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.TIMEOUT, Outcome.ABORTED}


@dataclass(frozen=True)
class RecordAttachment:
    """A file that belongs to a run. ``phase``: name of the phase that attached it."""

    name: str
    path: Path
    mimetype: str | None
    phase: str | None


@dataclass(frozen=True)
class RunRecord:
    """What is uploaded for one run. ``body`` holds plain JSON values."""

    execution_id: str
    body: dict[str, Any]
    attachments: list[RecordAttachment] = field(default_factory=list)


def build_record(journal: Journal) -> RunRecord | None:
    """The record of a finished run. None when no unit was identified: nothing was tested."""
    draft = _Draft()
    for event in journal.read_after(-1):
        draft.take(event)
    return draft.finish(journal.execution_id)


class _Draft:
    """Collects the record, event by event."""

    def __init__(self) -> None:
        self._starting: RunStarting | None = None
        self._started: RunStarted | None = None
        self._complete: RunComplete | None = None
        self._unit = Unit()
        self._phases: dict[tuple[str, int], dict[str, Any]] = {}
        self._live: dict[tuple[str, int], dict[str, Measurement]] = {}
        self._names: dict[str, str] = {}
        self._logs: list[dict[str, Any]] = []
        self._attached: list[AttachmentAdded] = []

    def take(self, event: AnyRunEvent) -> None:
        match event:
            case RunStarting():
                self._starting = event
            case IdentifyResolved():
                self._unit = merge_units(self._unit, event.unit)
            case RunStarted():
                self._started = event
                if event.unit:
                    self._unit = merge_units(self._unit, event.unit)
            case PhaseStarted():
                self._names[event.phase_key] = event.name
                self._live[(event.phase_key, event.attempt)] = {m.name: m for m in event.measurements}
            case MeasurementUpdate():
                self._live.setdefault((event.phase_key, event.attempt), {})[event.measurement.name] = event.measurement
            case PhaseComplete():
                self._take_phase(event)
            case AttachmentAdded():
                self._attached.append(event)
            case PhaseLog():
                self._logs.append(_log(event.level, event.at, event.message, event.file, event.line))
            case RunStopping():
                how = "Killed" if event.is_kill else "Stopped"
                words = f"{how} by {event.by or 'an operator'}"
                self._logs.append(_log("WARNING", event.at, f"{words}: {event.reason}" if event.reason else words))
            case RunCrashed():
                self._logs.append(_log("CRITICAL", event.at, event.error))
            case RunComplete():
                self._complete = event
                if event.error and all(line["message"] != event.error for line in self._logs):
                    self._logs.append(_log("ERROR", event.at, event.error))

    def _take_phase(self, event: PhaseComplete) -> None:
        live = self._live.pop((event.phase_key, event.attempt), {})
        measurements = event.measurements if event.measurements is not None else live.values()
        phase = {
            "name": event.name,
            "outcome": _PHASE_OUTCOMES.get(event.outcome, "ERROR"),
            "started_at": _time(event.started_at),
            "ended_at": _time(max(event.started_at, event.ended_at)),
            "retry_count": event.attempt - 1,
            "measurements": _measurements(measurements),
        }
        if event.docstring:
            phase["docstring"] = event.docstring
        self._phases[(event.phase_key, event.attempt)] = phase
        if event.error:
            self._logs.append(_log("ERROR", event.ended_at, f"{event.name}: {event.error}"))

    def finish(self, execution_id: str) -> RunRecord | None:
        starting, complete = self._starting, self._complete
        if starting is None or complete is None or not self._unit.serial_number:
            return None
        begun_at = (self._started or starting).at
        unit = self._unit
        body: dict[str, Any] = {
            "execution_id": execution_id,
            "procedure_id": starting.procedure_id,
            "outcome": complete.outcome.value if complete.outcome in _RUN_OUTCOMES else "ERROR",
            "started_at": _time(begun_at),
            "ended_at": _time(max(begun_at, complete.at)),
            "serial_number": unit.serial_number,
            "phases": list(self._phases.values()),
            "logs": self._logs,
        }
        optional = {
            "part_number": unit.part_number,
            "revision_number": unit.revision_number,
            "batch_number": unit.batch_number,
            "sub_units": list(unit.sub_units.values()),
            "operated_by": starting.operated_by,
            "docstring": self._started.docstring if self._started else None,
            "metadata": {**complete.metadata, **({"simulated": True} if starting.is_simulated else {})},
        }
        body.update({key: value for key, value in optional.items() if value})
        attachments = [
            RecordAttachment(file_name(a.name), Path(a.path), a.mimetype, self._names.get(a.phase_key))
            for a in self._attached
            if a.path
        ]
        return RunRecord(execution_id, body, attachments)


def _measurements(measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
    return [_measurement(measurement) for measurement in measurements]


def _measurement(measurement: Measurement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": measurement.name,
        "outcome": _VALUE_OUTCOMES.get(measurement.outcome, "UNSET"),
        "validators": [_validator(validator) for validator in measurement.validators],
    }
    if measurement.x_axis is not None:
        found["x_axis"] = _series(measurement.x_axis)
        found["y_axis"] = [_series(axis) for axis in measurement.y_axis]
    else:
        found["measured_value"] = measurement.measured_value
    optional = {
        "units": measurement.units,
        "docstring": measurement.docstring,
        "aggregations": [_aggregation(one) for one in measurement.aggregations],
    }
    return found | {key: value for key, value in optional.items() if value}


def _aggregation(aggregation: Aggregation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": aggregation.type,
        "value": aggregation.value,
        "outcome": _VALUE_OUTCOMES.get(aggregation.outcome, "UNSET"),
        "validators": [_validator(validator) for validator in aggregation.validators],
    }
    return found | ({"unit": aggregation.unit} if aggregation.unit else {})


def _validator(validator: Validator) -> dict[str, Any]:
    found: dict[str, Any] = {
        "outcome": _VALUE_OUTCOMES.get(validator.outcome, "UNSET"),
        "expression": validator.expression,
        "is_decisive": validator.is_decisive,
    }
    if validator.operator is not None:
        found["operator"] = validator.operator
        found["expected_value"] = validator.expected_value
    return found


def _series(series: Series) -> dict[str, Any]:
    return series.model_dump(mode="json", exclude_none=True) | {"data": series.data}


def _log(level: str, at: datetime, message: str, file: str | None = None, line: int | None = None) -> dict[str, Any]:
    return {
        "level": level,
        "timestamp": _time(at),
        "message": message,
        "source_file": file or "unknown",
        "line_number": line or 0,
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
