"""Limits in words, and their drawing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.operator_limits import limit_drawing, limit_words, limits_of, measured_text
from station.protocol import Validator
from tests.pages.samples import Measured, at_least, at_most

NUMBERS = st.floats(min_value=-1e9, max_value=1e9, allow_subnormal=False)


@pytest.mark.parametrize(
    ("value", "units", "validators", "words", "text"),
    [
        (4.98, "V", [at_least(4.75), at_most(5.25)], "4.75 … 5.25 V", "4.98 V"),
        (0.0312, "A", [at_most(0.05)], "≤ 50 mA", "31.2 mA"),
        (0.98, "V", [at_least(0.95), at_most(1.05)], "0.95 … 1.05 V", "0.98 V"),
        (-12.02, "V", [at_least(-12.6), at_most(-11.4)], "−12.6 … −11.4 V", "−12.02 V"),
        (41.5, "°C", [at_most(60)], "≤ 60 °C", "41.5 °C"),
        (3, None, [{"operator": "==", "expected_value": 3, "expression": "x == 3"}], "= 3", "3"),
        (3.3, "V", [{"operator": "range", "expected_value": [3.2, 3.4]}], "3.2 … 3.4 V", "3.3 V"),
        (3.3, "V", [{"operator": None, "expression": "3.2 <= x < 3.4"}], "3.2 ≤ x < 3.4 V", "3.3 V"),
        ("2.3.1", None, [{"operator": "matches", "expected_value": "^2"}], "matches ^2", "2.3.1"),
        (True, None, [], "", "true"),
        (None, "V", [at_most(1)], "≤ 1 V", "–"),
        (5, "V", [{**at_most(4), "is_decisive": False}], "<= 4 (warning only)", "5 V"),
    ],
)  # fmt: skip
def test_limits_and_values_are_written_as_people_write_them(
    value: object, units: str | None, validators: list[object], words: str, text: str
) -> None:
    measured = Measured(measured_value=value, units=units, validators=validators)

    assert limit_words(measured) == words
    assert measured_text(measured) == text


def test_validators_of_the_protocol_read_like_those_of_the_database() -> None:
    live = Measured(measured_value=5.0, validators=[Validator(expression=">= 4.75"), Validator(expression="<= 5.25")])

    assert limit_words(live) == "4.75 … 5.25"


def test_the_narrowest_limit_of_each_side_counts() -> None:
    limits = limits_of([at_least(1), at_least(2), at_most(9), at_most(8)])

    assert (limits.low, limits.high) == (2, 8)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_the_value_stands_on_the_side_of_the_limits_where_it_is(one: float, other: float, value: float) -> None:
    low, high = sorted((one, other))

    drawing = limit_drawing(Measured(measured_value=value, validators=[at_least(low), at_most(high)]))

    assert drawing is not None
    assert drawing.low_at is not None
    assert drawing.high_at is not None
    assert drawing.value_at is not None
    assert 0 <= drawing.low_at <= drawing.high_at <= 100
    assert 0 <= drawing.value_at <= 100
    if value <= low:
        assert drawing.value_at <= drawing.low_at
    if value >= high:
        assert drawing.value_at >= drawing.high_at
    if low <= value <= high:
        assert drawing.low_at <= drawing.value_at <= drawing.high_at


@given(NUMBERS, NUMBERS, st.booleans())
def test_one_limit_is_enough_for_a_drawing(limit: float, value: float, is_low: bool) -> None:
    validators = [at_least(limit)] if is_low else [at_most(limit)]

    drawing = limit_drawing(Measured(measured_value=value, validators=validators))

    assert drawing is not None
    edge = drawing.low_at if is_low else drawing.high_at
    assert edge is not None
    assert drawing.value_at is not None
    assert (drawing.value_at >= edge) if value >= limit else (drawing.value_at <= edge)


def test_there_is_nothing_to_draw_without_a_numeric_limit() -> None:
    assert limit_drawing(Measured(measured_value="yes", validators=[{"expression": "x in [yes, no]"}])) is None
