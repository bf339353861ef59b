"""What the multimeters of Keysight's Truevolt series measure: functions, ranges, integration times.

Manual: Keysight Truevolt Series, Operating and Service Guide (34460-90901). Ranges and accuracies are the 34461A's.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench_sim.scpi import Extreme, Numeric, ScpiError
from bench_sim.scpi.header import match_header, parse_pattern
from bench_sim.world import meter as quantities
from bench_sim.world.meter import Quantity

DC_VOLT_RANGES = (0.1, 1.0, 10.0, 100.0, 1000.0)
AC_VOLT_RANGES = (0.1, 1.0, 10.0, 100.0, 750.0)
CURRENT_RANGES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0, 10.0)
OHM_RANGES = (100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
FARAD_RANGES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
CYCLES = {0.02: 3e-6, 0.2: 7e-7, 1.0: 3e-7, 10.0: 1e-7, 100.0: 3e-8}  # integration time: resolution of the range
INPUT_OHM, HIGH_INPUT_OHM = 10e6, 10e9
QUANTITIES = {
    "VOLT": Quantity(quantities.dc_volts, DC_VOLT_RANGES, 35e-6, 5e-6),
    "VOLT:AC": Quantity(quantities.ac_volts, AC_VOLT_RANGES, 600e-6, 300e-6, is_integrating=False),
    "CURR": Quantity(quantities.amps, CURRENT_RANGES, 500e-6, 60e-6),
    "CURR:AC": Quantity(quantities.amps, CURRENT_RANGES, 1e-3, 400e-6, is_integrating=False),
    "RES": Quantity(quantities.ohms, OHM_RANGES, 100e-6, 10e-6),
    "FRES": Quantity(quantities.ohms, OHM_RANGES, 100e-6, 10e-6),
    "FREQ": Quantity(quantities.hertz, (), 100e-6, 0.0, is_integrating=False),
    "PER": Quantity(quantities.seconds, (), 100e-6, 0.0, is_integrating=False),
    "CAP": Quantity(quantities.unmeasurable, FARAD_RANGES, 5e-3, 1e-3, is_integrating=False),
    "TEMP": Quantity(quantities.unmeasurable, (), 50e-6, 0.0),
    "CONT": Quantity(quantities.ohms, (1e3,), 100e-6, 20e-6, is_integrating=False),
    "DIOD": Quantity(quantities.unmeasurable, (10.0,), 100e-6, 20e-6, is_integrating=False),
}
LONG_NAMES = {  # as the manual prints them, for headers and for SENS:FUNC "…"
    "VOLT": "VOLTage[:DC]", "VOLT:AC": "VOLTage:AC", "CURR": "CURRent[:DC]", "CURR:AC": "CURRent:AC",
    "RES": "RESistance", "FRES": "FRESistance", "FREQ": "FREQuency", "PER": "PERiod", "CAP": "CAPacitance",
    "TEMP": "TEMPerature", "CONT": "CONTinuity", "DIOD": "DIODe",
}  # fmt: skip
UNITS = {
    "VOLT": "V", "VOLT:AC": "V", "CURR": "A", "CURR:AC": "A", "RES": "OHM", "FRES": "OHM", "FREQ": "HZ", "PER": "S",
    "CAP": "F",
}  # fmt: skip


@dataclass
class Sensing:
    """Settings of one function. ``full_scale`` is used where ``autoranges`` is False, and kept as the present range."""

    full_scale: float
    autoranges: bool = True
    cycles: float = 10.0
    autozeroes: bool = True


def fresh_sensing(key: str) -> Sensing:
    """Settings after CONFigure without parameters."""
    ranges = QUANTITIES[key].ranges
    defaults = {"VOLT": 10.0, "VOLT:AC": 10.0, "CURR": 1.0, "CURR:AC": 1.0, "RES": 1e3, "FRES": 1e3, "CAP": 1e-6}
    return Sensing(full_scale=defaults.get(key, ranges[0] if ranges else 1.0))


def range_for(key: str, wanted: Numeric) -> float:
    """The lowest range that holds the value asked for. Raises -222 above the highest."""
    ranges = QUANTITIES[key].ranges
    value = abs(wanted.within(-ranges[-1], ranges[-1], fresh_sensing(key).full_scale))
    if wanted.value is Extreme.MIN:
        return ranges[0]
    return next(full for full in ranges if value <= full)


def cycles_for(full_scale: float, resolution: Numeric) -> float:
    """The shortest integration that gives the resolution asked for. MIN is the finest, as the manual has it."""
    if resolution.value is Extreme.MIN:
        return max(CYCLES)
    if resolution.value is Extreme.MAX:
        return min(CYCLES)
    wanted = resolution.within(0.0, 1e9, full_scale * CYCLES[10.0])
    fine = [cycles for cycles, part in CYCLES.items() if full_scale * part <= wanted * (1 + 1e-9)]
    if not fine:
        raise ScpiError(-222)
    return min(fine)


def function_named(name: str) -> str:
    """The key of a function as ``SENS:FUNC`` names it, short or long. Raises -224."""
    words = name.split(":")
    for key, pattern in LONG_NAMES.items():
        if match_header(parse_pattern(pattern), tuple(word.upper() for word in words)) is not None:
            return key
    raise ScpiError(-224)
