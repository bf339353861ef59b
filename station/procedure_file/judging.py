"""The verdict of a measurement: its value against what is declared. Pure. Source: contract/procedure-format.md §9.

What cannot be judged never passes: a value that was declared and not set, NaN, a value of another type than its limit,
a pattern on a number, an aggregation without its value. Each says why in a sentence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from station.procedure_file.models import Aggregation, Axis, Measurement, Validator

Verdict = Literal["PASS", "FAIL", "UNSET"]


class NotSet:
    """No value was given."""

    def __repr__(self) -> str:
        return "not set"


NOT_SET = NotSet()


@dataclass(frozen=True)
class Given:
    """What a phase has set of a measurement. ``outcomes``: verdicts that it gave itself, by operator or expression.

    ``aggregations``: values by type; ``x`` and ``y``: the points of a curve, the y axes by key, in order.
    """

    value: Any = NOT_SET
    unit: str | None = None
    outcomes: Mapping[str, Verdict] = field(default_factory=dict)
    aggregations: Mapping[str, Any] = field(default_factory=dict)
    x: GivenAxis | None = None
    y: Mapping[str, GivenAxis] = field(default_factory=dict)


@dataclass(frozen=True)
class GivenAxis:
    """The points of one axis, and the aggregations of it."""

    data: Sequence[float]
    unit: str | None = None
    aggregations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JudgedLimit:
    """A validator with its verdict. ``why``: for people, where it is not PASS."""

    validator: Validator
    outcome: Verdict
    why: str | None = None

    @property
    def expression(self) -> str:
        """As people read it: ``>= 4.75``."""
        return expression_of(self.validator)


@dataclass(frozen=True)
class JudgedAggregation:
    """An aggregation with its value and verdict."""

    declared: Aggregation
    value: Any
    outcome: Verdict
    limits: tuple[JudgedLimit, ...] = ()


@dataclass(frozen=True)
class JudgedAxis:
    """An axis with its points and verdicts."""

    declared: Axis
    data: Sequence[float]
    limits: tuple[JudgedLimit, ...] = ()
    aggregations: tuple[JudgedAggregation, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A measurement with its verdict. ``why``: what is wrong, a sentence each; empty unless the verdict is FAIL."""

    declared: Measurement
    given: Given
    outcome: Verdict
    limits: tuple[JudgedLimit, ...]
    aggregations: tuple[JudgedAggregation, ...] = ()
    x_axis: JudgedAxis | None = None
    y_axis: tuple[JudgedAxis, ...] = ()
    why: tuple[str, ...] = ()


def judge(declared: Measurement, given: Given) -> Judged:
    """Judge what was set, or that nothing was."""
    reasons: list[str] = []
    is_curve = given.x is not None or bool(given.y) or declared.x_axis is not None or declared.y_axis is not None
    value = given.value
    if is_curve and value is NOT_SET:
        value = [axis.data for axis in given.y.values()] or NOT_SET
    if value is NOT_SET:
        reasons.append("it was not set")
    elif value is None and declared.validators:
        reasons.append("it was set to nothing, and has a limit")
    elif holds_nan(given.value if given.value is not NOT_SET else value):
        reasons.append("it is not a number (NaN)")
    limits = tuple(judge_limit(one, value, given.outcomes) for one in declared.validators)
    aggregations = _aggregations(declared.aggregations, given.aggregations)
    x_axis = _axis(declared.x_axis or Axis(key="x"), given.x) if given.x is not None or declared.x_axis else None
    y_axis = tuple(_axis(axis, points) for axis, points in _paired(declared.y_axis or [], given.y))
    reasons += [limit.why for limit in limits if limit.why]
    for aggregation in aggregations:
        reasons += _words_of(aggregation.declared.type, aggregation)
    for axis in (*((x_axis,) if x_axis is not None else ()), *y_axis):
        name = axis.declared.legend or axis.declared.id or "the curve"
        reasons += [f"{name}: {limit.why}" for limit in axis.limits if limit.why]
        for aggregation in axis.aggregations:
            reasons += _words_of(f"{aggregation.declared.type} of {name}", aggregation)
    outcome: Verdict = "FAIL" if reasons else "UNSET" if value is None else "PASS"
    return Judged(declared, given, outcome, limits, aggregations, x_axis, y_axis, tuple(reasons))


def judge_limit(validator: Validator, value: Any, outcomes: Mapping[str, Verdict] | None = None) -> JudgedLimit:
    """One limit and the value; ``outcomes`` are verdicts that the test gave itself."""
    words = expression_of(validator)
    told = (outcomes or {}).get(validator.operator or "") or (outcomes or {}).get(words) or validator.outcome
    if told is not None and told != "UNSET":
        return JudgedLimit(validator, told, None if told == "PASS" else f"the test says FAIL for {words}")
    if value is NOT_SET or value is None:
        return JudgedLimit(validator, "UNSET")  # that there is no value is said once, not for each limit
    if validator.operator is None:
        return JudgedLimit(validator, "FAIL", f"“{words}” was not judged by the test")
    holds, why = _JUDGES[validator.operator](value, validator.expected_value)
    return JudgedLimit(validator, "PASS" if holds else "FAIL", None if holds else why or f"not {words}")


def expression_of(validator: Validator) -> str:
    """A limit as people read it."""
    if validator.expression:
        return validator.expression
    return f"{validator.operator} {shown(validator.expected_value)}"


def shown(value: Any) -> str:
    """A value as people read it, cut where it would flood a line."""
    if isinstance(value, str):
        text = f'"{value}"'
    else:
        text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


def holds_nan(value: Any) -> bool:
    """Whether a NaN is in it."""
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, list | tuple):
        return any(holds_nan(item) for item in value)
    return isinstance(value, dict) and any(holds_nan(item) for item in value.values())


def equal(left: Any, right: Any) -> bool:
    """As JSON: numbers by their value whatever their kind, at any depth; a truth value is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(equal(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, int | float) != isinstance(right, int | float):
        return False
    return bool(left == right)


def _is_equal(value: Any, expected: Any) -> tuple[bool, str | None]:
    # One expected element in a list stands for itself, where the value is no list.
    if isinstance(expected, list) and len(expected) == 1 and not isinstance(value, list | tuple):
        expected = expected[0]
    return equal(value, expected), None


def _is_unequal(value: Any, expected: Any) -> tuple[bool, str | None]:
    if holds_nan(value):
        return False, "NaN is neither equal nor unequal to anything"
    return not _is_equal(value, expected)[0], None


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], tuple[bool, str | None]]:
    def judge_order(value: Any, expected: Any) -> tuple[bool, str | None]:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False, f"{shown(value)} is no number, and its limit is one"
        return compare(value, expected), None

    return judge_order


def _is_in(value: Any, expected: Any) -> tuple[bool, str | None]:
    return any(equal(value, one) for one in expected), None


def _is_not_in(value: Any, expected: Any) -> tuple[bool, str | None]:
    if holds_nan(value):
        return False, "NaN is not comparable with the list"
    return not _is_in(value, expected)[0], None


def _matches(value: Any, expected: Any) -> tuple[bool, str | None]:
    if not isinstance(value, str):
        return False, f"{shown(value)} is no text, and its limit is a pattern"
    return re.search(expected, value) is not None, None


_JUDGES: dict[str, Callable[[Any, Any], tuple[bool, str | None]]] = {
    "==": _is_equal,
    "!=": _is_unequal,
    "<": _ordered(lambda value, limit: value < limit),
    "<=": _ordered(lambda value, limit: value <= limit),
    ">": _ordered(lambda value, limit: value > limit),
    ">=": _ordered(lambda value, limit: value >= limit),
    "in": _is_in,
    "not in": _is_not_in,
    "matches": _matches,
}


def _aggregations(declared: Sequence[Aggregation], given: Mapping[str, Any]) -> tuple[JudgedAggregation, ...]:
    """The declared ones, then those that only the test knows."""
    known = {one.type for one in declared}
    extra = [Aggregation(type=name) for name in given if name not in known]
    return tuple(_aggregation(one, given.get(one.type, NOT_SET)) for one in (*declared, *extra))


def _aggregation(declared: Aggregation, given: Any) -> JudgedAggregation:
    value = declared.value if given is NOT_SET and declared.value is not None else given
    limits = tuple(judge_limit(one, value) for one in declared.validators)
    if value is NOT_SET or value is None or holds_nan(value):
        # Without limits nobody waits for it.
        outcome: Verdict = "FAIL" if declared.validators or holds_nan(value) else "UNSET"
    else:
        outcome = "FAIL" if any(limit.outcome == "FAIL" for limit in limits) else "PASS"
    return JudgedAggregation(declared, None if value is NOT_SET else value, outcome, limits)


def _words_of(name: str, aggregation: JudgedAggregation) -> list[str]:
    if aggregation.outcome != "FAIL":
        return []
    if aggregation.value is None:
        return [f"{name} was not set"]
    if holds_nan(aggregation.value):
        return [f"{name} is not a number (NaN)"]
    return [f"{name} = {shown(aggregation.value)}: {limit.why}" for limit in aggregation.limits if limit.why]


def _axis(declared: Axis, given: GivenAxis | None) -> JudgedAxis:
    data = given.data if given is not None else declared.data
    value: Any = NOT_SET if data is None else list(data)
    limits = [judge_limit(one, value) for one in declared.validators]
    if data is None:
        limits.append(JudgedLimit(Validator(expression="set"), "FAIL", "it was not set"))
    return JudgedAxis(
        declared, data or [], tuple(limits), _aggregations(declared.aggregations, given.aggregations if given else {})
    )


def _paired(declared: Sequence[Axis], given: Mapping[str, GivenAxis]) -> list[tuple[Axis, GivenAxis | None]]:
    """Declared y axes and given ones: by key, then what is left by its place; what nobody declared comes last."""
    left = dict(given)
    by_key = {place: left.pop(axis.id) for place, axis in enumerate(declared) if axis.id in left}
    rest = iter(list(left.items()))
    pairs: list[tuple[Axis, GivenAxis | None]] = []
    for place, axis in enumerate(declared):
        taken = by_key[place] if place in by_key else next(rest, (None, None))[1]
        pairs.append((axis, taken))
    return pairs + [(Axis(legend=key[:100] or None), points) for key, points in rest]
