"""What every device under test is: a load that belongs to one unit, with characteristics and faults of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from bench_sim.world import Seed, Signal


@dataclass(frozen=True)
class Fault:
    """A named fault. ``meaning`` is one sentence for people: what is wrong and how a test shows it."""

    name: str
    meaning: str


class Dut(ABC):
    """One unit under test, plugged in.

    What is typical of the model is in the class; what is typical of this unit is drawn from the bench's seed and the
    unit's serial number, so the same unit is the same tomorrow.
    """

    FAULTS: ClassVar[tuple[Fault, ...]]
    pins: tuple[str, ...]

    def __init__(self, serial: str, seed: Seed, faults: Iterable[str] = ()) -> None:
        self.serial = serial
        self.faults = frozenset(faults)
        unknown = sorted(self.faults - {fault.name for fault in self.FAULTS})
        if unknown:
            known = ", ".join(fault.name for fault in self.FAULTS)
            raise ValueError(f"unit {serial}: no fault is called {', '.join(unknown)}; there are {known}")
        self._chance = seed.stream("unit", serial)

    @classmethod
    def draw_fault(cls, serial: str, seed: Seed, fault_rate: float) -> tuple[str, ...]:
        """The fault of a unit nobody named, with probability ``fault_rate``; always the same for the same unit."""
        chance = seed.stream("fault", serial)
        if chance.random() >= fault_rate:
            return ()
        return (chance.choice([fault.name for fault in cls.FAULTS]),)

    @abstractmethod
    def current(self, pin: str, volts: float) -> float:
        """See `bench_sim.world.Load`."""

    @abstractmethod
    def capacitance(self, pin: str) -> float:
        """See `bench_sim.world.Load`."""

    @abstractmethod
    def step(self, seconds: float, volts: dict[str, float]) -> None:
        """See `bench_sim.world.Load`."""

    @abstractmethod
    def settles_in(self, volts: dict[str, float]) -> float:
        """See `bench_sim.world.Load`."""

    @abstractmethod
    def signal(self, pin: str) -> Signal:
        """See `bench_sim.world.Load`."""

    def _spread(self, typical: float, tolerance: float) -> float:
        """A value of this unit: ``typical`` ± ``tolerance`` (a fraction, three sigma, never exceeded)."""
        deviation = max(-1.0, min(1.0, self._chance.gauss(0.0, 1 / 3)))
        return typical * (1 + tolerance * deviation)
