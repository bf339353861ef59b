"""Runs as the published clients read them: every nullable key is there. Source: contract/v2-api.md §1.8, §3."""

from __future__ import annotations

from typing import Any

from portal.api.uploads import address
from portal.api.v2.shapes import duration, instant
from portal.services.refs import Person, Ref
from portal.services.run_details import AttachmentView, MeasurementView, PhaseView, RunDetail, SeriesView
from portal.services.run_lists import RunRow

Json = dict[str, Any]


def run_summary(run: RunRow, *, with_metadata: bool = False) -> Json:
    """An entry of the list."""
    found: Json = {
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
            "sample": None,
            "part": {
                "id": run.part.id,
                "number": run.part.name,
                "name": run.part_name,
                "revision": {"id": run.revision.id, "number": run.revision.name},
            },
            "batch": {"id": run.batch.id, "number": run.batch.name} if run.batch is not None else None,
        },
        "docstring": run.docstring,
        "created_by_user": _person(run.created_by_user),
        "created_by_station": _station(run.station),
        "operated_by": _person(run.operator),
    }
    return found | ({"metadata": run.metadata} if with_metadata else {})


def run_whole(run: RunDetail) -> Json:
    """One run with all that it holds."""
    return run_summary(run, with_metadata=True) | {
        "phases": [_phase(phase) for phase in sorted(run.phases, key=lambda p: (p.started_at, p.name, p.attempt))],
        "sequences": [_sequence(one) for one in sorted(run.sequences, key=lambda one: one["path"].split("/"))],
        "attachments": [_attachment(file) for file in run.attachments],
        "logs": [
            {
                "id": line.id,
                "level": line.level,
                "timestamp": instant(line.at),
                "message": line.message,
                "source_file": line.source_file,
                "line_number": line.line_number,
            }
            for line in run.logs
        ],
        "sub_units": [
            {
                "id": unit.id,
                "serial_number": unit.serial_number,
                "part_number": unit.part_number,
                "part_name": unit.part_name,
            }
            for unit in run.sub_units
        ],
        "config": run.config,
        "secrets": run.secrets,
    }


def _phase(phase: PhaseView) -> Json:
    return {
        "id": phase.id,
        "name": phase.name,
        "outcome": phase.outcome,
        "started_at": instant(phase.started_at),
        "ended_at": instant(phase.ended_at),
        "duration": duration(phase.duration_ms),
        "retry_count": phase.attempt - 1,
        "sequence_path": phase.sequence_path,
        "measurements": [_measurement(one) for one in phase.measurements],
        "docstring": phase.docstring,
    }


def _measurement(one: MeasurementView) -> Json:
    axes = [one.x_axis, *one.y_axis] if one.x_axis is not None else list(one.y_axis)
    # Clients refuse a series with a gap or a text in it: such a measurement is handed out as a value instead.
    is_plain = all(_is_number(point) for axis in axes for point in axis.data)
    value = one.measured_value
    if axes and not is_plain:
        value = {"axes": [{"name": axis.name, "units": axis.units, "data": axis.data} for axis in axes]}
    return {
        "id": one.id,
        "name": one.name,
        "outcome": one.outcome,
        "validators": [_validator(validator) for validator in one.validators],
        "units": one.units,
        "aggregations": _aggregations(one.id, one.aggregations),
        "measured_value": value,
        "data_series": [_series(f"{one.id}:{n}", axis) for n, axis in enumerate(axes)] if axes and is_plain else None,
        "docstring": one.docstring,
    }


def _series(series_id: str, axis: SeriesView) -> Json:
    return {
        "data": axis.data,
        "units": axis.units,
        "name": axis.name,
        "description": axis.description,
        "validators": [_validator(validator) for validator in axis.validators],
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
            "validators": [_validator(validator) for validator in one["validators"]],
        }
        for position, one in enumerate(stored)
    ]


def _validator(shown: Json) -> Json:
    expected = shown["expected_value"]
    is_list = isinstance(expected, list)
    is_readable = (
        expected is None
        or isinstance(expected, str | int | float)
        or (is_list and (all(map(_is_number, expected)) or all(isinstance(one, str) for one in expected)))
    )
    if is_readable:
        return shown
    return shown | {"expected_value": None, "is_expression_only": True, "analytics_expression": None}


def _sequence(stored: Json) -> Json:
    parent, _, key = stored["path"].rpartition("/")
    return {
        "id": stored["id"],
        "path": stored["path"],
        "key": key,
        "parent_path": parent or None,
        "name": stored["name"],
        "source": stored["source"],
        "outcome": stored["outcome"],
        "started_at": stored["started_at"],
        "ended_at": stored["ended_at"],
        "duration": None,
    }


def _attachment(file: AttachmentView) -> Json:
    return {
        "id": file.id,
        "name": file.name,
        "size": file.size_bytes,
        "content_type": file.content_type,
        "is_report": False,
        "download_url": address(file.id, "download") if file.size_bytes is not None else None,
    }


def _person(person: Person | None) -> Json | None:
    return {"id": person.id, "name": person.name, "email": person.email} if person is not None else None


def _station(station: Ref | None) -> Json | None:
    return {"id": station.id, "name": station.name} if station is not None else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
