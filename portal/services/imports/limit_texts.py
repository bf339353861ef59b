"""Limits that came as texts, as OpenHTF writes its validators, made into limits with operator and value.

What cannot be told from the text stays as it is, as an expression. Source: contract/v1-api.md §6.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from portal.services.imports.drafts import stored
from portal.services.run_input import ValidatorIn, Verdict

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INT = re.compile(r"[-+]?\d{1,300}")
_FLOAT = re.compile(_NUMBER)
_MARGINAL = "Marginal:"
_MATCHES = re.compile(r"'x' matches /(.*)/", re.DOTALL)
_PERCENT = re.compile(rf"'x' is within ({_NUMBER})% of ({_NUMBER})\.(?: Marginal: ({_NUMBER})% of ({_NUMBER}))?")
LONGEST_PARSED = 2000  # nobody's limits are longer; a text of a megabyte is kept, and not taken apart


@dataclass(frozen=True)
class _Limit:
    operator: str
    expected: Any
    is_decisive: bool = True


def read_limits(texts: Sequence[object], value: Any, verdict: Verdict) -> list[ValidatorIn]:
    """The limits of one measurement. ``value``: what was measured; for a sweep the list of what was measured.

    A limit that is the measurement's only one has its verdict. Of several each is held against the value; where that
    cannot be done, all hold when the measurement passed, and nothing is said when it did not.
    """
    read = [(given, _parse(given)) for given in (stored(str(one)) for one in texts)]
    is_only = sum(len(limits) or 1 for _, limits in read) == 1
    found: list[ValidatorIn] = []
    for given, limits in read:
        if not limits:
            found.append(ValidatorIn(expression=given, outcome=_outcome(None, verdict, is_only=is_only)))
        found += [
            ValidatorIn(
                operator=limit.operator,
                expected_value=limit.expected,
                is_decisive=limit.is_decisive,
                outcome=_outcome(None if is_only else _holds(limit, value), verdict, is_only=is_only),
            )
            for limit in limits
        ]
    return found


def _parse(given: str) -> list[_Limit]:
    """The limits that the text says; empty when it cannot be told."""
    if len(given) > LONGEST_PARSED:
        return []
    trimmed = given.strip()
    if found := _MATCHES.fullmatch(trimmed):
        return [_Limit("matches", found[1])]
    if found := _PERCENT.fullmatch(trimmed):
        return _within(found)
    if trimmed.startswith("x == "):
        known, expected = _constant(trimmed.removeprefix("x == "))
        return [_Limit("==", expected)] if known else []
    return _range(trimmed)


def _range(given: str) -> list[_Limit]:
    """``0 <= Marginal:2 <= x <= Marginal:8 <= 10``, or a piece of it."""
    parts = [part.strip() for part in given.split("<=")]
    if parts.count("x") != 1 or len(parts) < 2:
        return []
    place = parts.index("x")
    below, above = _side(parts[:place]), _side(parts[:place:-1])
    if below is None or above is None:
        return []
    (low, marginal_low), (high, marginal_high) = below, above
    if low is not None and low == high:
        return [_Limit("==", low)]
    found = [_Limit(">=", low), _Limit("<=", high)]
    found += [_Limit(">=", marginal_low, is_decisive=False), _Limit("<=", marginal_high, is_decisive=False)]
    return [limit for limit in found if limit.expected is not None]


def _side(parts: list[str]) -> tuple[Any, Any] | None:
    """One side of a range, from the outside in: its bound and its marginal bound. None when it is something else."""
    bound: Any = None
    marginal: Any = None
    for part in parts:
        known, value = _number(part.removeprefix(_MARGINAL))
        is_marginal = part.startswith(_MARGINAL)
        if not known or marginal is not None or (bound is not None and not is_marginal):
            return None
        if is_marginal:
            marginal = value
        else:
            bound = value
    return bound, marginal


def _within(found: re.Match[str]) -> list[_Limit]:
    limits: list[_Limit] = []
    for percent, expected, is_decisive in ((found[1], found[2], True), (found[3], found[4], False)):
        if percent is None:
            continue
        middle = float(expected)
        reach = abs(middle) * float(percent) / 100.0
        if not math.isfinite(middle + reach) or not math.isfinite(middle - reach):
            return []
        limits += [_Limit(">=", middle - reach, is_decisive), _Limit("<=", middle + reach, is_decisive)]
    return limits


def _constant(given: str) -> tuple[bool, Any]:
    if given in ("True", "False"):
        return True, given == "True"
    return _number(given)


def _number(given: str) -> tuple[bool, Any]:
    if _INT.fullmatch(given):
        return True, int(given)
    if _FLOAT.fullmatch(given):
        value = float(given)
        return math.isfinite(value), value
    return False, None


def _outcome(holds: bool | None, verdict: Verdict, *, is_only: bool) -> Verdict:
    if verdict == "UNSET":
        return "UNSET"
    if holds is not None:
        return "PASS" if holds else "FAIL"
    if verdict == "PASS":
        return "PASS"
    return "FAIL" if is_only else "UNSET"


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda value, bound: bool(value >= bound),
    "<=": lambda value, bound: bool(value <= bound),
    "==": lambda value, bound: bool(value == bound),
}


def _holds(limit: _Limit, value: Any) -> bool | None:
    """Whether the value keeps the limit. None when it cannot be told.

    Patterns are never tried: they are a stranger's, and one can be written that takes for ever.
    """
    compare = _COMPARE.get(limit.operator)
    values = value if isinstance(value, list) else [value]
    if compare is None or not values or not all(isinstance(one, int | float) for one in values):
        return None
    return all(compare(one, limit.expected) for one in values)
