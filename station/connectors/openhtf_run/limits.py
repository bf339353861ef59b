"""OpenHTF's validators as limits that people and the portal can read."""

from __future__ import annotations

import re
import types
from typing import Any

from ..common.values import plain


def limits_of(measurement: Any, is_judged: bool = False) -> list[dict[str, Any]]:
    """Each validator of a measurement as one or more limits.

    With ``is_judged`` each limit has its own outcome, as far as it can be told without running a user's code again.
    """
    validators = list(getattr(measurement, "validators", None) or [])
    verdict = getattr(getattr(measurement, "outcome", None), "name", "UNSET")
    limits: list[dict[str, Any]] = []
    for validator in validators:
        for limit, holds in _limits_or_words(validator, _value_of(measurement) if is_judged else _NOTHING):
            if is_judged:
                limit["outcome"] = _outcome(holds, verdict, is_only=len(validators) == 1)
            limits.append(limit)
    return limits


class _Nothing:
    """No value: the limit is described, not judged."""


_NOTHING = _Nothing()


def _value_of(measurement: Any) -> Any:
    measured = getattr(measurement, "measured_value", None)
    if measured is None or not getattr(measured, "is_value_set", False):
        return _NOTHING
    return measured.value


def _outcome(holds: bool | None, verdict: str, is_only: bool) -> str:
    if verdict not in ("PASS", "FAIL"):
        return "UNSET"
    if holds is not None:
        return "PASS" if holds else "FAIL"
    if verdict == "PASS":
        return "PASS"  # a measurement passes only when all its validators agree
    return "FAIL" if is_only else "UNSET"


def _limits_or_words(validator: Any, value: Any) -> list[tuple[dict[str, Any], bool | None]]:
    try:
        return _limits(validator, value)
    except Exception:  # noqa: BLE001 - the bounds of a validator may be the user's code
        return [({"expression": _words(validator)}, None)]


def _limits(validator: Any, value: Any) -> list[tuple[dict[str, Any], bool | None]]:
    kind = type(validator).__name__
    if kind in ("InRange", "WithinPercent"):
        return _bounds(validator, [value], "")
    if kind == "AllInRangeValidator":
        return _bounds(validator, value, "all ")
    if kind in ("DimensionPivot",):
        return _pivot(validator, value)
    if kind in ("Equals", "AllEqualsValidator"):
        expected = getattr(validator, "expected", getattr(validator, "spec", None))
        if kind == "Equals":
            return [(_limit("==", expected), _holds(lambda: bool(value == expected), value))]
        return [(_limit("==", expected, "all "), _holds(lambda: all(v == expected for v in value), value))]
    if kind == "RegexMatcher":
        return [(_pattern(validator.regex), _holds(lambda: bool(re.match(validator.regex, str(value))), value))]
    return [({"expression": _words(validator)}, None)]


def _bounds(validator: Any, values: Any, prefix: str) -> list[tuple[dict[str, Any], bool | None]]:
    low, high = validator.minimum, validator.maximum
    sample = values[0] if isinstance(values, list) and values else values
    if low is not None and low == high:
        return [(_limit("==", low, prefix), _holds(lambda: all(v == low for v in values), sample))]
    found: list[tuple[dict[str, Any], bool | None]] = []
    for operator, bound, is_decisive in (
        (">=", low, True),
        ("<=", high, True),
        (">=", validator.marginal_minimum, False),
        ("<=", validator.marginal_maximum, False),
    ):
        if bound is not None:
            limit = _limit(operator, bound, prefix)
            limit["is_decisive"] = is_decisive
            found.append((limit, _holds(lambda b=bound, o=operator: _all_within(values, o, b), sample)))
    return found


def _pivot(validator: Any, rows: Any) -> list[tuple[dict[str, Any], bool | None]]:
    """A validator applied to every point of a sweep."""
    inner = getattr(validator, "_sub_validator", None)
    if type(inner).__name__ not in ("InRange", "WithinPercent"):
        return [({"expression": f"all points: {_words(inner)}"}, None)]
    points = rows if isinstance(rows, _Nothing) else [row[-1] for row in rows]
    return _bounds(inner, points, "all ")


def _all_within(values: Any, operator: str, bound: Any) -> bool:
    return all(value >= bound for value in values) if operator == ">=" else all(value <= bound for value in values)


def _holds(check: Any, value: Any) -> bool | None:
    if isinstance(value, _Nothing):
        return None
    try:
        return bool(check())
    except Exception:  # noqa: BLE001 - comparing a user's values runs a user's code
        return None


def _limit(operator: str, expected: Any, prefix: str = "") -> dict[str, Any]:
    value = plain(expected)
    return {"operator": operator, "expected_value": value, "expression": f"{prefix}{operator} {_shown(value)}"}


def _pattern(regex: Any) -> dict[str, Any]:
    """A pattern; one that OpenHTF made of a plain text is that text again."""
    pattern = str(getattr(regex, "pattern", regex))
    if pattern.startswith("^") and pattern.endswith("$"):
        text = re.sub(r"\\(.)", r"\1", pattern[1:-1])
        if re.escape(text) == pattern[1:-1]:
            return _limit("==", text)
    return {"operator": "matches", "expected_value": pattern, "expression": f"matches /{pattern}/"}


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _words(validator: Any) -> str:
    if isinstance(validator, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        doc = (validator.__doc__ or "").strip().split("\n")[0]
        name = validator.__name__
        return doc or ("custom check" if name == "<lambda>" else name.replace("_", " "))
    try:
        text = str(validator)
    except Exception:  # noqa: BLE001 - a user's __str__
        text = ""
    return text if text and " object at 0x" not in text else type(validator).__name__
