"""The circuit of a bench: which terminals are joined, and how it changes with time.

Terminals are named ``part.pin``. A net is a set of joined terminals; relays join nets for meters only (a fixture's
measuring bus). One source feeds a net, any number of loads take from it. No SPICE: steps of `STEP_S` while something
moves, one long step while nothing does.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable
from dataclasses import replace

from bench_sim.world.relay import Relay
from bench_sim.world.signal import DEAD_SIGNAL, Load, Signal
from bench_sim.world.source import Source

STEP_S = 0.001
MOST_SMALL_STEPS = 20_000  # in one go; nothing on a bench takes 20 s to settle
LONGEST_STEP_S = 5.0  # at rest; slow drift of temperature is exact over any step
PICK_UP_V = 0.002  # rms, what an open lead catches


class World:
    """All sources and loads of a bench, wired. Every public method may be called from any thread."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.loads: dict[str, Load] = {}
        self.lock = threading.RLock()
        self._net_of: dict[str, int] = {}
        self._fed: dict[str, list[tuple[str, str]]] = {}  # source → (part, pin)
        self._feeder: dict[str, list[tuple[str, str]]] = {}  # part → (pin, source)
        self._at = 0.0

    @property
    def at(self) -> float:
        """Bench time in seconds that the world has come to."""
        return self._at

    def add_source(self, terminal: str, source: Source) -> None:
        """An output of an instrument, such as ``psu.ch1``."""
        self.sources[terminal] = source

    def add_load(self, part: str, load: Load) -> None:
        """A part with pins, such as ``dut``."""
        self.loads[part] = load

    def wire(self, wires: Iterable[tuple[str, str]]) -> None:
        """Join terminals two by two, once, when all parts are there. Raises ValueError for two sources on one net."""
        groups: list[set[str]] = []
        for a, b in wires:
            touched = [group for group in groups if a in group or b in group]
            groups = [group for group in groups if group not in touched]
            groups.append({a, b}.union(*touched))
        for number, group in enumerate(groups):
            feeding = sorted(group & self.sources.keys())
            if len(feeding) > 1:
                raise ValueError(f"{' and '.join(feeding)} are wired to each other: one net takes one source")
            self._net_of.update(dict.fromkeys(group, number))
            for terminal in feeding:
                self._feed(terminal, group)

    def _feed(self, terminal: str, group: set[str]) -> None:
        """Note which pins of which parts hang on a source, in a fixed order."""
        for name in sorted(group):
            part, _, pin = name.partition(".")
            if part in self.loads:
                self._fed.setdefault(terminal, []).append((part, pin))
                self._feeder.setdefault(part, []).append((pin, terminal))

    def advance_to(self, at: float) -> None:
        """Let time pass up to bench time ``at``, in seconds; never back."""
        with self.lock:
            small_steps = 0
            while self._at < at - 1e-12:
                is_moving = self._is_moving()
                if is_moving and small_steps == MOST_SMALL_STEPS:
                    self._at = at  # it is periodic, such as a board that restarts again and again: skip some periods
                    return
                small_steps += is_moving
                step = min(at - self._at, STEP_S if is_moving else LONGEST_STEP_S)
                self._step(step)
                self._at += step

    def foresee(self, at: float) -> World:
        """The world as it will be at bench time ``at`` if nobody touches it. For readings that take time."""
        with self.lock:
            if at <= self._at or not self._is_moving():
                return self
            future = copy.copy(self)
            future.sources, future.loads = copy.deepcopy((self.sources, self.loads))
            future.lock = threading.RLock()
            future.advance_to(at)
            return future

    def look(self, terminal: str) -> Signal:
        """What a meter of very high impedance sees at a terminal, through wires and closed contacts."""
        with self.lock:
            seen: set[str] = set()
            waiting = {terminal}
            best = DEAD_SIGNAL
            while waiting:
                here = waiting.pop()
                seen.add(here)
                best = _stronger(best, self._signal(here))
                waiting |= self._neighbours(here) - seen
            return best if best.is_driven else replace(best, noise_v=PICK_UP_V)

    def _signal(self, terminal: str) -> Signal:
        if terminal in self.sources:
            source = self.sources[terminal]
            is_driven = source.is_on or source.volts > 0
            return (
                Signal(dc_v=source.volts, noise_v=60e-6, resistance_ohm=0.05, is_driven=True)
                if is_driven
                else DEAD_SIGNAL
            )
        part, _, pin = terminal.partition(".")
        load = self.loads.get(part)
        return load.signal(pin) if load else DEAD_SIGNAL

    def _neighbours(self, terminal: str) -> set[str]:
        net = self._net_of.get(terminal)
        joined = {other for other, number in self._net_of.items() if number == net} if net is not None else set()
        part, _, pin = terminal.partition(".")
        relay = self.loads.get(part)
        if isinstance(relay, Relay) and relay.joined:
            if pin == "common":
                joined.add(f"{part}.{relay.joined}")
            elif pin == relay.joined:
                joined.add(f"{part}.common")
        return joined

    def _fed_by(self, terminal: str) -> list[tuple[Load, str]]:
        """The pins that hang on a source's net."""
        return [(self.loads[part], pin) for part, pin in self._fed.get(terminal, ())]

    def _volts_of(self, part: str) -> dict[str, float]:
        """Voltages at the fed pins of a part."""
        return {pin: self.sources[terminal].volts for pin, terminal in self._feeder.get(part, ())}

    def _is_moving(self) -> bool:
        if any(source.settles_in() > 0 for source in self.sources.values()):
            return True
        return any(load.settles_in(self._volts_of(part)) > 0 for part, load in self.loads.items())

    def _step(self, seconds: float) -> None:
        for terminal, source in self.sources.items():
            pins = self._fed_by(terminal)

            def amps(volts: float, pins: list[tuple[Load, str]] = pins) -> float:
                return sum(load.current(pin, volts) for load, pin in pins)

            source.step(seconds, amps, sum(load.capacitance(pin) for load, pin in pins))
        for part, load in self.loads.items():
            load.step(seconds, self._volts_of(part))


def _stronger(a: Signal, b: Signal) -> Signal:
    """The one that decides the net's voltage: a driven one, else the lower resistance to ground."""
    if a.is_driven != b.is_driven:
        return a if a.is_driven else b
    if a.is_driven:
        return a if a.dc_v >= b.dc_v else b
    return a if a.resistance_ohm <= b.resistance_ohm else b
