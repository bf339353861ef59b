"""OpenHTF's measurements in the words of the station's protocol."""

from __future__ import annotations

import inspect
from typing import Any

from ..common.values import has_nan, plain, point
from .limits import limits_of

_OUTCOMES = {"PASS": "PASS", "FAIL": "FAIL"}


def declared(measurement: Any) -> dict[str, Any]:
    """A measurement before anything was measured: name, unit of measure, limits."""
    found: dict[str, Any] = {"name": str(measurement.name), "validators": limits_of(measurement)}
    units = _units(getattr(measurement, "units", None))
    if units:
        found["units"] = units
    if getattr(measurement, "docstring", None):
        found["docstring"] = inspect.cleandoc(str(measurement.docstring))
    return found


def written(measurement: Any) -> dict[str, Any]:
    """A scalar measurement just written, not judged yet."""
    return {**declared(measurement), "measured_value": plain(measurement.measured_value.value)}


def judged(measurement: Any) -> dict[str, Any]:
    """A measurement at the end of its phase: value or series, limits and verdict."""
    found = declared(measurement)
    found["outcome"] = _OUTCOMES.get(getattr(measurement.outcome, "name", ""), "UNSET")
    found["validators"] = limits_of(measurement, is_judged=True)
    measured = measurement.measured_value
    if not getattr(measured, "is_value_set", False):
        return found
    if measurement.dimensions:
        found.update(_series(measurement, measured.value))
    else:
        found["measured_value"] = plain(measured.value)
    return found


def holds_nan(measurement: Any) -> bool:
    """Whether a value is no number, which must never pass."""
    measured = measurement.measured_value
    return bool(getattr(measured, "is_value_set", False)) and has_nan(measured.value)


def _series(measurement: Any, rows: list[Any]) -> dict[str, Any]:
    """One dimension becomes an x and a y axis; more of them, or points that are not numbers, become rows."""
    if len(measurement.dimensions) == 1:
        try:
            x_points = [point(row[0]) for row in rows]
            y_points = [point(row[-1]) for row in rows]
        except TypeError:
            return {"measured_value": plain(rows)}
        dimension = measurement.dimensions[0]
        x_axis = _axis(x_points, getattr(dimension, "name", None), _units(dimension))
        return {"x_axis": x_axis, "y_axis": [_axis(y_points, measurement.name, _units(measurement.units))]}
    return {"measured_value": plain(rows)}


def _axis(data: list[float | None], name: Any, units: str | None) -> dict[str, Any]:
    axis: dict[str, Any] = {"data": data}
    if name:
        axis["name"] = str(name)
    if units:
        axis["units"] = units
    return axis


def _units(descriptor: Any) -> str | None:
    """The sign of a unit of measure (``V``), else its name; None for a bare number."""
    suffix = getattr(descriptor, "suffix", None)
    if suffix:
        return str(suffix)
    unit = getattr(descriptor, "unit", descriptor)
    name = getattr(unit, "name", None)
    return str(name) if name and str(name).lower() not in ("none", "no_dimension", "no dimension") else None
