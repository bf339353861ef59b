"""Limits of measurements, as other systems name them, judged where they are not judged in the file."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.services.imports.drafts import LONGEST_EXPRESSION
from portal.services.run_input import ValidatorIn, Verdict


@dataclass(frozen=True)
class Limit:
    """What is expected of a value: an operator with a value, or, without an operator, some ``words``."""

    operator: str | None
    expected: Any = None
    is_decisive: bool = True
    words: str | None = None


_COMPARE: dict[str | None, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
# The comparisons of TestStand, which other formats have taken over: the operator at the lower limit, and at the upper.
_INSIDE = {"GTLT": (">", "<"), "GELE": (">=", "<="), "GELT": (">=", "<"), "GTLE": (">", "<=")}
_OUTSIDE = {"LTGT": ("<", ">"), "LEGE": ("<=", ">="), "LEGT": ("<=", ">"), "LTGE": ("<", ">=")}
_SINGLE = {
    "EQ": "==", "EQUAL": "==", "CASESENSIT": "==", "CASESENSITIVE": "==", "NE": "!=", "NOTEQUAL": "!=",
    "GT": ">", "GE": ">=", "LT": "<", "LE": "<=",
}  # fmt: skip


def judged(limits: list[Limit], value: Any, verdict: Verdict) -> list[ValidatorIn]:
    """The limits of one measurement. ``value``: what was measured; for a sweep the list of what was measured.

    A limit that is the measurement's only one has its verdict. Of several each is held against the value; where that
    cannot be done, all hold when the measurement passed, and nothing is said when it did not.
    """
    is_only = len(limits) == 1
    return [
        ValidatorIn(
            operator=limit.operator,
            expected_value=limit.expected,
            expression=limit.words[:LONGEST_EXPRESSION] if limit.words is not None else None,
            is_decisive=limit.is_decisive if limit.operator is not None else None,
            outcome=_outcome(None if is_only else _holds(limit, value), verdict, is_only=is_only),
        )
        for limit in limits
    ]


def compared(comparison: str | None, low: Any, high: Any) -> list[Limit]:
    """The limits of a comparison such as ``GELE``; without one, the value is inside of the limits that there are.

    A comparison with one limit has it as the lower one, whatever its direction: that is how TestStand keeps it.
    """
    word = (comparison or "GELE").strip().upper()
    single = low if low is not None else high
    if word in _SINGLE and single is not None:
        return [Limit(_SINGLE[word], single)]
    if word in _INSIDE:
        pairs = zip(_INSIDE[word], (low, high), strict=True)
        return [Limit(sign, bound) for sign, bound in pairs if bound is not None]
    if word in _OUTSIDE and low is not None and high is not None:
        below, above = _OUTSIDE[word]
        return [Limit(None, words=f"x {below} {low} or x {above} {high}")]
    if word in ("IGNORECASE", "EQ_IGNORECASE") and single is not None:
        return [Limit(None, words=f"x == {single!r}, whatever the case")]
    return []


def _outcome(holds: bool | None, verdict: Verdict, *, is_only: bool) -> Verdict:
    if verdict == "UNSET":
        return "UNSET"
    if holds is not None:
        return "PASS" if holds else "FAIL"
    if verdict == "PASS":
        return "PASS"
    return "FAIL" if is_only else "UNSET"


def _holds(limit: Limit, value: Any) -> bool | None:
    """Whether the value keeps the limit. None when it cannot be told.

    Patterns are never tried: they are a stranger's, and one can be written that takes for ever.
    """
    compare = _COMPARE.get(limit.operator)
    values = value if isinstance(value, list) else [value]
    if compare is None or not values or not all(isinstance(one, int | float) for one in values):
        return None
    return all(compare(one, limit.expected) for one in values)
