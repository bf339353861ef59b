"""A bench on a clock that is moved by hand, and one behind PyVISA."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import pyvisa

from bench_sim.bench import Bench, open_bench
from bench_sim.scpi.engine import Engine
from bench_sim.world import ManualClock


class Talk:
    """A conversation with one instrument, without VISA."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(self, message: str) -> str | None:
        """Send, and the answer if there is one."""
        return self.engine.query(message)

    def number(self, message: str) -> float:
        """The answer as a number."""
        return float(self(message) or "nan")

    def errors(self) -> list[int]:
        """Empty the error queue."""
        found = []
        while (entry := self("SYST:ERR?") or "") != '+0,"No error"':
            found.append(int(entry.split(",")[0]))
        return found


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BENCH_SIM_UNIT", "BENCH_SIM_SEED", "BENCH_SIM_SPEED", "BENCH_SIM_TRACE", "PYVISA_LIBRARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def plug_in(clock: ManualClock) -> Iterator[Callable[..., Bench]]:
    """Open benches with options; all are closed in the end."""
    opened: list[Bench] = []

    def open_one(unit: str | None = None) -> Bench:
        opened.append(open_bench(clock=clock, unit=unit))
        return opened[-1]

    yield open_one
    for bench in opened:
        bench.close()


@pytest.fixture
def bench(plug_in: Callable[..., Bench]) -> Bench:
    return plug_in()


@pytest.fixture
def psu(bench: Bench) -> Talk:
    return Talk(bench.engine("psu"))


@pytest.fixture
def dmm(bench: Bench) -> Talk:
    return Talk(bench.engine("dmm"))


@pytest.fixture
def manager() -> Iterator[pyvisa.ResourceManager]:
    opened = pyvisa.ResourceManager("@bench")
    yield opened
    opened.close()
