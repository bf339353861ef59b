"""Line charts drawn on the server: a measured sweep as SVG, readable in print and without JavaScript.

The module computes places; ``templates/runs/_chart.html`` draws them. Colours come from the stylesheet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from station.operator_formats import is_number, number
from station.operator_limits import limits_of

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 44
MOST_POINTS = 2 * (WIDTH - LEFT - RIGHT)  # more than two for each pixel cannot be seen
MOST_SERIES = 6  # as many line styles as can be told apart


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in the drawing and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """One series: its name with units, its style (1…6), and the stretches without a gap as SVG ``points``."""

    name: str
    style: int
    stretches: list[str]
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class LimitLine:
    """A limit drawn across the chart."""

    at: float
    label: str


@dataclass(frozen=True)
class LineChart:
    """Everything the drawing needs, in the coordinates of its ``viewBox``."""

    x_title: str
    y_title: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    limits: list[LimitLine]
    summary: str
    table_head: list[str]
    table_rows: list[list[str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers inside [low, high], evenly spaced by 1, 2 or 5 times a power of ten; at most ``most`` of them.

    One number for an empty range. Raises ValueError for a range that is reversed or not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ValueError(f"no ticks between {low} and {high}")
    if low == high:
        return [low]
    # Fractions: the multiples are exact, so that a tick is written 0.3 and never 0.30000000000000004.
    first, last = Fraction(low), Fraction(high)
    step = _round_step((last - first) / most)
    while True:
        indexes = range(math.ceil(first / step), math.floor(last / step) + 1)
        if len(indexes) <= most:
            return sorted({float(index * step) for index in indexes}) or [low]
        step = _round_step(step, above=True)


def _round_step(at_least: Fraction, *, above: bool = False) -> Fraction:
    """The smallest of 1, 2, 5 × 10ⁿ that is at least (or: above) the given length."""
    power = Fraction(10) ** (math.floor(math.log10(at_least)) - 1 if at_least > Fraction(1, 10**300) else -320)
    while True:
        for factor in (1, 2, 5):
            step = factor * power
            if step > at_least or (step == at_least and not above):
                return step
        power *= 10


def line_chart(measurement: Any) -> LineChart | None:
    """The chart of a multi-dimensional measurement; None where it has no axis with two finite points to draw.

    measurement: ``name``, ``x_axis`` and ``y_axis`` (each with ``data``, ``name``, ``units``), ``validators``.
    """
    if measurement.x_axis is None or not measurement.y_axis:
        return None
    xs = list(measurement.x_axis.data)
    series = list(measurement.y_axis)[:MOST_SERIES]
    points_of = [[(x, y) for x, y in zip(xs, one.data, strict=False) if is_number(x)] for one in series]
    finite = [(x, y) for points in points_of for x, y in points if is_number(y)]
    if len(finite) < 2:
        return None
    limits = limits_of(measurement.validators)
    bounds = [bound for bound in (limits.low, limits.high) if bound is not None]
    x_low, x_high = _padded([x for x, _ in finite], 0.0)
    y_low, y_high = _padded([y for _, y in finite] + bounds, 0.06)

    def x_at(x: float) -> float:
        return round(LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def y_at(y: float) -> float:
        return round(HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    lines = []
    for index, points in enumerate(points_of):
        stretches = _stretches(_thin(points))
        placed = [[(x_at(x), y_at(y)) for x, y in stretch] for stretch in stretches]
        few = len(points) <= 60
        lines.append(
            Line(
                _title(series[index], f"y{index + 1}"),
                index + 1,
                [" ".join(f"{x},{y}" for x, y in stretch) for stretch in placed],
                [point for stretch in placed for point in stretch if few or len(stretch) == 1],
            )
        )
    names = [("lower limit", limits.low), ("upper limit", limits.high)]
    y_title = lines[0].name if len(lines) == 1 else _shared_units(series)
    return LineChart(
        x_title=_title(measurement.x_axis, "x"),
        y_title=y_title,
        x_ticks=[Tick(x_at(value), number(value)) for value in ticks(x_low, x_high, 8)],
        y_ticks=[Tick(y_at(value), number(value)) for value in ticks(y_low, y_high, 6)],
        lines=lines,
        limits=[LimitLine(y_at(bound), f"{name} {number(bound)}") for name, bound in names if bound is not None],
        summary=_summary(measurement, finite, [line.name for line in lines]),
        table_head=[_title(measurement.x_axis, "x"), *(line.name for line in lines)],
        table_rows=_table(xs, [one.data for one in series]),
    )


def _padded(values: Sequence[float], margin: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    span = high - low
    if span == 0 or not math.isfinite(span):
        span = abs(low) * 0.1 or 1.0
        return low - span, high + span
    return low - span * margin, high + span * margin


def _thin(points: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """At most the points that can be seen: of each pixel column the lowest and the highest, gaps kept."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(len(points) / (MOST_POINTS / 2))
    kept: list[tuple[Any, Any]] = []
    for start in range(0, len(points), size):
        column = points[start : start + size]
        real = [(y, index) for index, (_, y) in enumerate(column) if is_number(y)]
        if len(real) < len(column):
            kept.append((column[0][0], None))
        kept.extend(column[index] for index in sorted({min(real)[1], max(real)[1]} if real else ()))
    return kept


def _stretches(points: list[tuple[Any, Any]]) -> list[list[tuple[float, float]]]:
    """The runs of neighbouring points that have a value."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if is_number(y):
            stretches[-1].append((x, y))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _title(series: Any, otherwise: str) -> str:
    name = series.name or otherwise
    return f"{name} [{series.units}]" if series.units else str(name)


def _shared_units(series: list[Any]) -> str:
    units = {one.units for one in series}
    return f"[{units.pop()}]" if len(units) == 1 and None not in units else ""


def _summary(measurement: Any, finite: list[tuple[float, float]], names: list[str]) -> str:
    low, high = min(y for _, y in finite), max(y for _, y in finite)
    xs = [x for x, _ in finite]
    return (
        f"{measurement.name}: {', '.join(names)} over {_title(measurement.x_axis, 'x')}, "
        f"{len(measurement.x_axis.data)} points from {number(min(xs))} to {number(max(xs))}; "
        f"lowest {number(low)}, highest {number(high)}."
    )


def _table(xs: list[Any], columns: list[Any], most: int = 500) -> list[list[str]]:
    def cell(value: Any) -> str:
        return number(value) if is_number(value) else "–"

    return [
        [cell(x), *(cell(column[row]) if row < len(column) else "–" for column in columns)]
        for row, x in enumerate(xs[:most])
    ]
