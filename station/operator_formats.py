"""How times, durations, sizes and values with units are written, in the Operator UI and on every page. Pure.

On the station's side, because the local kiosk renders without a portal; the portal's pages use the same.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from jinja2 import Environment

SIGNIFICANT_DIGITS = 6  # what a bench meter resolves; more digits are noise to a reader
LARGEST = 1e300  # beyond it, margins and differences would not fit in a float
LONGEST_VALUE = 200  # characters of a text or structured value shown in a table cell

# Units that people write with prefixes. Others (dB, %, °C, rpm) are shown as they were recorded.
_PREFIXABLE = frozenset({"V", "A", "W", "Hz", "F", "H", "s", "Ω", "Ohm", "ohm", "J", "C", "S", "T", "N", "Pa", "m"})
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
_SOFT_BREAK = re.compile(r"[ \t]*\n(?![ \t]|[-*•+] |\d+[.)] )")


def register(env: Environment) -> None:
    """Make the functions available to every template, as filters."""
    for function in (iso, exact, clock, ago, lasting, duration, size, quantity, value_text, number, reflowed):
        env.filters[function.__name__] = function
    env.globals["outcome_name"] = outcome_name


def iso(at: datetime) -> str:
    """An instant for machines: ISO 8601, UTC, milliseconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact(at: datetime) -> str:
    """An instant in full, in UTC: what is shown until the browser puts it in the viewer's zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(at: datetime) -> str:
    """The time of day, to the millisecond, in UTC."""
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def ago(at: datetime, now: datetime | None = None) -> str:
    """How long ago, in the largest whole unit; ``in 5 min`` for what is to come. ``js/times.js`` says the same."""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    return f"{_length(seconds)} ago" if seconds > 0 else f"in {_length(-seconds)}"


def lasting(since: datetime, now: datetime | None = None) -> str:
    """How long something has lasted, in the largest whole unit."""
    return _length(max(0.0, ((now or datetime.now(UTC)) - since).total_seconds()))


def _length(seconds: float) -> str:
    for below_s, unit_s, name in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < below_s:
            return f"{int(seconds // unit_s)} {name}"
    return f"{int(seconds // 86_400)} d"


def duration(duration_ms: float | None) -> str:
    """A length of time. duration_ms: milliseconds, None for not known."""
    if duration_ms is None:
        return "–"
    if duration_ms < 1000:
        return f"{round(duration_ms)} ms"
    seconds = duration_ms / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02d} s"
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min:02d} min"


def size(size_bytes: int | None) -> str:
    """An amount of data in decimal units."""
    if size_bytes is None:
        return "–"
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    amount = float(size_bytes)
    for name in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.3g} {name}"
    return f"{amount / 1000:.3g} TB"


def number(value: float) -> str:
    """A number as people write it: six significant digits, no trailing zeros, a real minus sign."""
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"about {'−' if value < 0 else ''}10^{int(abs(value).bit_length() * math.log10(2))}"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if isinstance(value, int) and abs(value) < 10**9:
        return str(value).replace("-", "−")
    mantissa, _, exponent = f"{value:.{SIGNIFICANT_DIGITS}g}".partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return "0" if text == "-0" else text.replace("-", "−")


def is_number(value: Any) -> bool:
    """Whether it is a number that has a place on a scale: no truth value, finite, and of a size to reckon with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def scale_of(values: Iterable[Any], units: str | None) -> tuple[float, str]:
    """One factor and one unit in which all the values are comparable: a value and its limits share a prefix.

    Returns (1, units) for units that take no prefix.
    """
    if units not in _PREFIXABLE:
        return 1.0, units or ""
    largest = max((abs(value) for value in values if is_number(value)), default=0.0)
    for factor, prefix in _PREFIXES:
        if largest >= factor * 0.9995:
            return factor, prefix + units
    return 1.0, units


def quantity(value: Any, units: str | None = None) -> str:
    """A measured value of any JSON type with its unit of measure."""
    if not is_number(value):
        return value_text(value) + (f" {units}" if units and isinstance(value, int | float) else "")
    factor, scaled_units = scale_of([value], units)
    scaled = value if factor == 1.0 else value / factor
    return f"{number(scaled)} {scaled_units}".rstrip()


def value_text(value: Any) -> str:
    """A value without unit: text as it is, structures as JSON, cut where it would flood the page."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + " …"


def reflowed(text: str) -> str:
    """A docstring without the line breaks of its source.

    Blank lines stay, and so do breaks before what is indented or an item of a list.
    """
    plain = inspect.cleandoc("\n".join(text.splitlines()))
    paragraphs = re.split(r"\n(?:[ \t]*\n)+", plain)
    return "\n\n".join(_SOFT_BREAK.sub(" ", paragraph) for paragraph in paragraphs)


def outcome_name(outcome: Any) -> str:
    """The outcome as one of our seven words; anything unknown, and nothing, is UNSET."""
    name = str(outcome.value if isinstance(outcome, Enum) else outcome or "").upper()
    return name if name in {"PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED", "SKIP"} else "UNSET"
