"""IEEE 488.2: messages, answers, status, errors. Tried on the power supply."""

from __future__ import annotations

import pytest

from bench_sim.bench import Bench
from bench_sim.world import ManualClock
from tests.bench_sim.conftest import Talk


def test_answers_of_one_message_are_joined(psu: Talk) -> None:
    assert psu("*ESE 4;*ESE?;*SRE 8;*SRE?") == "4;8"


def test_the_path_goes_on_within_a_message_and_a_colon_leads_back(psu: Talk) -> None:
    psu("SOUR:VOLT:PROT 5,(@1);PROT:STAT OFF,(@1);:CURR 1,(@1)")

    assert psu("VOLT:PROT? (@1);PROT:STAT? (@1);:CURR? (@1)") == "+5.000000E+00;0;+1.000000E+00"
    assert psu.errors() == []


def test_common_commands_leave_the_path_alone(psu: Talk) -> None:
    assert psu("STAT:QUES:ENAB 3;*CLS;ENAB?") == "3"


def test_a_path_that_leads_nowhere_is_an_undefined_header(psu: Talk) -> None:
    psu("MEAS:VOLT? (@1);OUTP ON")

    assert psu.errors() == [-113]


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("BLAH", -113), ("*BLAH?", -113), ("MEAS:VOLT (@1)", -113), ("OUTP:PROT:CLE?", -113),
        ("VOLT", -109), ("VOLT 1,(@1),3", -108), ("*RST 1", -108), ("*IDN? 1", -108), ("OUTP? ON", -108),
        ("VOLT 7,(@1)", -222), ("VOLT -1", -222), ("VOLT 1,(@4)", -222), ("*ESE 256", -222),
        ("VOLT xyz", -104), ("VOLT 1OHM", -131), ("OUTP MAYBE", -224), ("INST:SEL CH9", -224),
        ("INST:NSEL DEF;NSEL 9", -222),
        ("VOLT 1,,2", -102), ("VOLT 'x", -151), ("VOLT 1,(@1", -171), (":", -102), ("VOLT::LEV 1", -102),
        ("STAT:QUES:INST:ISUM4:COND?", -114), ("*TRG", -211), ("ABCDEFGHIJKLMNOPQ 1", -112),
    ],
)  # fmt: skip
def test_each_refusal_has_its_number(psu: Talk, message: str, number: int) -> None:
    psu(message)

    assert psu.errors() == [number]


def test_a_value_out_of_range_changes_nothing(psu: Talk) -> None:
    psu("VOLT 3,(@1:2)")
    psu("VOLT 10,(@2,1)")

    assert psu("VOLT? (@1,2)") == "+3.000000E+00,+3.000000E+00"
    assert psu.errors() == [-222]


def test_a_command_error_drops_the_rest_and_an_execution_error_does_not(psu: Talk) -> None:
    psu("BLAH;*ESE 1")
    psu("VOLT 99;*ESE 2")

    assert psu("*ESE?") == "2"
    assert psu.errors() == [-113, -222]


def test_the_error_queue_keeps_the_oldest_and_says_that_it_overflowed(psu: Talk) -> None:
    for _ in range(25):
        psu("BLAH")
    psu("VOLT 99")

    assert psu.errors() == [-113] * 19 + [-350]


def test_errors_set_their_bits_and_reading_clears_them(psu: Talk) -> None:
    assert psu("*ESR?") == "128"  # power on
    psu("BLAH")
    psu("VOLT 99")

    assert psu("*ESR?") == str(32 | 16)
    assert psu("*ESR?") == "0"


def test_the_status_byte_sums_up(psu: Talk) -> None:
    psu("*CLS;*ESE 32;*SRE 32")
    psu("BLAH")

    assert psu("*STB?") == str(4 | 32 | 64)
    psu("*CLS")
    assert psu("*STB?") == "0"


def test_the_message_available_bit_is_for_a_serial_poll(bench: Bench, psu: Talk) -> None:
    engine = bench.engine("psu")
    psu("*CLS")
    engine.receive("*IDN?")
    bench.clock.wait_until(engine.ready_at(), 1.0)

    assert engine.status_byte() == 16
    engine.take(1_000)
    assert engine.status_byte() == 0


def test_a_new_message_throws_an_unread_answer_away(bench: Bench, psu: Talk) -> None:
    bench.engine("psu").receive("*IDN?")

    assert psu("*ESE?") == "0"
    assert psu.errors() == [-410]


def test_reading_without_a_question_is_unterminated(bench: Bench, psu: Talk) -> None:
    bench.engine("psu").expect_answer()

    assert psu.errors() == [-420]


def test_a_device_clear_forgets_the_answer_and_keeps_the_settings(bench: Bench, psu: Talk) -> None:
    psu("VOLT 3,(@1)")
    bench.engine("psu").receive("*IDN?")
    bench.engine("psu").clear()

    assert psu("VOLT? (@1)") == "+3.000000E+00"
    assert psu.errors() == []


def test_an_answer_can_be_taken_in_pieces_and_up_to_a_character(bench: Bench, clock: ManualClock) -> None:
    engine = bench.engine("psu")
    engine.receive("*ESE?;*SRE?;*STB?")
    assert engine.take(100) == (b"", False)  # it takes a moment
    clock.advance(0.1)

    assert engine.take(1) == (b"0", False)
    assert engine.take(100, stop_at=ord(";")) == (b";", False)
    assert engine.take(100) == (b"0;16\n", True)
    assert engine.take(100) == (b"", False)


def test_cls_esr_idn_opc_rst_sre_tst_wai(psu: Talk) -> None:
    psu("OUTP ON,(@1:3);VOLT 2,(@1:3)")
    psu("*RST")

    assert psu("OUTP? (@1:3)") == "0,0,0"
    assert psu("*IDN?") == "Keysight Technologies,E36312A,SIM3631201,2.1.0-1.0.4-1.12"
    assert psu("*CLS;*OPC;*ESR?") == "1"
    assert psu("*OPC?;*TST?") == "1;0"
    assert psu("*WAI;*OPC?") == "1"
    psu("*SRE 255")
    assert psu("*SRE?") == "191"  # bit 6 cannot be enabled
    assert psu("SYST:VERS?") == "1999.0"
    psu("STAT:QUES:ENAB 8;:STAT:OPER:ENAB 16")
    assert psu("STAT:QUES:ENAB?;:STAT:OPER:ENAB?") == "8;16"
    psu("STAT:PRES")
    assert psu("STAT:QUES:ENAB?;COND?;EVEN?;:STAT:OPER:ENAB?;COND?;EVEN?") == "0;0;0;0;0;0"
