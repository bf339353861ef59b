"""``/api/v2/measurements``. Source: contract/v2-api.md §10."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.api.v2 import run_json, shapes
from portal.api.v2.run_query import OfPhasesIn
from portal.api.v2.run_shapes import MeasurementOut, ValidatorOut
from portal.api.v2.shapes import Instant, Outcome, PageMeta, ProcedureRef, Sample, Verdict
from portal.services.run_measurements import MeasurementQuery, MeasurementRow, list_measurements, show_measurement
from portal.web import actor, db

api = Operations("measurements_v2", "Measurements")

Kind = Literal["numeric", "boolean", "string", "multidimensional", "empty", "json"]


class MeasurementListIn(OfPhasesIn):
    """Which measurements of one procedure. ``outcomes``, ``duration_min``, ``duration_max``: of the run."""

    phase_name: str | None = None
    measurement_name: str | None = None
    phase_names: list[str] = []
    outcomes: list[Outcome] = []
    value_min: float | None = None
    value_max: float | None = None
    value_bool: bool | None = None
    value_strings: list[str] = []
    measurement_outcomes: list[Verdict] = []
    measurement_types: list[Kind] = []
    sort_by: Literal["started_at", "value", "outcome", "serial_number", "phase_name", "measurement_name"] = "started_at"

    def as_query(self) -> MeasurementQuery:
        """For the service."""
        return MeasurementQuery(
            **self.of_phases(),
            runs=self.of_runs(
                outcomes=self.outcomes, duration_min_ms=self.duration_min, duration_max_ms=self.duration_max
            ),
            names=[self.measurement_name] if self.measurement_name is not None else [],
            phase_names=[*self.phase_names, *([self.phase_name] if self.phase_name is not None else [])],
            outcomes=self.measurement_outcomes,
            kinds=self.measurement_types,
            value_min=self.value_min,
            value_max=self.value_max,
            value_bool=self.value_bool,
            value_texts=self.value_strings,
        )


class MeasurementPhaseRef(TypedDict):
    """The phase of a measurement."""

    id: str
    name: str


class MeasurementRunRef(TypedDict):
    """The run of a measurement."""

    id: str
    outcome: Outcome
    serial_number: str | None


class OneMeasurementOut(MeasurementOut):
    """A measurement, and where it belongs."""

    phase: MeasurementPhaseRef
    run: MeasurementRunRef
    procedure: ProcedureRef


class MeasurementEntry(TypedDict):
    """A measurement in a list.

    Exactly one of ``value``, ``bool_value``, ``string_value`` is there for a single value; none for other types.
    """

    id: str
    phase_name: str
    measurement_name: str
    started_at: Instant | None
    value: int | float | None
    bool_value: bool | None
    string_value: str | None
    units: str | None
    measurement_outcome: Verdict
    run_id: str
    serial_number: str | None
    sample: Sample | None
    measurement_type: Kind
    retry_count: int
    is_final_attempt: bool
    validators: list[ValidatorOut]


class MeasurementPage(TypedDict):
    """A page of measurements."""

    data: list[MeasurementEntry]
    meta: PageMeta


@api.get("/api/v2/measurements", "measurements.list", query=MeasurementListIn, answer=MeasurementPage)
def index(query: MeasurementListIn) -> Any:
    """List the measurements of a procedure's runs, the newest first.

    `value_min` and `value_max` find numbers, `value_bool` truth values, `value_strings` texts.
    """
    return shapes.page_out(list_measurements(db(), actor(), query.as_query(), query.place(query.sort_by)), _entry)


@api.get("/api/v2/measurements/{id}", "measurements.get", answer=OneMeasurementOut, errors=(404,))
def show(id: str) -> Any:  # noqa: A002  (the path's word)
    """Read one measurement with all its points."""
    found = show_measurement(db(), actor(), id)
    return run_json.measurement(found.measurement) | {
        "phase": {"id": found.phase.id, "name": found.phase.name},
        "run": {"id": found.run_id, "outcome": found.run_outcome, "serial_number": found.serial_number},
        "procedure": {"id": found.procedure.id, "name": found.procedure.name},
    }


def _entry(row: MeasurementRow) -> Any:
    return {
        "id": row.id,
        "phase_name": row.phase_name,
        "measurement_name": row.name,
        "started_at": shapes.instant(row.started_at),
        "value": row.value if row.kind == "numeric" else None,
        "bool_value": row.value if row.kind == "boolean" else None,
        "string_value": row.value if row.kind == "string" else None,
        "units": row.units,
        "measurement_outcome": row.outcome,
        "run_id": row.run_id,
        "serial_number": row.serial_number,
        "sample": row.sample,
        "measurement_type": row.kind,
        "retry_count": row.retry_count,
        "is_final_attempt": row.is_final_attempt,
        "validators": [run_json.validator(one) for one in row.validators],
    }
