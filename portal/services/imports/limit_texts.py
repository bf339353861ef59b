"""Limits that came as texts, as OpenHTF writes its validators, made into limits with operator and value.

What cannot be told from the text stays as it is, as an expression. Source: contract/v1-api.md §6.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from portal.services.imports.drafts import stored
from portal.services.imports.limits import Limit, judged
from portal.services.run_input import ValidatorIn, Verdict

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INT = re.compile(r"[-+]?\d{1,300}")
_FLOAT = re.compile(_NUMBER)
_MARGINAL = "Marginal:"
_MATCHES = re.compile(r"'x' matches /(.*)/", re.DOTALL)
_PERCENT = re.compile(rf"'x' is within ({_NUMBER})% of ({_NUMBER})\.(?: Marginal: ({_NUMBER})% of ({_NUMBER}))?")
LONGEST_PARSED = 2000  # nobody's limits are longer; a text of a megabyte is kept, and not taken apart


def read_limits(texts: Sequence[object], value: Any, verdict: Verdict) -> list[ValidatorIn]:
    """The limits of one measurement, judged as `judged` says."""
    found = [limit for one in texts for limit in _read(stored(str(one)))]
    return judged(found, value, verdict)


def _read(given: str) -> list[Limit]:
    return _parse(given.strip()) or [Limit(None, words=given)]


def _parse(given: str) -> list[Limit]:
    """The limits that the text says; empty when it cannot be told."""
    if len(given) > LONGEST_PARSED:
        return []
    if found := _MATCHES.fullmatch(given):
        return [Limit("matches", found[1])]
    if found := _PERCENT.fullmatch(given):
        return _within(found)
    if given.startswith("x == "):
        known, expected = _constant(given.removeprefix("x == "))
        return [Limit("==", expected)] if known else []
    return _range(given)


def _range(given: str) -> list[Limit]:
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
        return [Limit("==", low)]
    found = [Limit(">=", low), Limit("<=", high)]
    found += [Limit(">=", marginal_low, is_decisive=False), Limit("<=", marginal_high, is_decisive=False)]
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


def _within(found: re.Match[str]) -> list[Limit]:
    limits: list[Limit] = []
    for percent, expected, is_decisive in ((found[1], found[2], True), (found[3], found[4], False)):
        if percent is None:
            continue
        middle = float(expected)
        reach = abs(middle) * float(percent) / 100.0
        if not math.isfinite(middle + reach) or not math.isfinite(middle - reach):
            return []
        limits += [Limit(">=", middle - reach, is_decisive), Limit("<=", middle + reach, is_decisive)]
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
