"""Any Python value as a plain JSON value: what a script measured need not be made for JSON."""

from __future__ import annotations

import enum
import math
import numbers
from decimal import Decimal
from typing import Any

_WIDEST_BITS = 1023  # integers that a reader can hold as a number
_DEEPEST = 20  # a value that contains itself must end somewhere


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON knows it. Numbers that are not finite become the texts ``NaN``, ``Infinity``, ``-Infinity``.

    Arrays and the scalars of numeric libraries become lists and numbers, unknown objects their text.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _WIDEST_BITS else hex(value)
    if isinstance(value, (float, Decimal)):
        return _number(value)
    if depth > _DEEPEST:
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return _converted(value, depth)


def point(value: Any) -> float | None:
    """One point of a series: a number, or None for one that is not finite. Raises TypeError for anything else."""
    simple = plain(value)
    if isinstance(simple, str) and isinstance(value, str):
        raise TypeError("not a number")
    if isinstance(simple, str):
        return None
    if isinstance(simple, (bool, int, float)):
        return float(simple)
    raise TypeError("not a number")


def has_nan(value: Any) -> bool:
    """Whether a NaN is, or hides in, the value: something that must never pass."""
    if isinstance(value, (list, tuple)):
        return any(has_nan(item) for item in value)
    if isinstance(value, (bool, int, str)) or value is None:
        return False
    if isinstance(value, (float, Decimal, numbers.Real)) or hasattr(value, "item"):
        try:
            return math.isnan(float(value))
        except (TypeError, ValueError, OverflowError):
            return False
    return False


def _number(number: Any) -> float | str:
    try:
        value = float(number)
    except (ValueError, OverflowError):  # a decimal's signalling NaN
        return "NaN"
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _converted(value: Any, depth: int) -> Any:
    for method in ("tolist", "item"):  # numpy and its relatives
        convert = getattr(value, method, None)
        if callable(convert):
            try:
                return plain(convert(), depth + 1)
            except (TypeError, ValueError):
                break
    if isinstance(value, numbers.Real):
        return _number(value)
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the text of a user's object is the user's code
        return f"<{type(value).__name__}>"
