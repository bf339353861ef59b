"""Charts of statistics, drawn on the server: yield over time, a histogram, a control chart.

The module computes places, ``templates/procedures/_…_chart.html`` draw them. Each has a sentence and a table beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from portal.pages.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Tick, ticks
from portal.services.measurement_statistics import MeasuredValue, MeasurementFigures, MeasurementHistory, Spread
from portal.services.procedure_yields import YieldsOverTime
from station.operator_formats import number, quantity

PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_BINS = 30
MOST_DRAWN = 400  # values of a control chart: more cannot be told apart
MOVING_RANGE_FACTOR = 2.66  # 3 / 1.128: three sigma from the mean distance of neighbours (individuals chart)
MOST_DAYS_LABELLED = 8
YIELD_WIDTHS = (340, WIDTH, 1240)  # for a phone, a small window and a large one: the text has about one size in all
LABEL_WIDTH = 80


@dataclass(frozen=True)
class Bar:
    """One bar; ``mark``: the height of a line across it, None for none."""

    x: float
    y: float
    width: float
    height: float
    words: str
    mark: float | None = None


@dataclass(frozen=True)
class Level:
    """A line across the drawing, or down it. ``kind``: limit, mean or control."""

    at: float
    label: str
    kind: str


@dataclass(frozen=True)
class Chart:
    """What all of them have, in the coordinates of the ``viewBox``."""

    summary: str
    x_title: str
    y_title: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    bars: list[Bar] = field(default_factory=list)
    points: str = ""
    dots: list[tuple[float, float]] = field(default_factory=list)
    crosses: list[tuple[float, float, str]] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def yield_charts(found: YieldsOverTime, *, is_weekly: bool) -> list[Chart]:
    """The same chart in each of `YIELD_WIDTHS`: the page shows the one that fits into its panel."""
    return [_yield_chart(found, width, is_weekly=is_weekly) for width in YIELD_WIDTHS]


def _yield_chart(found: YieldsOverTime, chart_width: int, *, is_weekly: bool) -> Chart:
    """First-pass yield as bars, the final one as a line across each. Days without a unit stay empty."""
    buckets = found.buckets
    plot_width = chart_width - LEFT - RIGHT
    step = plot_width / len(buckets)
    width = round(min(step * 0.75, 48), 1)
    bars = []
    for place, bucket in enumerate(buckets):
        first, final = bucket.first_pass.percent, bucket.final.percent
        if first is None and final is None:
            continue
        top = _percent_at(first or 0)
        when = f"week of {_day(bucket.first)}" if is_weekly else _day(bucket.first)
        words = f"{when}: first pass {_percent(first)} of {bucket.first_pass.tested} units, final {_percent(final)}"
        x = round(LEFT + place * step + (step - width) / 2, 1)
        mark = _percent_at(final) if final is not None else None
        bars.append(Bar(x, top, width, round(HEIGHT - BOTTOM - top, 1), words, mark))
    every = math.ceil(len(buckets) / (plot_width // LABEL_WIDTH))
    return Chart(
        summary=(
            f"Yield by {'week' if is_weekly else 'day'} from {_day(buckets[0].first)} to {_day(buckets[-1].last)}: "
            f"first pass {_percent(found.first_pass.percent)}, final {_percent(found.final.percent)}."
        ),
        x_title="",
        y_title="units passed [%]",
        x_ticks=[
            Tick(round(LEFT + (place + 0.5) * step, 1), _day(buckets[place].first))
            for place in range(0, len(buckets), every)
        ],
        y_ticks=[Tick(_percent_at(value), str(value)) for value in (0, 25, 50, 75, 100)],
        bars=bars,
        width=chart_width,
        right=chart_width - RIGHT,
    )


def histogram(history: MeasurementHistory) -> Chart:
    """How often values fall into equal bins; the limits and the mean across it."""
    figures, values = history.figures, [one.value for one in history.values]
    low, high = _range(figures.spread, figures.low, figures.high)
    edges = _edges(low, high)
    step, counts = edges[1] - edges[0], Counter[int]()
    for value in values:
        counts[min(max(int((value - edges[0]) / step), 0), len(edges) - 2)] += 1
    most = max(counts.values())

    def x_at(value: float) -> float:
        return round(LEFT + (value - edges[0]) / (edges[-1] - edges[0]) * PLOT_WIDTH, 1)

    def y_at(count: float) -> float:
        return round(HEIGHT - BOTTOM - count / (most * 1.12) * PLOT_HEIGHT, 1)

    bars = [
        Bar(
            x_at(edges[place]) + 0.5,
            y_at(counts[place]),
            round(max(x_at(edges[place + 1]) - x_at(edges[place]) - 1, 0.5), 1),
            round(HEIGHT - BOTTOM - y_at(counts[place]), 1),
            f"{number(edges[place])} to {number(edges[place + 1])}: {counts[place]}",
        )
        for place in sorted(counts)
    ]
    return Chart(
        summary=f"Histogram of {_words(figures)}",
        x_title=_title(figures),
        y_title="values",
        x_ticks=[Tick(x_at(value), number(value)) for value in ticks(edges[0], edges[-1], 8)],
        y_ticks=[Tick(y_at(count), number(count)) for count in ticks(0, most, 5) if count == int(count)],
        bars=bars,
        levels=[Level(x_at(at), label, kind) for at, label, kind in _levels(figures)],
    )


def control_chart(history: MeasurementHistory) -> tuple[Chart, int]:
    """The newest values in their order, with mean, control limits and limits; and how many are out of control.

    The control limits are those of an individuals chart: the mean ± 2.66 mean distances of neighbours.
    """
    figures, drawn = history.figures, history.values[-MOST_DRAWN:]
    spread = Spread.of([one.value for one in drawn])
    distance = _mean_distance(drawn)
    lower, upper = spread.mean - MOVING_RANGE_FACTOR * distance, spread.mean + MOVING_RANGE_FACTOR * distance
    low, high = _range(spread, *_outermost(figures, lower, upper))

    def x_at(place: int) -> float:
        return round(LEFT + 8 + place / max(len(drawn) - 1, 1) * (PLOT_WIDTH - 16), 1)

    def y_at(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * PLOT_HEIGHT, 1)

    placed = [(x_at(place), y_at(one.value)) for place, one in enumerate(drawn)]
    is_out = [distance > 0 and not lower <= one.value <= upper for one in drawn]
    has_failed = [one.outcome == "FAIL" for one in drawn]
    levels = [("control", f"control {number(at)}", at) for at in (lower, upper)] if distance else []
    levels += [(kind, label, at) for at, label, kind in _levels(figures, spread.mean)]
    every = max(1, math.ceil(len(drawn) / MOST_DAYS_LABELLED))
    chart = Chart(
        summary=f"Control chart of the newest {len(drawn)} values of {_words(figures)} {sum(is_out)} out of control.",
        x_title="oldest to newest",
        y_title=_title(figures),
        x_ticks=[Tick(x_at(place), _day(drawn[place].started_at.date())) for place in range(0, len(drawn), every)],
        y_ticks=[Tick(y_at(value), number(value)) for value in ticks(low, high, 6)],
        points=" ".join(f"{x},{y}" for x, y in placed),
        dots=placed if len(placed) <= 150 else [],
        crosses=[
            (*at, f"{one.serial_number}: {quantity(one.value, figures.units)}")
            for at, one, *marked in zip(placed, drawn, is_out, has_failed, strict=True)
            if any(marked)
        ],
        levels=[Level(y_at(at), label, kind) for kind, label, at in levels],
    )
    return chart, sum(is_out)


def histogram_rows(chart: Chart) -> list[list[str]]:
    """The bars as numbers."""
    return [bar.words.rsplit(": ", 1) for bar in chart.bars]


def _levels(figures: MeasurementFigures, mean: float | None = None) -> list[tuple[float, str, str]]:
    centre = figures.spread.mean if mean is None else mean
    found = [(centre, f"mean {number(centre)}", "mean")]
    for name, bound in (("lower limit", figures.low), ("upper limit", figures.high)):
        if bound is not None:
            found.append((bound, f"{name} {number(bound)}", "limit"))
    return found


def _outermost(figures: MeasurementFigures, lower: float, upper: float) -> tuple[float, float]:
    lows = [lower] if figures.low is None else [lower, figures.low]
    highs = [upper] if figures.high is None else [upper, figures.high]
    return min(lows), max(highs)


def _range(spread: Spread, low: float | None, high: float | None) -> tuple[float, float]:
    """From the lowest to the highest of values and limits, with some room; never empty."""
    lowest = min([spread.lowest] if low is None else [spread.lowest, low])
    highest = max([spread.highest] if high is None else [spread.highest, high])
    room = (highest - lowest) * 0.06 or abs(lowest) * 0.05 or 1.0
    if not math.isfinite(room) or not math.isfinite(lowest - room) or not math.isfinite(highest + room):
        return lowest, highest
    return lowest - room, highest + room


def _edges(low: float, high: float) -> list[float]:
    """Of equal bins on round numbers, around the whole range."""
    rounds = ticks(low, high, MOST_BINS)
    step = rounds[1] - rounds[0] if len(rounds) > 1 else (high - low) or 1.0
    first = rounds[0] - step if rounds[0] > low else rounds[0]
    count = max(1, math.ceil((high - first) / step - 1e-9))
    return [first + place * step for place in range(count + 1)]


def _mean_distance(values: list[MeasuredValue]) -> float:
    distances = [abs(after.value - before.value) for before, after in pairwise(values)]
    return sum(distances) / len(distances) if distances else 0.0


def _words(figures: MeasurementFigures) -> str:
    spread = figures.spread
    return (
        f"{figures.name}: {spread.count} values from {quantity(spread.lowest, figures.units)} "
        f"to {quantity(spread.highest, figures.units)}, mean {quantity(spread.mean, figures.units)}."
    )


def _title(figures: MeasurementFigures) -> str:
    return f"{figures.name} [{figures.units}]" if figures.units else figures.name


def _percent_at(percent: float) -> float:
    return round(HEIGHT - BOTTOM - percent / 100 * PLOT_HEIGHT, 1)


def _percent(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.1f} %"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
