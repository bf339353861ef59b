"""A simulated bench: instruments, circuit and one unit, built from a bench file and alive between open and close."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bench_sim import bench_file
from bench_sim.bench_file import BenchFile
from bench_sim.duts import Dut
from bench_sim.instruments import Instrument
from bench_sim.models import find_dut, find_instrument
from bench_sim.scpi.engine import Engine
from bench_sim.trace import Trace
from bench_sim.world import Clock, RealClock, Relay, Seed, World

MOST_SPEED = 1_000.0


@dataclass(frozen=True)
class Options:
    """What the environment says about a bench. None: as the bench file has it.

    unit: serial number of the unit plugged in. seed: overrides the file's. speed: how much faster than real time.
    trace: file that gets a line of JSON for every message.
    """

    unit: str | None = None
    seed: str | None = None
    speed: float = 1.0
    trace: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """BENCH_SIM_UNIT, BENCH_SIM_SEED, BENCH_SIM_SPEED, BENCH_SIM_TRACE. Raises ValueError for a bad speed."""
        text = environment.get("BENCH_SIM_SPEED") or "1"
        try:
            speed = float(text)
        except ValueError:
            speed = 0.0
        if not 0.01 <= speed <= MOST_SPEED:
            raise ValueError(f"BENCH_SIM_SPEED is {text!r}, but must be a number from 0.01 to {MOST_SPEED:g}")
        return cls(
            environment.get("BENCH_SIM_UNIT") or None,
            environment.get("BENCH_SIM_SEED") or None,
            speed,
            environment.get("BENCH_SIM_TRACE") or None,
        )


class Bench:
    """Everything on the table. ``engines`` are keyed by VISA address; ``clock`` is the bench's time."""

    def __init__(self, file: BenchFile, options: Options | None = None, clock: Clock | None = None) -> None:
        options = options or Options()
        self.file = file
        self.clock = clock or RealClock(options.speed)
        self.world = World()
        seed = Seed(options.seed if options.seed is not None else file.bench.seed)
        self.dut = self._plug_in(options.unit or file.bench.unit, seed)
        # Readings are those of this unit on this bench: another unit meets other noise.
        noise = Seed(f"{seed.value}/{self.dut.serial}")
        self.instruments: dict[str, Instrument] = {
            name: find_instrument(part.model)(name, part.serial, self.world, seed, noise, file.bench.line_hz)
            for name, part in file.instruments.items()
        }
        for relay in file.relays:
            self.world.add_load(relay, Relay())
        self.world.wire(file.wires)
        self._trace = Trace(options.trace) if options.trace else None
        self.engines = {part.address: self._engine(name, part.address) for name, part in file.instruments.items()}

    def close(self) -> None:
        """Let go of files. The instruments answer no more."""
        self.engines = {}
        if self._trace:
            self._trace.close()
            self._trace = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def engine(self, name: str) -> Engine:
        """The engine of an instrument, by its name in the bench file. Raises KeyError."""
        return self.engines[self.file.instruments[name].address]

    def _plug_in(self, serial: str, seed: Seed) -> Dut:
        model = find_dut(self.file.dut.model)
        known = self.file.units.get(serial)
        faults = known.faults if known else model.draw_fault(serial, seed, self.file.fault_rate)
        dut = model(serial, seed, faults)
        self.world.add_load("dut", dut)
        return dut

    def _engine(self, name: str, address: str) -> Engine:
        trace = self._trace.of(name, address, self.clock) if self._trace else None
        return Engine(self.instruments[name], self.clock.now, trace)


def open_bench(
    name_or_path: str = bench_file.DEFAULT_BENCH,
    clock: Clock | None = None,
    unit: str | None = None,
    seed: str | None = None,
) -> Bench:
    """Open a bench without VISA, for tests and tools; the environment is not asked. Raises `BenchFileError`."""
    return Bench(bench_file.read(name_or_path), Options(unit, seed), clock)
