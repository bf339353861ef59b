"""The limits of a measurement: in words, and as a small drawing of the value on its allowed range. Pure.

A measurement here is anything with ``outcome``, ``measured_value``, ``units`` and ``validators``: the stored one of a
run, and the live one of the protocol. A validator is an object or a mapping with ``expression``, ``operator``,
``expected_value``, ``is_decisive``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment

from station.operator_formats import is_number, number, scale_of, value_text

MARGIN = 0.35  # of the allowed range, drawn on both sides: a value just outside is seen to be outside
MARK_WIDTH = 5.0

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_ONE_SIDED = re.compile(rf"^\s*(?:x\s*)?(<=|>=|<|>|==)\s*{_NUMBER}\s*$")
_VALUE_ITSELF = re.compile(r"^\s*x\s+")
_TWO_SIDED = re.compile(rf"^\s*{_NUMBER}\s*(<=|<)\s*x\s*(<=|<)\s*{_NUMBER}\s*$")


@dataclass(frozen=True)
class Limits:
    """What a value must keep to. Numeric bounds where there are any, everything else in words."""

    low: float | None = None
    high: float | None = None
    excludes_low: bool = False
    excludes_high: bool = False
    others: list[str] = field(default_factory=list)

    @property
    def is_numeric(self) -> bool:
        """Whether there is a bound that can be drawn."""
        return self.low is not None or self.high is not None


@dataclass(frozen=True)
class LimitDrawing:
    """Places on a line from 0 to 100. None: there is no such mark."""

    band_from: float
    band_width: float
    low_at: float | None
    high_at: float | None
    value_at: float | None
    mark_from: float | None


def register(env: Environment) -> None:
    """Make the functions available to every template."""
    env.globals.update(limit_words=limit_words, limit_drawing=limit_drawing, measured_text=measured_text)


def limits_of(validators: Any) -> Limits:
    """The limits that validators set together: the narrowest bound of each side counts."""
    low: tuple[float, bool] | None = None
    high: tuple[float, bool] | None = None
    others: list[str] = []
    for validator in validators or ():
        bounds = _bounds(validator)
        if bounds is None or not _get(validator, "is_decisive", default=True):
            others.append(_words(validator))
            continue
        below, above = bounds
        if below is not None and (low is None or below >= low):
            low = below
        if above is not None and (high is None or (above[0], not above[1]) <= (high[0], not high[1])):
            high = above
    return Limits(
        low[0] if low else None,
        high[0] if high else None,
        bool(low and low[1]),
        bool(high and high[1]),
        [words for words in others if words],
    )


def limit_words(measurement: Any) -> str:
    """The limits in words, in the same unit as the value: ``4.75 … 5.25 V``, ``≤ 50 mV``. Empty without limits."""
    limits = limits_of(measurement.validators)
    factor, units = _scale(measurement, limits)
    low = None if limits.low is None else number(limits.low / factor)
    high = None if limits.high is None else number(limits.high / factor)
    if low is not None and high is not None:
        if limits.low == limits.high:
            numeric = f"= {low} {units}"
        elif limits.excludes_low or limits.excludes_high:
            signs = ("<" if limits.excludes_low else "≤", "<" if limits.excludes_high else "≤")
            numeric = f"{low} {signs[0]} x {signs[1]} {high} {units}"
        else:
            numeric = f"{low} … {high} {units}"
    elif low is not None:
        numeric = f"{'>' if limits.excludes_low else '≥'} {low} {units}"
    elif high is not None:
        numeric = f"{'<' if limits.excludes_high else '≤'} {high} {units}"
    else:
        numeric = ""
    return "; ".join(filter(None, [numeric.rstrip(), *limits.others]))


def measured_text(measurement: Any) -> str:
    """The value with its unit, in the prefix that its limits share."""
    value = measurement.measured_value
    if not is_number(value):
        return value_text(value)
    factor, units = _scale(measurement, limits_of(measurement.validators))
    return f"{number(value if factor == 1.0 else value / factor)} {units}".rstrip()


def limit_drawing(measurement: Any) -> LimitDrawing | None:
    """Where band, edges and value stand on a line from 0 to 100; None without a numeric limit.

    A value beyond the line's ends stands at the end.
    """
    limits = limits_of(measurement.validators)
    if not limits.is_numeric:
        return None
    value = float(measurement.measured_value) if is_number(measurement.measured_value) else None
    start, end = _domain(limits.low, limits.high, value)

    def place(at: float | None) -> float | None:
        return None if at is None else round(min(100.0, max(0.0, (at - start) / (end - start) * 100)), 2)

    low_at, high_at, value_at = place(limits.low), place(limits.high), place(value)
    band_from = low_at if low_at is not None else 0.0
    band_to = high_at if high_at is not None else 100.0
    mark_from = None if value_at is None else round(value_at - MARK_WIDTH / 2, 2)
    return LimitDrawing(band_from, round(max(0.0, band_to - band_from), 2), low_at, high_at, value_at, mark_from)


def _domain(low: float | None, high: float | None, value: float | None) -> tuple[float, float]:
    """The ends of the line: both limits with a margin; one limit with the value's side around it."""
    if low is not None and high is not None:
        span = (high - low) or abs(low) * 0.1 or 1.0
        return low - span * MARGIN, high + span * MARGIN
    limit = low if low is not None else high or 0.0
    distance = abs(value - limit) if value is not None else 0.0
    span = max(distance * 1.2, abs(limit), 1e-12) if limit else max(distance * 1.2, 1.0)
    if low is not None:
        return limit - span * MARGIN, limit + span
    return limit - span, limit + span * MARGIN


def _bounds(validator: Any) -> tuple[tuple[float, bool] | None, tuple[float, bool] | None] | None:
    """Lower and upper bound as (value, is excluded); None where the validator is no numeric limit."""
    operator, expected = _get(validator, "operator"), _get(validator, "expected_value")
    if operator == "range" and isinstance(expected, list) and len(expected) == 2 and all(map(is_number, expected)):
        return (float(expected[0]), False), (float(expected[1]), False)
    if operator is None or not is_number(expected):
        return _bounds_of_expression(str(_get(validator, "expression") or "")) if operator is None else None
    return _one_sided(operator, float(expected))


def _bounds_of_expression(expression: str) -> tuple[tuple[float, bool] | None, tuple[float, bool] | None] | None:
    if match := _ONE_SIDED.match(expression):
        return _one_sided(match[1], float(match[2]))
    if match := _TWO_SIDED.match(expression):
        return (float(match[1]), match[2] == "<"), (float(match[4]), match[3] == "<")
    return None


def _one_sided(operator: str, bound: float) -> tuple[tuple[float, bool] | None, tuple[float, bool] | None] | None:
    match operator:
        case ">=" | ">":
            return (bound, operator == ">"), None
        case "<=" | "<":
            return None, (bound, operator == "<")
        case "==":
            return (bound, False), (bound, False)
        case _:
            return None


def _words(validator: Any) -> str:
    operator, expression = _get(validator, "operator"), str(_get(validator, "expression") or "")
    if operator and not _get(validator, "has_custom_expression", default=False):
        # Made here, not taken: a stored expression writes the value as JSON, with quotes and doubled backslashes.
        expression = f"{operator} {value_text(_get(validator, 'expected_value'))}"
    expression = _VALUE_ITSELF.sub("", expression).replace("==", "=")
    is_warning = not _get(validator, "is_decisive", default=True)
    return f"{expression} (warning only)" if expression and is_warning else expression


def _scale(measurement: Any, limits: Limits) -> tuple[float, str]:
    return scale_of([measurement.measured_value, limits.low, limits.high], measurement.units)


def _get(validator: Any, name: str, default: Any = None) -> Any:
    found = validator.get(name) if isinstance(validator, Mapping) else getattr(validator, name, None)
    return default if found is None else found
