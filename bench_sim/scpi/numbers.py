"""Numbers as SCPI writes them: decimal with units and multipliers, ``#H`` ``#Q`` ``#B``, MIN, MAX, DEF.

Source: IEEE 488.2, 7.7.2 to 7.7.4; SCPI-1999 volume 1, 7.2.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from bench_sim.scpi.errors import ScpiError

_DECIMAL = re.compile(
    r"(?P<mantissa>[+-]?(?:\d+\.?\d*|\.\d+))(?:\s*[eE]\s*(?P<exponent>[+-]?\d+))?\s*(?P<suffix>[A-Za-z%/]*)", re.ASCII
)
_RADIX = re.compile(r"#(?:H(?P<h>[0-9A-F]+)|Q(?P<q>[0-7]+)|B(?P<b>[01]+))", re.IGNORECASE | re.ASCII)
_MULTIPLIERS = {
    "EX": 1e18, "PE": 1e15, "T": 1e12, "G": 1e9, "MA": 1e6, "K": 1e3,
    "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12, "F": 1e-15, "A": 1e-18,
}  # fmt: skip
_MEGA_UNITS = ("HZ", "OHM")  # 488.2: MHZ and MOHM are mega, every other M is milli
LARGEST_EXPONENT = 32_000


class Extreme(Enum):
    """A word in place of a number; what it stands for depends on the setting."""

    MIN = "MINimum"
    MAX = "MAXimum"
    DEF = "DEFault"


@dataclass(frozen=True)
class Numeric:
    """A number, or MIN, MAX or DEF, as received. Its range is known only to the setting it is for."""

    value: float | Extreme

    def within(self, low: float, high: float, default: float | None = None) -> float:
        """The number, if it lies in [low, high]. Raises -222 if not, -224 for DEF where there is no default."""
        if isinstance(self.value, Extreme):
            meant = {Extreme.MIN: low, Extreme.MAX: high, Extreme.DEF: default}[self.value]
            if meant is None:
                raise ScpiError(-224)
            return meant
        if not low <= self.value <= high:
            raise ScpiError(-222)
        return self.value

    def whole_within(self, low: int, high: int, default: int | None = None) -> int:
        """The same, rounded to a whole number as 488.2 asks for NR1."""
        return round(self.within(low, high, default))


def parse_numeric(text: str, units: str = "") -> Numeric:
    """Read one numeric parameter. ``units``: the unit accepted after the number, in capitals, or empty for none.

    Raises `ScpiError`: -104 for what is no number, -123, -131, -138.
    """
    word = text.upper()
    for extreme in Extreme:
        if matches_mnemonic(word, extreme.value):
            return Numeric(extreme)
    radix = _RADIX.fullmatch(text)
    if radix:
        base = {"h": 16, "q": 8, "b": 2}[radix.lastgroup or "h"]
        return Numeric(float(int(radix[radix.lastgroup or "h"], base)))
    decimal = _DECIMAL.fullmatch(text)
    if not decimal:
        raise ScpiError(-121 if text[0].isdigit() else -104)
    exponent = decimal["exponent"] or "0"
    if len(exponent) > 6 or abs(int(exponent)) > LARGEST_EXPONENT:
        raise ScpiError(-123)
    factor = multiplier(decimal["suffix"].upper(), units)
    value = float(f"{decimal['mantissa']}e{exponent}") * factor
    if not math.isfinite(value):
        raise ScpiError(-222)
    return Numeric(value)


def multiplier(suffix: str, units: str) -> float:
    """What a suffix such as ``MV`` multiplies by, for a parameter in ``units``. Raises -131 or -138."""
    if not suffix:
        return 1.0
    if not units:
        raise ScpiError(-138)
    if not suffix.endswith(units):
        raise ScpiError(-131)
    prefix = suffix.removesuffix(units)
    if not prefix:
        return 1.0
    if prefix == "M" and units in _MEGA_UNITS:
        return 1e6
    if prefix not in _MULTIPLIERS:
        raise ScpiError(-131)
    return _MULTIPLIERS[prefix]


def matches_mnemonic(word: str, mnemonic: str) -> bool:
    """True when ``word`` is the short or the long form of a mnemonic written like ``MINimum``."""
    word = word.upper()
    return word in (short_form(mnemonic), mnemonic.upper())


def short_form(mnemonic: str) -> str:
    """``VOLT`` of ``VOLTage``: everything up to the first small letter."""
    return "".join(c for c in mnemonic if not c.islower())


def nr3(value: float, digits: int = 8) -> str:
    """A number as answers have it: ``+1.23456789E+00``. Infinite becomes 9.9E+37, as SCPI asks."""
    if math.isnan(value):
        value = 9.91e37
    elif math.isinf(value):
        value = math.copysign(9.9e37, value)
    return f"{value:+.{digits}E}"
