"""What a sweep came to, in one line: the worst of its points where limits are broken, else how far its values reach.

A measurement here is anything with ``measured_value``, ``units``, ``validators``, ``x_axis`` and ``y_axis``. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment

from station.operator_formats import is_number, quantity
from station.operator_limits import Limits, limits_of, measured_text


@dataclass(frozen=True)
class Point:
    """One point of a sweep, to be written like a measurement of its own. ``place``: where it was measured."""

    place: str
    measured_value: Any
    units: str | None
    validators: list[Any]
    x_axis: None = None

    @property
    def excess(self) -> float:
        """How far the value is beyond its limits; 0 for one that keeps them."""
        return _excess(self.measured_value, limits_of(self.validators))


def register(env: Environment) -> None:
    """Make the functions available to every template."""
    env.globals.update(result_text=result_text, worst_point=worst_point)


def result_text(measurement: Any) -> str:
    """The value with its unit; of a sweep the worst point, or how far its values reach."""
    points = list(_points(measurement))
    if not points:
        return measured_text(measurement)
    outside = sum(point.excess > 0 for point in points)
    if outside == 0:
        return _reach(points)
    worst = worst_point(measurement)
    count = f", the worst of {outside} points outside" if outside > 1 else ""
    return f"{measured_text(worst)} at {worst.place}{count}"


def worst_point(measurement: Any) -> Any:
    """The point of a sweep that is farthest beyond its limits; the measurement itself where there is none."""
    outside = [point for point in _points(measurement) if point.excess > 0]
    return max(outside, key=lambda point: point.excess, default=measurement)


def _points(measurement: Any) -> Iterator[Point]:
    """The points of all series; of a sweep over several dimensions the rows, whose last column is the value."""
    if measurement.x_axis is not None:
        x_axis = measurement.x_axis
        for series in measurement.y_axis:
            validators = [*measurement.validators, *getattr(series, "validators", ())]
            units = series.units or measurement.units
            for x, y in zip(x_axis.data, series.data, strict=False):
                place = " ".join(filter(None, [x_axis.name, quantity(x, x_axis.units)]))
                yield Point(place, y, units, validators)
    elif _is_table(measurement.measured_value):
        for row in measurement.measured_value:
            place = ", ".join(quantity(coordinate) for coordinate in row[:-1])
            yield Point(place, row[-1], measurement.units, measurement.validators)


def _is_table(value: Any) -> bool:
    is_list = isinstance(value, list) and len(value) > 0
    return is_list and all(isinstance(row, list) and len(row) > 1 and is_number(row[-1]) for row in value)


def _reach(points: list[Point]) -> str:
    values = [point.measured_value for point in points if is_number(point.measured_value)]
    missing = len(points) - len(values)
    parts = [f"{len(points)} points"]
    if values:
        units = points[0].units
        parts.append(f"{quantity(min(values), units)} … {quantity(max(values), units)}")
    if missing:
        parts.append(f"{missing} without a number")
    return ", ".join(parts)


def _excess(value: Any, limits: Limits) -> float:
    if not is_number(value):
        return 0.0
    beyond = 0.0
    if limits.low is not None and (value < limits.low or (limits.excludes_low and value == limits.low)):
        beyond = max(limits.low - value, 5e-324)  # a value on a limit that is excluded is outside, by nothing
    if limits.high is not None and (value > limits.high or (limits.excludes_high and value == limits.high)):
        beyond = max(beyond, value - limits.high, 5e-324)
    return beyond
