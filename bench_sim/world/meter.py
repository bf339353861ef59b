"""How a digital multimeter turns what is at its terminals into a number.

reading = quantise(value x (1 + gain error) + offset + noise), overload beyond 120 % of the range. Gain and offset are
drawn once per meter and function, within a third of the data sheet's limits. Noise falls with the integration time:
anchors for a 10 V range are 22 µV at 0.1, 4 µV at 1 and 1.5 µV at 10 power line cycles (Keithley 2015 manual, A-5).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from bench_sim.world.signal import Signal

OVERLOAD = 9.9e37
OVER_RANGE = 1.2  # a range reaches to 120 % of its name
DOWN_RANGE = 0.1  # autoranging goes down below 10 %
NOISE_OF_RANGE = 0.4e-6  # rms at 1 power line cycle
LOWEST_NOISE_OF_RANGE = 0.08e-6


@dataclass(frozen=True)
class Quantity:
    """What can be measured at the terminals.

    value: of a signal, for a meter whose input has so many ohms; ``inf`` when it cannot be measured.
    ranges: full scales, lowest first; empty where there are none.
    gain, offset: one year limits, the offset as a fraction of the range.
    """

    value: Callable[[Signal, float], float]
    ranges: tuple[float, ...]
    gain: float
    offset: float
    is_integrating: bool = True


def dc_volts(signal: Signal, input_ohm: float) -> float:
    """The meter's own input loads what it measures."""
    if not signal.is_driven:
        return 0.0
    return signal.dc_v * input_ohm / (input_ohm + signal.resistance_ohm)


def ac_volts(signal: Signal, input_ohm: float) -> float:
    """True rms of the AC part; 1 MΩ in parallel is far above any pin's resistance here."""
    return signal.ripple_v if input_ohm else 0.0


def amps(signal: Signal, input_ohm: float) -> float:  # noqa: ARG001 - the shape of all quantities
    """Nothing is wired through the current terminals yet: they are open."""
    return 0.0


def ohms(signal: Signal, input_ohm: float) -> float:  # noqa: ARG001 - the shape of all quantities
    """A voltage on the part spoils the measurement."""
    return math.inf if signal.is_driven else signal.resistance_ohm


def hertz(signal: Signal, input_ohm: float) -> float:  # noqa: ARG001 - the shape of all quantities
    """0 when there is nothing to count."""
    return signal.frequency_hz if signal.ripple_v > 0.5e-3 else 0.0


def seconds(signal: Signal, input_ohm: float) -> float:
    """The period; 0 when there is nothing to count."""
    frequency = hertz(signal, input_ohm)
    return 1 / frequency if frequency else 0.0


def unmeasurable(signal: Signal, input_ohm: float) -> float:  # noqa: ARG001 - the shape of all quantities
    """No such sensor or part is on the bench."""
    return math.inf


class Meter:
    """The measuring part of one instrument: its errors and its noise."""

    def __init__(self, quantities: dict[str, Quantity], calibration: random.Random, noise: random.Random) -> None:
        self._quantities = quantities
        self._noise = noise
        self._errors = {
            key: (calibration.gauss(0, quantity.gain / 3), calibration.gauss(0, quantity.offset / 3))
            for key, quantity in quantities.items()
        }

    def read(self, key: str, signal: Signal, full_scale: float, cycles: float, step: float, input_ohm: float) -> float:
        """One reading of a quantity in a range; `OVERLOAD` with the sign of the value when it does not fit.

        cycles: integration time in power line cycles. step: resolution of the answer.
        """
        quantity = self._quantities[key]
        value = quantity.value(signal, input_ohm)
        if not self.fits(value, full_scale if quantity.ranges else math.inf):
            return math.copysign(OVERLOAD, value)
        full_scale = full_scale if quantity.ranges else abs(value)  # a counter is as good as its time base
        gain, offset = self._errors[key]
        noise = noise_of(full_scale, cycles)
        if key == "VOLT":
            noise = math.hypot(noise, signal.noise_v / math.sqrt(max(cycles, 0.02)))
        raw = value * (1 + gain) + offset * full_scale
        return _quantise(raw + _gauss(self._noise, noise), step)

    @staticmethod
    def fits(value: float, full_scale: float) -> bool:
        """True when the value is within 120 % of the range (105 % of the kilovolt range, as its fuse wants)."""
        return math.isfinite(value) and abs(value) <= full_scale * (1.05 if full_scale == 1_000 else OVER_RANGE)

    def choose_range(self, key: str, signal: Signal, input_ohm: float, present: float) -> float:
        """The range that autoranging settles on, starting from the present one."""
        ranges = self._quantities[key].ranges
        value = abs(self._quantities[key].value(signal, input_ohm))
        if present in ranges and DOWN_RANGE * present <= value <= OVER_RANGE * present:
            return present
        return next((full for full in ranges if value <= OVER_RANGE * full), ranges[-1])


def noise_of(full_scale: float, cycles: float) -> float:
    """Own rms noise of a meter in a range, at so many power line cycles."""
    return full_scale * max(NOISE_OF_RANGE / math.sqrt(cycles), LOWEST_NOISE_OF_RANGE)


def _gauss(chance: random.Random, rms: float) -> float:
    """Always draws, so that the sequence of readings does not depend on the settings."""
    return chance.gauss(0.0, 1.0) * rms


def _quantise(value: float, step: float) -> float:
    return round(value / step) * step if step > 0 else value
