"""A sweep in one line: its worst point, or how far its values reach."""

from __future__ import annotations

import pytest

from station.operator_limits import limit_words
from station.operator_sweeps import result_text, worst_point
from tests.pages.samples import Measured, Series, at_least, at_most

LINE = [at_least(3.2), at_most(3.4)]


def sweep(*values: float | None, validators: list[object] | None = None) -> Measured:
    volts = [4.5, 4.75, 5.0, 5.25, 5.5][: len(values)]
    x_axis, y_axis = Series(volts, "input voltage", "V"), Series(list(values), "output", "V")
    return Measured(units="V", validators=LINE if validators is None else validators, x_axis=x_axis, y_axis=[y_axis])


@pytest.mark.parametrize(
    ("measurement", "text"),
    [
        (sweep(2.913, 3.3, 3.31), "2.913 V at input voltage 4.5 V"),
        (sweep(3.1, 2.9, 3.3, 3.45), "2.9 V at input voltage 4.75 V, the worst of 3 points outside"),
        (sweep(3.25, 3.3, 3.31), "3 points, 3.25 V … 3.31 V"),
        (sweep(3.25, None, 3.31), "3 points, 3.25 V … 3.31 V, 1 without a number"),
        (sweep(2.9, 3.3, validators=[{"expression": "rises steadily"}]), "2 points, 2.9 V … 3.3 V"),
        (sweep(3.2, validators=[{"expression": "x > 3.2"}]), "3.2 V at input voltage 4.5 V"),
        (Measured(units="V", validators=LINE, measured_value=[[4.5, 1, 3.3], [5, 1, 2.9]]), "2.9 V at 5, 1"),
        (Measured(units="V", validators=LINE, measured_value=2.9), "2.9 V"),
        (Measured(measured_value=[]), "[]"),
        (sweep(), "–"),
    ],
)
def test_what_a_sweep_came_to(measurement: Measured, text: str) -> None:
    assert result_text(measurement) == text


def test_a_series_has_limits_of_its_own() -> None:
    measurement = sweep(3.3, 3.39, validators=[])
    measurement.y_axis[0].validators = [at_most(3.35)]

    assert result_text(measurement) == "3.39 V at input voltage 4.75 V"
    assert limit_words(worst_point(measurement)) == "≤ 3.35 V"


def test_the_limits_stand_in_the_prefix_of_the_worst_point() -> None:
    assert limit_words(worst_point(sweep(1.2, validators=[at_most(0.05)]))) == "≤ 0.05 V"
    assert limit_words(worst_point(sweep(0.098, validators=[at_most(0.05)]))) == "≤ 50 mV"
