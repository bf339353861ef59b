"""Laws of the circuit: what must hold whatever the numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_sim.bench import Bench, open_bench
from bench_sim.duts.pcba_100 import Pcba100
from bench_sim.world import Load, ManualClock, Mode, Relay, Seed, Signal, Source, SourceLimits, World
from tests.bench_sim.conftest import Talk

SMALL = SourceLimits(volts=10.0, amps=2.0, overvoltage_v=11.0)


class Resistor:
    """The simplest load."""

    pins: tuple[str, ...] = ("a",)

    def __init__(self, ohms: float) -> None:
        self.ohms = ohms

    def current(self, pin: str, volts: float) -> float:
        return volts / self.ohms

    def capacitance(self, pin: str) -> float:
        return 0.0

    def step(self, seconds: float, volts: dict[str, float]) -> None:
        """Nothing changes in it."""

    def settles_in(self, volts: dict[str, float]) -> float:
        return 0.0

    def signal(self, pin: str) -> Signal:
        return Signal(resistance_ohm=self.ohms)


def loaded(load: Load) -> tuple[World, Source]:
    world, source = World(), Source(SMALL)
    world.add_source("psu.out", source)
    world.add_load("load", load)
    world.wire([("psu.out", "load.a")])
    return world, source


@given(
    volts=st.floats(min_value=0.1, max_value=10),
    amps=st.floats(min_value=0.01, max_value=2),
    ohms=st.floats(min_value=0.05, max_value=1e5),
)
@settings(max_examples=40, deadline=None)
def test_the_lower_of_voltage_and_current_limit_rules(volts: float, amps: float, ohms: float) -> None:
    world, source = loaded(Resistor(ohms))
    source.set_volts, source.set_amps, source.is_on = volts, amps, True

    world.advance_to(0.2)

    assert source.volts == pytest.approx(min(volts, amps * ohms), rel=1e-3)
    assert source.amps == pytest.approx(source.volts / ohms, rel=1e-3)
    is_limited = amps * ohms < volts
    assert source.mode is (Mode.CONSTANT_CURRENT if is_limited else Mode.CONSTANT_VOLTAGE)


def test_the_output_rises_as_a_ramp_and_falls_slower_without_load() -> None:
    world, source = loaded(Resistor(1e6))
    source.set_volts, source.is_on = 10.0, True
    world.advance_to(0.025)
    half_way = source.volts
    world.advance_to(0.1)
    source.is_on = False
    world.advance_to(0.2)
    unloaded = source.volts
    world.advance_to(20)

    assert half_way == pytest.approx(5.0, abs=0.3)
    assert 7 < unloaded < 9.9
    assert source.volts == 0.0
    assert source.mode is Mode.OFF

    quick, loaded_source = loaded(Resistor(10))
    loaded_source.set_volts, loaded_source.is_on = 10.0, True
    quick.advance_to(0.1)
    loaded_source.is_on = False
    quick.advance_to(0.2)
    assert loaded_source.volts < 0.01


def test_time_never_runs_back() -> None:
    world, source = loaded(Resistor(100))
    source.set_volts, source.is_on = 5.0, True
    world.advance_to(1.0)
    source.is_on = False
    world.advance_to(0.5)

    assert source.volts == 5.0


def test_what_is_foreseen_does_not_happen() -> None:
    world, source = loaded(Resistor(100))
    source.set_volts, source.is_on = 5.0, True

    future = world.foresee(1.0)

    assert future.sources["psu.out"].volts == 5.0
    assert source.volts == 0.0


def test_two_sources_on_one_net_are_refused() -> None:
    world = World()
    world.add_source("psu.ch1", Source(SMALL))
    world.add_source("psu.ch2", Source(SMALL))

    with pytest.raises(ValueError, match=r"psu.ch1 and psu.ch2 are wired to each other"):
        world.wire([("psu.ch1", "dut.vin"), ("dut.vin", "psu.ch2")])


def test_a_relay_pulls_in_drops_out_and_takes_its_time() -> None:
    relay = Relay()
    relay.step(0.004, {"coil": 5.0})
    flying = relay.joined
    relay.step(0.006, {"coil": 5.0})
    pulled = relay.joined
    relay.step(0.02, {"coil": 2.0})  # enough to hold
    held = relay.joined
    relay.step(0.02, {"coil": 0.5})

    assert (flying, pulled, held, relay.joined) == (None, "normally_open", "normally_open", "normally_closed")


def test_supply_off_means_zero_volts(bench: Bench, dmm: Talk) -> None:
    assert abs(dmm.number("MEAS:VOLT:DC?")) < 0.01


def test_what_the_supply_sets_is_what_the_meter_reads(psu: Talk, dmm: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@3);:OUTP ON,(@3);:OUTP ON,(@1)")  # relay 1: the board's input
    for volts in (4.5, 5.0, 5.5):
        psu(f"VOLT {volts},(@1)")
        clock.advance(1)

        assert dmm.number("MEAS:VOLT:DC?") == pytest.approx(volts, abs=0.01)
        assert psu.number("MEAS:VOLT? (@1)") == pytest.approx(volts, abs=0.01)


def test_the_relay_chooses_the_other_rail(psu: Talk, dmm: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@1:3);:OUTP ON,(@1,2)")
    clock.advance(1)

    assert dmm.number("MEAS:VOLT:DC?") == pytest.approx(1.8, abs=0.02)


def test_below_the_brown_out_the_board_stops_and_comes_back_with_hysteresis(
    psu: Talk, dmm: Talk, clock: ManualClock
) -> None:
    readings: list[float] = []
    psu("VOLT 5,(@1);:OUTP ON,(@1)")
    for volts in (5.0, 4.2, 3.9, 4.2, 4.5):
        psu(f"VOLT {volts},(@1)")
        clock.advance(2)
        readings.append(dmm.number("MEAS:VOLT:DC?"))

    assert [round(reading, 1) for reading in readings] == [3.3, 3.3, 0.0, 0.0, 3.3]


def test_the_board_takes_more_while_it_starts(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@1);:OUTP ON,(@1)")
    clock.advance(0.2)
    starting = psu.number("MEAS:CURR? (@1)")
    clock.advance(1)

    assert starting == pytest.approx(0.165, rel=0.1)
    assert psu.number("MEAS:CURR? (@1)") == pytest.approx(0.042, rel=0.15)


def test_a_current_limit_below_the_load_makes_the_voltage_collapse(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@3);:CURR 20MA,(@3);:OUTP ON,(@3)")  # the coil wants 40 mA
    clock.advance(1)

    assert psu("STAT:QUES:INST:ISUM3:COND?") == "1"
    assert psu.number("MEAS:VOLT? (@3)") == pytest.approx(2.5, abs=0.05)
    assert psu.number("MEAS:CURR? (@3)") == pytest.approx(0.020, abs=0.002)


def test_a_board_that_gets_too_little_current_restarts_again_and_again(bench: Bench, psu: Talk) -> None:
    psu("VOLT 5,(@1);:CURR 50MA,(@1);:OUTP ON,(@1)")
    modes, rails = set(), []
    for _ in range(200):
        bench.world.advance_to(bench.world.at + 0.003)
        modes.add(bench.world.sources["psu.ch1"].mode)
        rails.append(bench.world.look("dut.tp_3v3").dc_v)
    bench.world.advance_to(bench.world.at + 3_600)  # an operator at lunch costs no time

    assert modes == {Mode.CONSTANT_CURRENT, Mode.CONSTANT_VOLTAGE}
    assert max(rails) < 3.3


def test_the_board_warms_up_a_little(bench: Bench, psu: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@1);:OUTP ON,(@1)")
    clock.advance(1)
    psu("*CLS")
    cold = bench.world.look("dut.tp_3v3").dc_v
    clock.advance(300)
    psu("*CLS")

    assert 1e-4 < cold - bench.world.look("dut.tp_3v3").dc_v < 5e-3


def readings_of(unit: str | None = None, seed: str | None = None) -> list[str | None]:
    """A short session on a bench of its own."""
    clock = ManualClock()
    with open_bench(clock=clock, unit=unit, seed=seed) as bench:
        psu, dmm = Talk(bench.engine("psu")), Talk(bench.engine("dmm"))
        psu("VOLT 5,(@1);:OUTP ON,(@1)")
        clock.advance(0.1)
        early = dmm("MEAS:VOLT:DC?")
        clock.advance(1)
        return [early, dmm("MEAS:VOLT:DC?"), dmm("READ?"), psu("MEAS:CURR? (@1)"), psu("MEAS:VOLT? (@1)")]


def test_the_same_seed_unit_and_commands_give_the_same_readings() -> None:
    assert readings_of() == readings_of()
    assert readings_of(seed="a", unit="SN-9") == readings_of(seed="a", unit="SN-9")
    assert readings_of(seed="a") != readings_of(seed="b")
    assert readings_of(unit="SN-1") != readings_of(unit="SN-2")


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_every_good_unit_is_within_the_limits_of_the_procedure(serial: str) -> None:
    world, source = World(), Source(SMALL)
    board = Pcba100(serial, Seed(1))
    world.add_source("psu.out", source)
    world.add_load("dut", board)
    world.wire([("psu.out", "dut.vin")])
    source.set_amps, source.is_on = 0.5, True
    for volts in (5.0, 4.5, 5.5):
        source.set_volts = volts
        world.advance_to(world.at + 1.0)

        assert 3.22 < world.look("dut.tp_3v3").dc_v < 3.38
        assert 1.76 < world.look("dut.tp_1v8").dc_v < 1.84
        assert 0.035 < source.amps < 0.055
        assert board.led == "green"


def test_the_fault_rate_is_kept_and_a_unit_keeps_its_fault() -> None:
    seed = Seed(1)
    drawn = [Pcba100.draw_fault(f"SN-{n}", seed, 0.1) for n in range(2_000)]

    assert 140 < sum(1 for faults in drawn if faults) < 260
    assert drawn == [Pcba100.draw_fault(f"SN-{n}", seed, 0.1) for n in range(2_000)]
    assert not any(Pcba100.draw_fault(f"SN-{n}", seed, 0.0) for n in range(100))
    assert len({faults for faults in drawn if faults}) == len(Pcba100.FAULTS)


def test_a_fault_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault is called haunted; there are dead, short_on_input"):
        Pcba100("SN-1", Seed(1), ("haunted",))


def test_a_dead_board_takes_nothing(plug_in: Callable[..., Bench], clock: ManualClock) -> None:
    bench = plug_in(unit="SN-DEAD")
    bench.world.loads["dut"] = Pcba100("SN-DEAD", Seed(1), ("dead",))
    psu = Talk(bench.engine("psu"))
    psu("VOLT 5,(@1);:OUTP ON,(@1)")
    clock.advance(1)

    assert psu.number("MEAS:CURR? (@1)") < 0.002
