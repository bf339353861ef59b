"""The server's drawings: ticks have laws, and what is drawn stays inside the drawing."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pages.charts import HEIGHT, MOST_POINTS, WIDTH, line_chart, ticks
from tests.pages.samples import Measured, Series, at_least, at_most

FINITE = st.floats(min_value=-1e12, max_value=1e12, allow_subnormal=False)


@given(FINITE, FINITE, st.integers(min_value=2, max_value=12))
def test_ticks_lie_inside_the_range_in_order_and_are_not_too_many(one: float, other: float, most: int) -> None:
    low, high = sorted((one, other))

    found = ticks(low, high, most)

    assert 1 <= len(found) <= most
    assert all(low <= tick <= high for tick in found)
    assert all(a < b for a, b in pairwise(found))


@given(st.integers(min_value=-10_000, max_value=10_000), st.integers(min_value=1, max_value=10_000), st.integers(-6, 6))
def test_ticks_are_evenly_spaced_by_a_round_step_and_fill_the_range(start: int, length: int, power: int) -> None:
    low, high = start * 10.0**power, (start + length) * 10.0**power

    found = ticks(low, high, 6)

    steps = [b - a for a, b in pairwise(found)]
    assert len(found) >= 2
    assert max(steps) - min(steps) <= 1e-6 * max(steps)
    digits = f"{steps[0]:.3e}".partition("e")[0]
    assert float(digits) in (1.0, 2.0, 5.0)
    assert found[0] - low < steps[0] * 1.000001
    assert high - found[-1] < steps[0] * 1.000001


def test_a_range_without_length_has_one_tick() -> None:
    assert ticks(4.2, 4.2) == [4.2]


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (math.nan, 1.0), (0.0, math.inf)])
def test_a_range_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="no ticks"):
        ticks(low, high)


def test_ticks_are_the_numbers_people_write() -> None:
    assert ticks(0.0, 0.5) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


@given(st.lists(st.one_of(st.none(), FINITE), min_size=2, max_size=60))
def test_everything_drawn_lies_inside_the_drawing(ys: list[float | None]) -> None:
    chart = line_chart(sweep([float(x) for x in range(len(ys))], ys))

    if sum(y is not None for y in ys) < 2:
        assert chart is None
    else:
        assert chart is not None
        places = [pair.split(",") for line in chart.lines for points in line.stretches for pair in points.split()]
        assert places
        assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in places)
        assert all(0 <= tick.at <= HEIGHT for tick in chart.y_ticks)


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    chart = line_chart(sweep([0, 1, 2, 3, 4], [1.0, 2.0, None, 2.0, 1.0]))

    assert chart is not None
    assert [len(points.split()) for points in chart.lines[0].stretches] == [2, 2]


def test_limits_are_drawn_across_and_widen_the_axis() -> None:
    measured = sweep([0, 1, 2], [5.0, 5.01, 4.99])
    measured.validators = [at_least(4.8), at_most(5.2)]

    chart = line_chart(measured)

    assert chart is not None
    assert [limit.label for limit in chart.limits] == ["lower limit 4.8", "upper limit 5.2"]
    assert all(chart.top <= limit.at <= chart.bottom for limit in chart.limits)


def test_a_long_sweep_is_thinned_and_keeps_its_peak() -> None:
    ys = [0.0] * 50_000
    ys[31_415] = 9.0

    chart = line_chart(sweep([float(x) for x in range(50_000)], ys))

    assert chart is not None
    points = chart.lines[0].stretches[0].split()
    assert len(points) <= MOST_POINTS
    highest = min(float(point.split(",")[1]) for point in points)
    assert highest < chart.bottom / 3


def test_the_summary_says_in_words_what_the_drawing_shows() -> None:
    chart = line_chart(sweep([0, 1, 2], [5.0, 5.5, 4.5]))

    assert chart is not None
    assert chart.summary == "sweep: voltage [V] over current [A], 3 points from 0 to 2; lowest 4.5, highest 5.5."


def sweep(xs: list[float], ys: list[float | None]) -> Measured:
    return Measured("sweep", x_axis=Series(xs, "current", "A"), y_axis=[Series(ys, "voltage", "V")])
