"""The grammar: what holds for any text, and round trips."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench_sim.bench import open_bench
from bench_sim.scpi.channels import format_channels, parse_channels
from bench_sim.scpi.errors import ScpiError
from bench_sim.scpi.header import match_header, parse_pattern
from bench_sim.scpi.message import parse_unit, split, split_units
from bench_sim.scpi.numbers import Extreme, Numeric, nr3, parse_numeric
from bench_sim.scpi.parameters import QuotedString
from bench_sim.world import ManualClock

TALKATIVE = st.text(alphabet=" \t:;,?*#()@'\"0123456789.eE+-ABCVOLTMSXvoltµ\x00\xff", max_size=60)
CLOCK = ManualClock()
BENCH = open_bench(clock=CLOCK)  # shared: a crash is what we look for, not a state


@settings(deadline=None)
@given(st.text(max_size=200) | TALKATIVE)
@example("#9")
@example("VOLT #H")
@example("VOLT (@1:999999)")
@example("VOLT 1e999999")
@example("DISP 'x")
def test_no_text_brings_an_instrument_down(text: str) -> None:
    for name in ("psu", "dmm"):
        engine = BENCH.engine(name)
        engine.query(text)
        engine.clear()

        assert (engine.query("*IDN?") or "").startswith("Keysight")


@settings(deadline=None)
@given(st.text(max_size=100) | TALKATIVE)
def test_units_joined_again_are_the_message(text: str) -> None:
    with contextlib.suppress(ScpiError):
        assert ";".join(split(text, ";")) == text


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30))
def test_a_number_survives_being_written_and_read(number: float) -> None:
    assert parse_numeric(repr(number)).value == number
    assert math.isclose(parse_numeric(nr3(number, 15), "V").value, number, rel_tol=1e-14)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=2**40))
def test_hexadecimal_octal_and_binary_are_numbers(number: int) -> None:
    for text in (f"#H{number:X}", f"#h{number:x}", f"#Q{number:o}", f"#B{number:b}"):
        assert parse_numeric(text) == Numeric(float(number))


@settings(deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=999_999), min_size=1, max_size=30).map(tuple))
def test_a_channel_list_survives_being_written_and_read(channels: tuple[int, ...]) -> None:
    assert parse_channels(format_channels(channels)) == channels


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_quoted_string_survives_being_written_and_read(text: str) -> None:
    for quote in "\"'":
        written = quote + text.replace(quote, quote * 2) + quote

        assert QuotedString().parse(written) == text
        assert split(f"{written},2", ",") == [written, "2"]


@pytest.mark.parametrize(
    ("text", "units", "value"),
    [
        ("100MV", "V", 0.1),
        ("5 mv", "V", 0.005),
        ("2.5E3UV", "V", 0.0025),
        ("1KOHM", "OHM", 1e3),
        ("1MOHM", "OHM", 1e6),
        ("3MHZ", "HZ", 3e6),
        ("4MAHZ", "HZ", 4e6),
        ("10 ms", "S", 0.01),
        (".5", "", 0.5),
        ("+5.", "V", 5.0),
        ("min", "V", Extreme.MIN),
        ("MAXimum", "V", Extreme.MAX),
        ("Def", "", Extreme.DEF),
    ],
)
def test_numbers_with_units(text: str, units: str, value: float | Extreme) -> None:
    parsed = parse_numeric(text, units).value

    assert parsed == (value if isinstance(value, Extreme) else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize(
    ("text", "units", "number"),
    [("5V", "", -138), ("5OHM", "V", -131), ("5XV", "V", -131), ("ABC", "V", -104), ("1.2.3", "V", -121),
     ("1e99999", "V", -123), ("1e4000", "V", -222), ("#HXYZ", "V", -104)],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str, units: str, number: int) -> None:
    with pytest.raises(ScpiError) as refusal:
        parse_numeric(text, units)

    assert refusal.value.number == number


def test_ranges_of_channels_run_both_ways() -> None:
    assert parse_channels("(@1:3)") == (1, 2, 3)
    assert parse_channels("(@ 3:1, 5)") == (3, 2, 1, 5)


@pytest.mark.parametrize(
    ("pattern", "words", "suffixes"),
    [
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "VOLT", ()),
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "SOURCE:VOLTAGE:LEVEL:IMMEDIATE", ()),
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "VOLT:IMM", ()),
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "VOLTA", None),
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "VOLT:IMM:LEV", None),
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "SOUR", None),
        ("[SOURce:]VOLTage[:LEVel][:IMMediate]", "VOLT1", None),
        ("STATus:ISUMmary<1:3>:CONDition", "STAT:ISUM2:COND", (2,)),
        ("STATus:ISUMmary<1:3>:CONDition", "STATUS:ISUMMARY:CONDITION", (1,)),
        ("OUTPut[:CHANnel<1:4>][:STATe]", "OUTP", (1,)),
    ],
)
def test_headers_in_short_and_long_form(pattern: str, words: str, suffixes: tuple[int, ...] | None) -> None:
    assert match_header(parse_pattern(pattern), tuple(words.split(":"))) == suffixes


def test_a_suffix_beyond_the_range_is_its_own_error() -> None:
    with pytest.raises(ScpiError) as refusal:
        match_header(parse_pattern("STATus:ISUMmary<1:3>"), ("STAT", "ISUM4"))

    assert refusal.value.number == -114


def test_a_header_pattern_written_wrongly_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="cannot read"):
        parse_pattern("VOLTage{:LEVel}")


def test_units_of_a_message_keep_their_strings_whole() -> None:
    assert split_units(""" DISP "a;b"; *CLS ;""") == [' DISP "a;b"', " *CLS "]
    assert parse_unit("APPL CH1, 5 , 'x,y'").parameters == ("CH1", "5", "'x,y'")
