"""Verdicts of measurements. What cannot be judged never passes. Source: contract/procedure-format.md §9."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.procedure_file.judging import NOT_SET, Given, GivenAxis, Judged, equal, judge
from station.procedure_file.models import Aggregation, Axis, Measurement, Validator


def limit(operator: str, expected: Any) -> Validator:
    return Validator(operator=operator, expected_value=expected)  # type: ignore[arg-type]


def judged(value: Any, *limits: Validator, **more: Any) -> Judged:
    return judge(Measurement(name="rail", validators=list(limits)), Given(value, **more))


@pytest.mark.parametrize(
    ("value", "operator", "expected", "passes"),
    [
        (5, ">=", 5, True), (5.0, "<=", 5, True), (5, ">", 5, False), (4.999, ">=", 5, False),
        (math.inf, ">=", 5, True), (2, "==", 2.0, True), (2, "!=", 2.0, False), ([1, 2.0], "==", [1.0, 2], True),
        ({"a": 1}, "==", {"a": 1.0}, True), ("5", "==", 5, False), ("5", "!=", 5, True), (True, "==", 1, False),
        (True, "==", True, True), ("x", "==", ["x"], True), (2.0, "in", [1, 2], True), ("b", "not in", ["a"], True),
        ("a", "not in", ["a"], False), ("SN-12", "matches", r"\d+$", True), ("SN-", "matches", r"\d", False),
        # What the first implementation lets pass.
        ("5", ">=", 4, False), (True, "<", 4, False), ([1, 2], "<", 4, False), ({}, ">", 4, False),
        (12, "matches", r"\d", False), (math.nan, ">=", 1, False), (math.nan, "!=", 1, False),
        (math.nan, "not in", [1], False), ([1.0, math.nan], "!=", [], False),
    ],
)  # fmt: skip
def test_a_limit_holds_or_it_does_not(value: Any, operator: str, expected: Any, passes: bool) -> None:
    found = judged(value, limit(operator, expected))

    assert found.outcome == ("PASS" if passes else "FAIL")
    assert bool(found.why) != passes


@pytest.mark.parametrize(
    ("found", "outcome", "why"),
    [
        (judged(NOT_SET), "FAIL", ("it was not set",)),
        (judged(NOT_SET, limit(">=", 1)), "FAIL", ("it was not set",)),
        (judged(None), "UNSET", ()),
        (judged(None, limit(">=", 1)), "FAIL", ("it was set to nothing, and has a limit",)),
        (judged(math.nan), "FAIL", ("it is not a number (NaN)",)),
        (judged(3.71, limit(">=", 1), limit("<=", 3.6)), "FAIL", ("not <= 3.6",)),
        (judged("3", limit("<=", 3.6)), "FAIL", ('"3" is no number, and its limit is one',)),
        (judged(1, Validator(expression="shiny")), "FAIL", ("“shiny” was not judged by the test",)),
        (judged(1, Validator(expression="shiny"), outcomes={"shiny": "PASS"}), "PASS", ()),
        (judged(9, limit("<=", 3), outcomes={"<=": "PASS"}), "PASS", ()),
        (judged(1, limit("<=", 3), outcomes={"<=": "FAIL"}), "FAIL", ("the test says FAIL for <= 3",)),
        (judged("free"), "PASS", ()),
    ],
)
def test_the_verdict_and_its_words(found: Judged, outcome: str, why: tuple[str, ...]) -> None:
    assert (found.outcome, found.why) == (outcome, why)


def test_an_aggregation_with_limits_must_have_its_value() -> None:
    declared = Measurement(
        name="noise",
        aggregations=[Aggregation(type="rms", validators=[limit("<", 2)]), Aggregation(type="peak")],
    )

    assert judge(declared, Given([1.0], aggregations={"rms": 1.5})).outcome == "PASS"
    assert judge(declared, Given([1.0])).why == ("rms was not set",)
    assert judge(declared, Given([1.0], aggregations={"rms": 2.5})).why == ("rms = 2.5: not < 2",)
    assert judge(declared, Given([1.0], aggregations={"rms": math.nan})).why == ("rms is not a number (NaN)",)


def test_a_curve_is_judged_by_its_axes() -> None:
    declared = Measurement(
        name="sweep",
        x_axis=Axis(legend="Time", unit="s"),
        y_axis=[
            Axis(legend="Voltage", aggregations=[Aggregation(type="peak", validators=[limit("<=", 5)])]),
            Axis(legend="Current"),
        ],
    )
    time = GivenAxis([0.0, 1.0])
    good = {"voltage": GivenAxis([4.0, 4.5], aggregations={"peak": 4.5}), "amps": GivenAxis([1.0, 1.0])}

    found = judge(declared, Given(x=time, y=good))
    assert found.outcome == "PASS"
    assert [(axis.declared.legend, list(axis.data)) for axis in found.y_axis] == [
        ("Voltage", [4, 4.5]),
        ("Current", [1, 1]),
    ]
    high = {**good, "voltage": GivenAxis([4.0, 6.0], aggregations={"peak": 6.0})}
    assert judge(declared, Given(x=time, y=high)).why == ("peak of Voltage = 6.0: not <= 5",)
    assert judge(declared, Given(x=time, y={"voltage": good["voltage"]})).why == ("Current: it was not set",)
    assert "NaN" in judge(declared, Given(x=time, y={**good, "amps": GivenAxis([1.0, math.nan])})).why[0]
    assert judge(declared, Given()).outcome == "FAIL"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(value=values, expected=values, operator=st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]))
def test_every_value_gets_a_verdict_and_a_failure_its_reason(value: Any, expected: Any, operator: str) -> None:
    if operator in {"<", "<=", ">", ">="}:
        expected = 1.5
    elif operator in {"in", "not in"}:
        expected = [expected]

    found = judged(value, limit(operator, expected))

    assert found.outcome in {"PASS", "FAIL"}
    assert bool(found.why) == (found.outcome == "FAIL")


@given(values, values)
def test_equality_goes_both_ways(left: Any, right: Any) -> None:
    assert equal(left, right) == equal(right, left)
