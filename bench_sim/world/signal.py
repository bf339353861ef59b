"""What a meter sees at a pin, and what a load is to its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Signal:
    """A pin against ground.

    dc_v: mean voltage. ripple_v: rms of the AC part at ``frequency_hz`` (0 = none). noise_v: rms of slow noise at an
    integration time of one power line cycle. resistance_ohm: of the pin towards ground when unpowered, and the source
    resistance when powered; ``inf`` for an open pin.
    """

    dc_v: float = 0.0
    ripple_v: float = 0.0
    frequency_hz: float = 0.0
    noise_v: float = 0.0
    resistance_ohm: float = float("inf")
    is_driven: bool = False


DEAD_SIGNAL = Signal()  # an open pin


class Load(Protocol):
    """Something with pins that may be fed by a source: a device under test, a relay coil.

    The world calls `step` with the voltages of its fed pins, in steps short enough for what goes on.
    """

    pins: tuple[str, ...]

    def current(self, pin: str, volts: float) -> float:
        """Current in A that flows into ``pin`` at that voltage, now. Never negative, rising with the voltage."""

    def capacitance(self, pin: str) -> float:
        """Farads at ``pin``."""

    def step(self, seconds: float, volts: dict[str, float]) -> None:
        """Let time pass with these voltages at the fed pins; pins not fed are absent."""

    def settles_in(self, volts: dict[str, float]) -> float:
        """Seconds during which small steps are needed if the voltages stay; 0 when it is at rest."""

    def signal(self, pin: str) -> Signal:
        """What a meter sees at ``pin`` when nothing feeds it from outside."""
