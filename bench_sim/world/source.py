"""One output of a power supply: constant voltage, constant current, ramps, protection.

Numbers: rise within 50 ms to full scale, slower fall without load through the bleeder resistor; from data sheets of
bench supplies of this size (Keysight E36300 series: up and down programming 50 ms into full load).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

REST_V = 1e-3  # an output that fell below this is taken as discharged


class Mode(IntEnum):
    """What regulates the output. The numbers are those of the E36312A's instrument summary register."""

    OFF = 0
    CONSTANT_CURRENT = 1
    CONSTANT_VOLTAGE = 2
    FAULT = 3


@dataclass(frozen=True)
class SourceLimits:
    """What an output can do. ``rise_s``: from zero to ``volts``; ``overvoltage_v``: highest protection level."""

    volts: float
    amps: float
    overvoltage_v: float
    rise_s: float = 0.05
    bleeder_ohm: float = 1_000.0
    capacitance_f: float = 470e-6


class Source:
    """An output: settings as attributes, and its state as of the last step.

    ``volts`` and ``amps`` are the true values at the terminals; errors of a readback belong to the instrument.
    """

    def __init__(self, limits: SourceLimits) -> None:
        self.limits = limits
        self.volts = 0.0
        self.amps = 0.0
        self.mode = Mode.OFF
        self.overvoltage_tripped = False
        self.overcurrent_tripped = False
        self._limiting_for_s = 0.0
        self._moved_v = 0.0  # in the last step
        self.reset()

    def reset(self) -> None:
        """Settings as after ``*RST``: off, 0 V. What is on the terminals then follows by itself."""
        self.is_on = False
        self.set_volts = 0.0
        self.set_amps = self.limits.amps
        self.overvoltage_v = self.limits.overvoltage_v
        self.overvoltage_is_on = True
        self.overcurrent_is_on = False
        self.overcurrent_delay_s = 0.05
        self.rise_delay_s = 0.0
        self._on_for_s = 0.0
        self.clear_protection()

    @property
    def is_tripped(self) -> bool:
        """True after a protection switched the output off, until it is cleared."""
        return self.overvoltage_tripped or self.overcurrent_tripped

    def clear_protection(self) -> None:
        """Allow the output to be switched on again; it stays off."""
        self.overvoltage_tripped = self.overcurrent_tripped = False
        self._limiting_for_s = 0.0

    def settles_in(self) -> float:
        """Seconds during which small steps are needed; 0 at rest."""
        if self.is_on:
            reached = self.mode is Mode.CONSTANT_VOLTAGE and abs(self.volts - self.set_volts) < REST_V / 10
            limited = self.mode is Mode.CONSTANT_CURRENT and self._moved_v < REST_V / 1_000
            may_trip = limited and self.overcurrent_is_on
            return self.limits.rise_s if may_trip or not (reached or limited) else 0.0
        return self.limits.rise_s if self.volts > 0 else 0.0

    def step(self, seconds: float, load: Callable[[float], float], load_f: float) -> None:
        """Let time pass into a load that takes ``load(volts)`` A and has ``load_f`` farads."""
        before = self.volts
        if self.is_on:
            self._on_for_s += seconds
            if self._on_for_s >= self.rise_delay_s:
                self._regulate(seconds, load, load_f)
            self._protect(seconds)
        if not self.is_on:
            self._on_for_s = self._limiting_for_s = 0.0
            self._discharge(seconds, load, load_f, down_to=0.0)
            self.mode = Mode.FAULT if self.is_tripped else Mode.OFF
        self._moved_v = abs(self.volts - before)

    def _regulate(self, seconds: float, load: Callable[[float], float], load_f: float) -> None:
        before = self.volts
        if self.set_volts < before:
            self._discharge(seconds, load, load_f, down_to=self.set_volts)
            self.mode = Mode.CONSTANT_VOLTAGE
            return
        slew = self.limits.volts / self.limits.rise_s
        wanted = min(self.set_volts, before + slew * seconds)

        def total(volts: float) -> float:
            return load(volts) + load_f * max(0.0, volts - before) / seconds

        if total(wanted) <= self.set_amps:
            self.volts, self.mode = wanted, Mode.CONSTANT_VOLTAGE
        else:
            self.volts, self.mode = _solve(total, self.set_amps, wanted), Mode.CONSTANT_CURRENT
        self.amps = total(self.volts)

    def _discharge(self, seconds: float, load: Callable[[float], float], load_f: float, down_to: float) -> None:
        """Nothing pulls the output down but the load and the bleeder."""
        if self.volts > down_to:
            amps = load(self.volts) + self.volts / self.limits.bleeder_ohm
            self.volts = max(down_to, self.volts - amps * seconds / (self.limits.capacitance_f + load_f))
            if self.volts < REST_V and down_to == 0.0:
                self.volts = 0.0
        self.amps = load(self.volts)

    def _protect(self, seconds: float) -> None:
        if self.overvoltage_is_on and self.volts > self.overvoltage_v:
            self.overvoltage_tripped = True
        is_limiting = self.mode is Mode.CONSTANT_CURRENT
        self._limiting_for_s = self._limiting_for_s + seconds if is_limiting else 0.0
        if self.overcurrent_is_on and is_limiting and self._limiting_for_s >= self.overcurrent_delay_s:
            self.overcurrent_tripped = True
        if self.is_tripped:
            self.is_on = False


def _solve(total: Callable[[float], float], amps: float, high: float) -> float:
    """The voltage in [0, high] at which the load takes ``amps``; the load's current rises with the voltage."""
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        if total(middle) > amps:
            high = middle
        else:
            low = middle
    return low
