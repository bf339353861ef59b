"""Runs as the published clients read them: every nullable key is there. Source: contract/v2-api.md §1.8, §3."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from portal.api.uploads import shown_file
from portal.api.v2 import shapes
from portal.api.v2.shapes import duration, instant
from portal.services.run_details import (
    LogView,
    MeasurementView,
    PhaseView,
    RunDetail,
    SeriesView,
    SubUnitView,
)
from portal.services.run_lists import RunRow

Json = dict[str, Any]


def run_entry(run: RunRow, *, with_metadata: bool, with_sequences: bool) -> Json:
    """An entry of the list. Of the sequences only the top ones."""
    found = run_head(run)
    if with_metadata:
        found["metadata"] = run.metadata
    if with_sequences:
        found["sequences"] = [one for one in sequences(run) if one["parent_path"] is None]
    return found


def run_head(run: RunRow) -> Json:
    """What every answer says of a run."""
    return {
        "id": run.id,
        "created_at": instant(run.created_at),
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "duration": duration(run.duration_ms),
        "outcome": run.outcome,
        "execution_id": run.execution_id,
        "slot_key": run.slot_key,
        "slot_name": run.slot_name,
        "procedure": {
            "id": run.procedure.id,
            "name": run.procedure.name,
            "version": {"id": run.version.id, "tag": run.version.name} if run.version is not None else None,
        },
        "unit": {
            "id": run.unit_id,
            "serial_number": run.serial_number,
            "sample": run.sample,
            "part": shapes.part(run.part, run.part_name, run.revision),
            "batch": shapes.number(run.batch),
        },
        "docstring": run.docstring,
        "created_by_user": shapes.member(run.created_by_user),
        "created_by_station": shapes.station(run.station),
        "operated_by": shapes.member(run.operator),
    }


def run_whole(run: RunDetail) -> Json:
    """One run with all that it holds."""
    return run_head(run) | {
        "metadata": run.metadata,
        "phases": [phase(one) for one in sorted(run.phases, key=lambda p: (p.started_at, p.name, p.attempt))],
        "sequences": sequences(run),
        "attachments": [shown_file(file) | {"is_report": file.is_report} for file in run.attachments],
        "logs": [_log(line) for line in run.logs],
        "sub_units": [_sub_unit(unit) for unit in run.sub_units],
        "config": run.config,
        "secrets": run.secrets,
    }


def phase(one: PhaseView) -> Json:
    """One attempt of a phase with its measurements."""
    return {
        "id": one.id,
        "name": one.name,
        "outcome": one.outcome,
        "started_at": instant(one.started_at),
        "ended_at": instant(one.ended_at),
        "duration": duration(one.duration_ms),
        "retry_count": one.attempt - 1,
        "sequence_path": one.sequence_path,
        "measurements": [measurement(each) for each in one.measurements],
        "docstring": one.docstring,
    }


def measurement(one: MeasurementView) -> Json:
    """One measurement with all its points."""
    axes = one.axes
    # Clients refuse a series with a gap or a text in it: such a measurement is handed out as a value instead.
    is_plain = all(set(map(type, axis.data)) <= {int, float} for axis in axes)
    value = one.measured_value
    if axes and not is_plain:
        value = {"axes": [{"name": axis.name, "units": axis.units, "data": axis.data} for axis in axes]}
    return {
        "id": one.id,
        "name": one.name,
        "outcome": one.outcome,
        "validators": [validator(each) for each in one.validators],
        "units": one.units,
        "aggregations": _aggregations(one.id, one.aggregations),
        "measured_value": value,
        "data_series": [_series(f"{one.id}:{n}", axis) for n, axis in enumerate(axes)] if axes and is_plain else None,
        "docstring": one.docstring,
    }


def validator(shown: Json) -> Json:
    """A limit; one whose value no client could read becomes its text alone."""
    expected = shown["expected_value"]
    is_readable = not isinstance(expected, dict)
    if isinstance(expected, list):
        is_readable = all(map(_is_number, expected)) or all(isinstance(one, str) for one in expected)
    if is_readable:
        return shown
    return shown | {"expected_value": None, "is_expression_only": True, "analytics_expression": None}


def sequences(run: RunRow) -> list[Json]:
    """Groups of phases, each behind the group that it is in."""
    return [_sequence(one) for one in sorted(run.sequences, key=lambda one: one["path"].split("/"))]


def _series(series_id: str, axis: SeriesView) -> Json:
    return {
        "data": axis.data,
        "units": axis.units,
        "name": axis.name,
        "description": axis.description,
        "validators": [validator(each) for each in axis.validators],
        "aggregations": _aggregations(series_id, axis.aggregations),
    }


def _aggregations(owner_id: str, stored: list[Json]) -> list[Json]:
    return [
        {
            "id": f"{owner_id}:{position}",
            "type": one["type"],
            "outcome": one["outcome"],
            "value": one["value"] if isinstance(one["value"], str | int | float) else None,
            "unit": one["unit"],
            "validators": [validator(each) for each in one["validators"]],
        }
        for position, one in enumerate(stored)
    ]


def _sequence(stored: Json) -> Json:
    parent, _, key = stored["path"].rpartition("/")
    started_at, ended_at = (_read(stored[name]) for name in ("started_at", "ended_at"))
    lasted_s = (ended_at - started_at).total_seconds() if started_at is not None and ended_at is not None else None
    return {
        "id": stored["id"],
        "path": stored["path"],
        "key": key,
        "parent_path": parent or None,
        "name": stored["name"],
        "source": stored["source"],
        "outcome": stored["outcome"],
        "started_at": instant(started_at) if started_at is not None else None,
        "ended_at": instant(ended_at) if ended_at is not None else None,
        "duration": duration(math.floor(lasted_s * 1000)) if lasted_s is not None else None,
    }


def _read(stored: str | None) -> datetime | None:
    return datetime.fromisoformat(stored) if stored is not None else None


def _log(line: LogView) -> Json:
    return {
        "id": line.id,
        "level": line.level,
        "timestamp": instant(line.at),
        "message": line.message,
        "source_file": line.source_file,
        "line_number": line.line_number,
    }


def _sub_unit(unit: SubUnitView) -> Json:
    return {
        "id": unit.id,
        "serial_number": unit.serial_number,
        "part_number": unit.part_number,
        "part_name": unit.part_name,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
