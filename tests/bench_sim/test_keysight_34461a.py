"""Every command of the 34461A. The board stands at the fixture, fed by output 1 of the supply."""

from __future__ import annotations

import math

import pytest

from bench_sim.bench import Bench
from bench_sim.instruments.keysight_34461a import Keysight34461A
from bench_sim.instruments.truevolt import LONG_NAMES
from bench_sim.world import ManualClock
from tests.bench_sim.conftest import Talk

OVERLOAD = "+9.90000000E+37"


@pytest.fixture
def powered(psu: Talk, clock: ManualClock) -> Talk:
    psu("VOLT 5,(@1);:OUTP ON,(@1)")
    clock.advance(2)
    return psu


def test_measure_reads_the_rail_through_the_fixture(powered: Talk, dmm: Talk) -> None:
    assert dmm.number("MEAS:VOLT:DC? 10,0.001") == pytest.approx(3.3, abs=0.03)
    assert dmm.number("MEAS:VOLT?") == pytest.approx(3.3, abs=0.03)
    assert dmm("CONF?") == '"VOLT +1.00000000E+01,+1.00000000E-06"'


def test_configure_sets_range_and_integration_and_measure_presets_them(dmm: Talk) -> None:
    dmm("CONF:VOLT:DC 1,1E-6;:SAMP:COUN 10;:TRIG:COUN 2")

    assert dmm("CONF?") == '"VOLT +1.00000000E+00,+7.00000000E-07"'
    assert dmm("VOLT:NPLC?;RANG?;RANG:AUTO?") == "+2.00000000E-01;+1.00000000E+00;0"
    dmm("CONF:VOLT")
    assert dmm("VOLT:NPLC?;RANG:AUTO?;:SAMP:COUN?;:TRIG:COUN?") == "+1.00000000E+01;1;+1;+1"


def test_a_resolution_finer_than_possible_is_refused(dmm: Talk) -> None:
    dmm("CONF:VOLT:DC 10,1E-9")
    dmm("CONF:VOLT:DC 2000")

    assert dmm.errors() == [-222, -222]


def test_ranges(powered: Talk, dmm: Talk) -> None:
    dmm("VOLT:RANG 5")

    assert dmm("VOLT:DC:RANG:UPP?;AUTO?") == "+1.00000000E+01;0"
    assert dmm("VOLT:RANG? MAX") == "+1.00000000E+03"
    dmm("VOLT:RANG 1")
    assert dmm("READ?") == OVERLOAD
    assert dmm("STAT:QUES?") == "+1"
    assert dmm.errors() == []
    dmm("VOLT:RANG:AUTO ON")
    assert dmm.number("READ?") == pytest.approx(3.3, abs=0.03)
    dmm("VOLT:RANG 1000;RANG:AUTO ONCE")
    assert dmm("VOLT:RANG?;RANG:AUTO?") == "+1.00000000E+01;0"


def test_integration_time_is_the_time_it_takes(dmm: Talk, bench: Bench) -> None:
    for cycles, autozero, seconds in (("10", "ON", 0.4), ("10", "OFF", 0.2), ("1", "ON", 0.04), ("100", "OFF", 2.0)):
        dmm(f"VOLT:NPLC {cycles};ZERO:AUTO {autozero}")
        before = bench.instruments["dmm"].now
        dmm("READ?")

        assert bench.instruments["dmm"].now - before == pytest.approx(seconds, abs=0.02)
    assert dmm("VOLT:ZERO:AUTO?;:VOLT:NPLC? MIN") == "0;+2.00000000E-02"


def test_resolution_chooses_the_integration(dmm: Talk) -> None:
    dmm("VOLT:RANG 10;RES 3E-6")

    assert dmm("VOLT:NPLC?;RES?") == "+1.00000000E+00;+3.00000000E-06"
    dmm("VOLT:RES MIN")
    assert dmm("VOLT:NPLC?") == "+1.00000000E+02"


def test_longer_integration_is_quieter(powered: Talk, dmm: Talk) -> None:
    def spread(cycles: str) -> float:
        dmm(f"CONF:VOLT 10;:VOLT:NPLC {cycles};:SAMP:COUN 60")
        readings = [float(text) for text in (dmm("READ?") or "").split(",")]
        mean = sum(readings) / len(readings)
        return math.sqrt(sum((reading - mean) ** 2 for reading in readings) / len(readings))

    assert len((dmm("READ?") or "").split(",")) == 1
    assert spread("0.02") > 3 * spread("10") > 0


def test_the_other_functions(powered: Talk, psu: Talk, dmm: Talk, clock: ManualClock) -> None:
    assert dmm.number("MEAS:VOLT:AC?") == pytest.approx(0.0022, abs=0.001)
    assert dmm.number("MEAS:FREQ?") == pytest.approx(120e3, rel=0.05)
    assert dmm.number("MEAS:PER?") == pytest.approx(1 / 120e3, rel=0.05)
    assert dmm.number("MEAS:CURR:DC?") == pytest.approx(0.0, abs=1e-3)
    assert dmm.number("MEAS:CURR:AC?") == pytest.approx(0.0, abs=1e-2)
    assert dmm("MEAS:RES?") == OVERLOAD  # the rail is alive
    assert dmm("MEAS:TEMP? RTD,100") == dmm("MEAS:CAP?") == dmm("MEAS:DIOD?") == OVERLOAD
    psu("OUTP OFF,(@1)")
    dmm("*CLS")
    clock.advance(10)
    assert dmm.number("MEAS:RES?") == pytest.approx(2150, rel=0.01)
    assert dmm.number("MEAS:FRES? 1E4") == pytest.approx(2150, rel=0.01)
    assert dmm("MEAS:RES? 100") == OVERLOAD
    assert dmm("STAT:QUES?") == "+512"
    assert dmm("MEAS:CONT?") == OVERLOAD  # above 1.2 kΩ
    assert dmm.number("MEAS:FREQ?") == 0.0
    assert dmm.errors() == []


@pytest.mark.parametrize("key", sorted(LONG_NAMES))
def test_every_function_can_be_configured_and_chosen(dmm: Talk, key: str) -> None:
    dmm(f"CONF:{key}")

    assert (dmm("CONF?") or "").startswith(f'"{key} ')
    dmm(f"CONF:VOLT;:SENS:FUNC '{key}'")
    assert dmm("FUNC?") == f'"{key}"'
    assert dmm.errors() == []


def test_an_unknown_function_is_refused(dmm: Talk) -> None:
    dmm('FUNC "NOISE"')
    dmm("FUNC VOLT")

    assert dmm.errors() == [-224, -104]


def test_settings_of_current_and_resistance(dmm: Talk) -> None:
    dmm("CURR:RANG 10MA;:CURR:NPLC 1;:CURR:ZERO:AUTO OFF;:RES:RANG 1MOHM;:FRES:NPLC 0.2;:CAP:RANG 1UF")
    dmm("CURR:AC:RANG 3;BAND 3;:VOLT:AC:BAND 200;RANG 750")

    assert dmm("CURR:RANG?;NPLC?;ZERO:AUTO?;:CURR:RES?") == "+1.00000000E-02;+1.00000000E+00;0;+3.00000000E-09"
    assert dmm("RES:RANG?;:FRES:NPLC?;:CAP:RANG?") == "+1.00000000E+06;+2.00000000E-01;+1.00000000E-06"
    assert dmm("CURR:AC:RANG?;BAND?;:VOLT:AC:RANG?") == "+3.00000000E+00;+2.00000000E+02;+7.50000000E+02"
    assert dmm.errors() == []


def test_a_ten_megohm_input_loads_what_it_measures(powered: Talk, dmm: Talk) -> None:
    dmm("VOLT:IMP:AUTO ON")

    assert dmm("VOLT:IMP:AUTO?") == "1"
    assert dmm.number("READ?") == pytest.approx(3.3, abs=0.03)


def test_samples_triggers_and_the_reading_memory(powered: Talk, dmm: Talk) -> None:
    dmm("CONF:VOLT 10;:VOLT:NPLC 1;:SAMP:COUN 3;:TRIG:COUN 2")

    assert len((dmm("READ?") or "").split(",")) == 6
    assert dmm("DATA:POIN?;:SAMP:COUN?;:TRIG:COUN?") == "+6;+3;+2"
    assert dmm("FETC?") == dmm("FETC?")
    assert (dmm("FETC?") or "").endswith(dmm("DATA:LAST?") or "-")
    dmm("SAMP:COUN 9999;:TRIG:COUN 9999;:INIT")
    assert dmm.errors() == [-221]


def test_fetch_without_readings_is_stale(dmm: Talk) -> None:
    assert dmm("FETC?") is None
    assert dmm.errors() == [-230]
    assert dmm("DATA:LAST?;POIN?") == "+9.91000000E+37;+0"


def test_init_and_fetch_wait_for_the_readings(powered: Talk, dmm: Talk, bench: Bench, clock: ManualClock) -> None:
    engine = bench.engine("dmm")
    dmm("CONF:VOLT 10;:TRIG:DEL 2")
    dmm("INIT")
    engine.receive("FETC?")

    assert engine.ready_at() == pytest.approx(clock.now() + 2.4, abs=0.1)
    clock.advance(3)
    assert engine.take(100)[0].startswith(b"+3.3")
    assert dmm("TRIG:DEL?;DEL:AUTO?") == "+2.00000000E+00;0"
    dmm("TRIG:DEL:AUTO ON")
    assert dmm("TRIG:DEL:AUTO?") == "1"


def test_init_twice_is_ignored_and_opc_waits(dmm: Talk, bench: Bench, clock: ManualClock) -> None:
    dmm("CONF:VOLT 10")
    dmm("INIT;INIT")

    engine = bench.engine("dmm")
    engine.receive("*OPC?")
    assert engine.ready_at() == pytest.approx(clock.now() + 0.4, abs=0.05)
    clock.advance(1)
    assert engine.take(10) == (b"1\n", True)
    assert dmm.errors() == [-213]


def test_opc_sets_its_bit_when_the_readings_are_complete(dmm: Talk, clock: ManualClock) -> None:
    dmm("*CLS;CONF:VOLT 10")
    dmm("INIT;*OPC")

    assert dmm("*ESR?") == "+0"
    clock.advance(1)
    assert dmm("*ESR?") == "+1"
    assert dmm("*ESR?") == "+0"


def test_a_bus_trigger_starts_the_measurement(powered: Talk, dmm: Talk, bench: Bench) -> None:
    engine = bench.engine("dmm")
    dmm("CONF:VOLT 10;:TRIG:SOUR BUS;:INIT")
    assert dmm("TRIG:SOUR?") == "BUS"
    dmm("*TRG")
    assert dmm.number("FETC?") == pytest.approx(3.3, abs=0.03)

    dmm("INIT")
    assert dmm("FETC?") is None  # waits
    engine.trigger()
    bench.clock.advance(1)  # type: ignore[attr-defined]
    assert engine.take(100)[0].startswith(b"+3.3")
    assert dmm.errors() == []


def test_read_with_a_bus_trigger_is_a_deadlock(dmm: Talk) -> None:
    dmm("CONF:VOLT 10;:TRIG:SOUR BUS")

    assert dmm("READ?") is None
    assert dmm.errors() == [-214]


def test_waiting_for_an_external_trigger_ends_with_abort_or_clear(dmm: Talk, bench: Bench) -> None:
    dmm("CONF:VOLT 10;:TRIG:SOUR EXT")

    assert dmm("READ?") is None
    bench.engine("dmm").clear()
    assert dmm("INIT;:ABOR;:TRIG:SOUR IMM;:READ?") is not None
    assert dmm.errors() == []


def test_limits_show_in_the_questionable_register(powered: Talk, dmm: Talk) -> None:
    dmm("CONF:VOLT 10;:CALC:LIM:LOW 3.4;UPP 5;:CALC:LIM:STAT ON;:READ?")
    assert dmm("STAT:QUES?") == "+2048"
    dmm("CALC:LIM:LOW 1;UPP 2;:READ?")

    assert dmm("STAT:QUES:COND?") == "+4096"
    dmm("CALC:LIM:CLE")
    assert dmm("STAT:QUES:COND?;EVEN?") == "+0;+0"
    assert dmm("CALC:LIM?;LIM:LOW?;UPP?") == "1;+1.00000000E+00;+2.00000000E+00"


def test_terminals(dmm: Talk) -> None:
    assert dmm("ROUT:TERM?") == "FRON"


def test_what_this_file_does_not_name_is_not_simulated() -> None:
    once = {
        "CONFigure", "[SENSe:]FUNCtion[:ON]", "[SENSe:]VOLTage[:DC]:IMPedance:AUTO", "ABORt", "INITiate[:IMMediate]",
        "FETCh", "READ", "DATA:LAST", "DATA:POINts", "SAMPle:COUNt", "TRIGger:COUNt", "TRIGger:SOURce",
        "TRIGger:DELay", "TRIGger:DELay:AUTO", "CALCulate:LIMit:LOWer[:DATA]", "CALCulate:LIMit:UPPer[:DATA]",
        "CALCulate:LIMit[:STATe]", "CALCulate:LIMit:CLEar[:IMMediate]", "ROUTe:TERMinals",
    }  # fmt: skip
    leaves = {"RANGe[:UPPer]", "RANGe:AUTO", "NPLCycles", "RESolution", "ZERO:AUTO", "BANDwidth"}
    for name in LONG_NAMES.values():
        once |= {f"CONFigure:{name}", f"MEASure:{name}"} | {f"[SENSe:]{name}:{leaf}" for leaf in leaves}

    assert {command.header for command in Keysight34461A.COMMANDS} <= once
