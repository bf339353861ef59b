"""The physics of a bench: time, chance, circuits. Knows no instrument's language.

Everything is a function of the bench's time and of one seed: same seed, unit and commands, same readings.
"""

from bench_sim.world.circuit import World
from bench_sim.world.clock import Clock, ManualClock, RealClock
from bench_sim.world.relay import Relay
from bench_sim.world.seed import Seed
from bench_sim.world.signal import DEAD_SIGNAL, Load, Signal
from bench_sim.world.source import Mode, Source, SourceLimits

__all__ = [
    "DEAD_SIGNAL",
    "Clock",
    "Load",
    "ManualClock",
    "Mode",
    "RealClock",
    "Relay",
    "Seed",
    "Signal",
    "Source",
    "SourceLimits",
    "World",
]
