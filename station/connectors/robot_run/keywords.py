"""The keywords of the library: each records a measurement, returns the value, and fails the test beyond its limit.

Source: contract/run-json.md §6.4. Arguments come as Robot Framework has them: texts, or the values of variables.
"""

from __future__ import annotations

import math
from typing import Any

from robot.api.deco import keyword

from ..common.stage import Stage
from ..common.values import plain

_TRUE = ("true", "yes", "1", "on", "y", "t")


class Bench:
    """Where measurements go: to the stage of this process, which runs one procedure.

    Robot Framework imports this module by the library's name, so nobody can hand the stage to it.
    """

    stage: Stage | None = None


@keyword("Measure Numeric", types=None)
def measure_numeric(
    name: Any,
    value: Any,
    min: Any = None,  # noqa: A002 - the keyword's argument is called so
    max: Any = None,  # noqa: A002
    unit: Any = None,
    description: Any = None,
) -> Any:
    """Record a number. ``min`` and ``max`` are inclusive, each may be left out. What is no number fails the test."""
    bounds = [(sign, _bound(bound)) for sign, bound in ((">=", min), ("<=", max)) if not _is_left_out(bound)]
    number = _number(value)
    limits = [
        (sign, bound, number is not None and (number >= bound if sign == ">=" else number <= bound))
        for sign, bound in bounds
    ]
    if number is None or math.isnan(number):
        _record(name, value if number is None else number, limits, unit, description, is_good=False)
        raise AssertionError(f"{name} = {value}: not a number")
    _judge(name, number, limits, unit, description)
    return number


@keyword("Measure String", types=None)
def measure_string(name: Any, value: Any, expected: Any = None, allowed: Any = None, description: Any = None) -> Any:
    """Record a text. ``expected``: the one that passes; ``allowed``: a list, or a text with commas between them."""
    text = str(value)
    limits: list[tuple[str, Any, bool]] = []
    if expected is not None:
        limits.append(("==", str(expected), text == str(expected)))
    if not _is_left_out(allowed):
        listed = allowed.split(",") if isinstance(allowed, str) else allowed
        choices = [str(one).strip() for one in listed]
        limits.append(("in", choices, text in choices))
    _judge(name, text, limits, None, description)
    return text


@keyword("Measure Boolean", types=None)
def measure_boolean(name: Any, value: Any, expected: Any = None, description: Any = None) -> Any:
    """Record true or false; the texts true, yes, 1, on, y and t are true."""
    truth = _truth(value)
    limits = [] if _is_left_out(expected) else [("==", _truth(expected), truth == _truth(expected))]
    _judge(name, truth, limits, None, description)
    return truth


def _judge(name: Any, value: Any, limits: list[tuple[str, Any, bool]], unit: Any, description: Any) -> None:
    broken = [f"{sign} {_shown(bound)}" for sign, bound, holds in limits if not holds]
    _record(name, value, limits, unit, description, is_good=not broken)
    if broken:
        shown = f"{value} {unit}" if unit else f"{value}"
        raise AssertionError(f"{name} = {shown}: not {' and '.join(broken)}")


def _record(
    name: Any, value: Any, limits: list[tuple[str, Any, bool]], unit: Any, description: Any, *, is_good: bool
) -> None:
    measurement: dict[str, Any] = {
        "name": str(name),
        "measured_value": plain(value),
        "outcome": "PASS" if is_good else "FAIL",
        "validators": [
            {
                "operator": sign,
                "expected_value": bound,
                "expression": f"{sign} {_shown(bound)}",
                "outcome": "PASS" if holds else "FAIL",
            }
            for sign, bound, holds in limits
        ],
    }
    if not _is_left_out(unit):
        measurement["units"] = str(unit)
    if not _is_left_out(description):
        measurement["docstring"] = str(description)
    if Bench.stage is not None:
        Bench.stage.measure(measurement)


def _is_left_out(value: Any) -> bool:
    return value is None or value == ""


def _bound(value: Any) -> float:
    number = _number(value)
    if number is None or math.isnan(number):
        raise ValueError(f"The limit {value!r} is not a number.")
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _truth(value: Any) -> bool:
    return value.strip().lower() in _TRUE if isinstance(value, str) else bool(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f'"{value}"' if isinstance(value, str) else f"{value}"
