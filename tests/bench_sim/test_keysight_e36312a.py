"""Every command of the E36312A."""

from __future__ import annotations

import pytest

from bench_sim.instruments.keysight_e36312a import KeysightE36312A
from bench_sim.world import ManualClock
from tests.bench_sim.conftest import Talk


def test_volt_and_curr(psu: Talk) -> None:
    psu("VOLT 3.3,(@1);:SOUR:CURR:LEV:IMM:AMPL 250MA,(@1,3)")

    assert psu("VOLT? (@1)") == "+3.300000E+00"
    assert psu("CURR? (@1:3)") == "+2.500000E-01,+1.000000E+00,+2.500000E-01"
    assert psu("VOLT? MAX,(@1:2)") == "+6.180000E+00,+2.575000E+01"
    assert psu("CURR? MIN,(@1)") == "+1.000000E-03"
    assert psu("CURR? DEF,(@1)") == "+5.000000E+00"


def test_without_a_list_the_selected_channel_is_meant(psu: Talk) -> None:
    psu("INST:SEL CH2;:VOLT 12")
    psu("INST:NSEL 3")
    psu("VOLT 24")

    assert psu("INST:SEL?;NSEL?") == "CH3;3"
    assert psu("VOLT? (@1:3)") == "+0.000000E+00,+1.200000E+01,+2.400000E+01"


def test_apply(psu: Talk) -> None:
    psu("APPL CH1,5,1")
    psu("APPL CH1,4,99")

    assert psu("APPL? CH1") == "+5.000000E+00,+1.000000E+00"
    assert psu("APPL?") == "+5.000000E+00,+1.000000E+00"
    assert psu.errors() == [-222]


def test_outp_and_the_measurements(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@3);OUTP ON,(@3)")
    psu(":OUTP ON,(@3)")
    clock.advance(0.5)

    assert psu("OUTP? (@1:3)") == "0,0,1"
    assert psu.number("MEAS:VOLT? (@3)") == pytest.approx(5.0, abs=0.02)
    assert psu.number("MEAS? (@3)") == pytest.approx(5.0, abs=0.02)
    assert psu.number("MEAS:SCAL:CURR:DC? (@3)") == pytest.approx(5 / 125, abs=0.003)  # the relay's coil
    assert abs(psu.number("MEAS:CURR? (@2)")) < 0.003


def test_outp_delay(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@3);:OUTP:STAT:DEL:RISE 0.5,(@3);:OUTP ON,(@3)")
    clock.advance(0.4)
    early = psu.number("MEAS:VOLT? (@3)")
    clock.advance(0.4)

    assert psu("OUTP:DEL:RISE? (@3)") == "+5.000000E-01"
    assert abs(early) < 0.02
    assert psu.number("MEAS:VOLT? (@3)") == pytest.approx(5.0, abs=0.02)


def test_overvoltage_trips_and_stays_off_until_cleared(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT:PROT 4,(@3);:VOLT 5,(@3);:OUTP ON,(@3)")
    clock.advance(1)

    assert psu("VOLT:PROT? (@3)") == "+4.000000E+00"
    assert psu("VOLT:PROT? MAX,(@1)") == "+6.600000E+00"
    assert psu("VOLT:PROT:TRIP? (@1:3)") == "0,0,1"
    assert psu("STAT:QUES:INST:ISUM3:COND?") == "3"
    assert psu("OUTP? (@3)") == "0"
    psu("OUTP ON,(@3)")
    assert psu.errors() == [-221]
    psu("VOLT 3,(@3);:OUTP:PROT:CLE (@3)")
    assert psu("VOLT:PROT:TRIP? (@3);:OUTP? (@3)") == "0;0"
    psu("OUTP ON,(@3)")
    clock.advance(1)
    assert psu("STAT:QUES:INST:ISUM3:COND?") == "2"


def test_overvoltage_can_be_switched_off(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT:PROT 4,(@3);PROT:STAT OFF,(@3);:VOLT 5,(@3);:OUTP ON,(@3)")
    clock.advance(1)

    assert psu("VOLT:PROT:STAT? (@3);TRIP? (@3)") == "0;0"
    psu("VOLT:PROT:STAT ON,(@3)")
    clock.advance(1)
    assert psu("VOLT:PROT:TRIP? (@3)") == "1"
    psu("VOLT:PROT:CLE (@3)")
    assert psu("VOLT:PROT:TRIP? (@3)") == "0"


def test_overcurrent_trips_after_its_delay(psu: Talk, clock: ManualClock) -> None:
    psu("CURR:PROT:STAT ON,(@3);:CURR:PROT:DEL 300MS,(@3);:VOLT 5,(@3);:CURR 10MA,(@3);:OUTP ON,(@3)")
    clock.advance(0.2)

    assert psu("STAT:QUES:INST:ISUM3:COND?;:CURR:PROT:TRIP? (@3)") == "1;0"
    clock.advance(0.3)
    assert psu("STAT:QUES:INST:ISUM3:COND?;:CURR:PROT:TRIP? (@3);STAT? (@3);DEL? (@3)") == "3;1;1;+3.000000E-01"
    psu("CURR:PROT:CLE (@3)")
    assert psu("CURR:PROT:TRIP? (@3)") == "0"


def test_the_summary_registers_lead_to_the_questionable_register(psu: Talk, clock: ManualClock) -> None:
    psu("STAT:QUES:INST:ISUM1:ENAB 2;:STAT:QUES:INST:ENAB 2;:VOLT 5,(@1);:OUTP ON,(@1)")
    clock.advance(1)

    assert psu("STAT:QUES:INST:ISUM1:ENAB?;:STAT:QUES:INST:ENAB?") == "2;2"
    assert psu("STAT:QUES:COND?") == str(1 << 13)
    assert psu("STAT:QUES:INST?") == "2"
    assert psu("STAT:QUES:INST:ISUM1?") == "2"
    assert psu("STAT:QUES:INST:ISUM1?") == "0"
    psu("OUTP OFF,(@1)")
    assert psu("STAT:QUES:INST:ISUM1:COND?") == "0"


def test_reset_switches_off(psu: Talk, clock: ManualClock) -> None:
    psu("VOLT 5,(@1:3);:CURR 0.1,(@1:3);:OUTP ON,(@1:3)")
    clock.advance(1)
    psu("*RST")
    clock.advance(10)

    assert (
        psu("OUTP? (@1:3);:VOLT? (@1);:CURR? (@1:3)") == "0,0,0;+0.000000E+00;+5.000000E+00,+1.000000E+00,+1.000000E+00"
    )
    assert abs(psu.number("MEAS:VOLT? (@1)")) < 0.01


def test_what_this_file_does_not_name_is_not_simulated() -> None:
    tested = {
        "APPLy", "INSTrument[:SELect]", "INSTrument:NSELect", "OUTPut[:STATe]", "OUTPut[:STATe]:DELay:RISE",
        "OUTPut:PROTection:CLEar", "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]",
        "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", "[SOURce:]VOLTage:PROTection[:LEVel]",
        "[SOURce:]VOLTage:PROTection:STATe", "[SOURce:]VOLTage:PROTection:TRIPped", "[SOURce:]VOLTage:PROTection:CLEar",
        "[SOURce:]CURRent:PROTection:STATe", "[SOURce:]CURRent:PROTection:DELay[:TIME]",
        "[SOURce:]CURRent:PROTection:TRIPped", "[SOURce:]CURRent:PROTection:CLEar",
        "MEASure[:SCALar][:VOLTage][:DC]", "MEASure[:SCALar]:CURRent[:DC]", "STATus:QUEStionable:INSTrument[:EVENt]",
        "STATus:QUEStionable:INSTrument:ENABle", "STATus:QUEStionable:INSTrument:ISUMmary<1:3>[:EVENt]",
        "STATus:QUEStionable:INSTrument:ISUMmary<1:3>:CONDition", "STATus:QUEStionable:INSTrument:ISUMmary<1:3>:ENABle",
    }  # fmt: skip

    assert {command.header for command in KeysightE36312A.COMMANDS} == tested
