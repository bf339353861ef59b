"""The record of a run in the older words, and what it is in ours. Source: contract/v1-api.md §3."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from portal.errors import BadRequest
from portal.services.imports.drafts import Draft, ProcedureName, at_millis, number, text
from portal.services.imports.limit_texts import read_limits
from portal.services.metadata import refuse
from portal.services.run_input import (
    In,
    Instant,
    LogIn,
    MeasurementIn,
    PhaseIn,
    SeriesIn,
    ValidatorIn,
    Value,
    Verdict,
)

# What the plugin's comparators make of the lower and of the upper limit.
_COMPARATORS: dict[str | None, tuple[str | None, str | None]] = {
    "LT": (None, "<"),
    "LE": (None, "<="),
    "GT": (">", None),
    "GE": (">=", None),
    **dict.fromkeys(("LTGT", "GTLT"), (">", "<")),
    **dict.fromkeys(("LTGE", "GELT"), (">=", "<")),
    **dict.fromkeys(("LEGT", "GTLE"), (">", "<=")),
}
_BOTH = (">=", "<=")
_ONE_VALUE = {"EQ": "==", "NE": "!="}


def _none_is_empty(value: Any) -> Any:
    return [] if value is None else value


def _duration(value: Any) -> Any:
    # Numbers and "12:30" are durations to the library as well, but not in this interface.
    if isinstance(value, str) and not value.startswith("P"):
        raise refuse("The duration is not an ISO 8601 duration such as PT1M30S.")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))]
Millis = Annotated[float, Field(allow_inf_nan=False)]


class SerialIn(In):
    """A unit by its serial number."""

    serial_number: str


class UnitUnderTestIn(SerialIn):
    """The unit under test. ``part_name`` is for a part that is new."""

    part_number: str | None = None
    part_name: str | None = None
    revision: str | None = None
    batch_number: str | None = None


class StepIn(In):
    """A step with one value at most: the way before there were phases."""

    name: str
    started_at: Instant
    duration: Duration
    step_passed: bool
    measurement_unit: str | None = None
    measurement_value: Value = None
    limit_low: float | None = None
    limit_high: float | None = None
    comparator: str | None = None

    def as_phase(self, attempt: int) -> PhaseIn:
        """The step as a phase, with its value as a measurement of the same name."""
        outcome: Literal["PASS", "FAIL"] = "PASS" if self.step_passed else "FAIL"
        has_value = any(one is not None for one in (self.measurement_value, self.limit_low, self.limit_high))
        measurement = MeasurementIn(
            name=self.name,
            outcome=outcome,
            measured_value=self.measurement_value,
            units=self.measurement_unit or None,
            validators=list(self._limits()),
        )
        return PhaseIn(
            name=self.name,
            outcome=outcome,
            started_at=self.started_at,
            ended_at=_after(self.started_at, self.duration),
            measurements=[measurement] if has_value else [],
            retry_count=attempt,
        )

    def _limits(self) -> list[ValidatorIn]:
        if self.comparator in _ONE_VALUE:
            limit = self.limit_low if self.limit_low is not None else self.limit_high
            given = [(_ONE_VALUE[self.comparator], limit)]
        else:
            below, above = _COMPARATORS.get(self.comparator, _BOTH)
            given = [
                (below or "", self.limit_low if below else None),
                (above or "", self.limit_high if above else None),
            ]
        return [ValidatorIn(operator=operator, expected_value=limit) for operator, limit in given if limit is not None]


class MeasurementV1In(In):
    """A value. Rows of several columns, with a unit for each, are a sweep. ``validators``: texts such as ``x <= 5``."""

    name: str
    outcome: Verdict
    measured_value: Value = None
    units: str | list[str | None] | None = None
    lower_limit: float | None = None
    upper_limit: float | None = None
    validators: Annotated[list[str], BeforeValidator(_none_is_empty)] = []
    docstring: str | None = None

    def as_measurement(self) -> MeasurementIn:
        """In our words."""
        axes = self._axes()
        judged = axes[-1].data if axes else self.measured_value
        return MeasurementIn(
            name=self.name,
            outcome=self.outcome,
            x_axis=axes[0] if axes else None,
            y_axis=axes[1:],
            measured_value=None if axes else self.measured_value,
            units=cast("Any", self.units),  # several are joined
            lower_limit=self.lower_limit,
            upper_limit=self.upper_limit,
            validators=read_limits(self.validators, judged, self.outcome),
            docstring=self.docstring,
        )

    def _axes(self) -> list[SeriesIn]:
        """One series for each column; none where the value is not rows of so many columns as there are units."""
        rows, units = self.measured_value, self.units
        if not isinstance(units, list) or len(units) < 2 or not isinstance(rows, list) or not rows:
            return []
        if not all(isinstance(row, list) and len(row) == len(units) and all(map(_is_point, row)) for row in rows):
            return []
        return [
            SeriesIn(data=[_point(row[place]) for row in rows], units=unit or None) for place, unit in enumerate(units)
        ]


class PhaseV1In(In):
    """A phase. Those of one name are attempts, in their order."""

    name: str
    outcome: Literal["PASS", "FAIL", "SKIP", "ERROR"]
    start_time_millis: Millis
    end_time_millis: Millis
    measurements: Annotated[list[MeasurementV1In], BeforeValidator(_none_is_empty)] = []
    docstring: str | None = None

    def as_phase(self, attempt: int) -> PhaseIn:
        """In our words. Raises `BadRequest` for a time that no calendar holds."""
        where = f"of the phase {self.name[:100]!r}"
        return PhaseIn(
            name=self.name,
            outcome=self.outcome,
            started_at=at_millis(self.start_time_millis, f"start_time_millis {where}"),
            ended_at=at_millis(self.end_time_millis, f"end_time_millis {where}"),
            measurements=[one.as_measurement() for one in self.measurements],
            docstring=self.docstring,
            retry_count=attempt,
        )


class RunV1In(In):
    """The record of a run. ``procedure_id``: our id, or the procedure's short identifier; it wins over the name."""

    unit_under_test: UnitUnderTestIn
    run_passed: bool
    procedure_id: str | None = None
    procedure_name: str | None = None
    procedure_version: str | None = None
    started_at: Instant | None = None
    duration: Duration = timedelta(0)
    steps: Annotated[list[StepIn], BeforeValidator(_none_is_empty)] = []
    phases: Annotated[list[PhaseV1In], BeforeValidator(_none_is_empty)] = []
    logs: Annotated[list[LogIn], BeforeValidator(_none_is_empty)] = []
    sub_units: Annotated[list[SerialIn], BeforeValidator(_none_is_empty)] = []

    def as_draft(self) -> Draft:
        """In our words, but for our id of the procedure. Raises `BadRequest`."""
        unit = self.unit_under_test
        started_at = self.started_at or datetime.now(UTC)
        fields = {
            "outcome": "PASS" if self.run_passed else "FAIL",
            "started_at": started_at,
            "ended_at": _after(started_at, self.duration),
            "serial_number": unit.serial_number,
            "part_number": text(unit.part_number),
            "revision_number": text(unit.revision),
            "batch_number": text(unit.batch_number),
            "procedure_version": text(self.procedure_version),
            "sub_units": [one.serial_number for one in self.sub_units],
            "phases": self._phases(),
            "logs": self.logs,
        }
        return Draft(ProcedureName(text(self.procedure_id), text(self.procedure_name)), fields)

    def _phases(self) -> list[PhaseIn]:
        attempts: Counter[str] = Counter()
        found: list[PhaseIn] = []
        given: list[StepIn | PhaseV1In] = [*self.steps, *self.phases]
        for one in given:
            found.append(one.as_phase(attempts[one.name]))
            attempts[one.name] += 1
        return found


def _after(at: datetime, duration: timedelta) -> datetime:
    try:
        return at + duration
    except OverflowError:
        raise BadRequest("The duration ends outside of what a calendar can hold.", "duration") from None


def _is_point(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _point(value: Any) -> float | str | None:
    return value if value is None or isinstance(value, str) else number(float(value))
