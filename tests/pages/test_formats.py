"""Times, sizes and values as pages write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from station import operator_formats as formats

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before_s", "words"),
    [
        (0, "just now"),
        (59, "59 s ago"),
        (61, "1 min ago"),
        (3 * 3600, "3 h ago"),
        (90_000, "1 d ago"),
        (-600, "in 10 min"),
    ],
)
def test_how_long_ago(before_s: int, words: str) -> None:
    assert formats.ago(NOON - timedelta(seconds=before_s), NOON) == words


@pytest.mark.parametrize(
    ("duration_ms", "words"),
    [
        (None, "–"), (430, "430 ms"), (41_230, "41.2 s"), (59_960, "1 min 00 s"), (725_000, "12 min 05 s"),
        (3_720_000, "1 h 02 min"),
    ],
)  # fmt: skip
def test_durations(duration_ms: float | None, words: str) -> None:
    assert formats.duration(duration_ms) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(None, "–"), (999, "999 bytes"), (48_213, "48.2 kB"), (5_000_000, "5 MB"), (10**15, "1e+03 TB")],
)
def test_sizes(size_bytes: int | None, words: str) -> None:
    assert formats.size(size_bytes) == words


@pytest.mark.parametrize(
    ("value", "units", "words"),
    [
        (0.0312, "V", "31.2 mV"), (4.982371, "V", "4.98237 V"), (1_500_000, "Hz", "1.5 MHz"), (0, "V", "0 V"),
        (-0.5, "A", "−500 mA"), (math.nan, "V", "NaN V"), (True, None, "true"), ([1, 2], None, "[1, 2]"),
        (12, "%", "12 %"), (None, "V", "–"), (1e-15, "F", "1e-15 F".replace("-", "−")),
    ],
)  # fmt: skip
def test_quantities_carry_their_unit(value: object, units: str | None, words: str) -> None:
    assert formats.quantity(value, units) == words


def test_a_value_that_would_flood_the_page_is_cut() -> None:
    assert len(formats.value_text("x" * 10_000)) < 300


@pytest.mark.parametrize(("outcome", "name"), [("pass", "PASS"), ("FAIL", "FAIL"), (None, "UNSET"), ("odd", "UNSET")])
def test_an_outcome_is_one_of_our_words(outcome: object, name: str) -> None:
    assert formats.outcome_name(outcome) == name


@pytest.mark.parametrize(
    ("docstring", "words"),
    [
        ("Tests a board\n    and its rails\n    twice.", "Tests a board and its rails twice."),
        ("One\r\ntwo.", "One two."),
        ("First.\n\n    Second goes\n    on.\n\n\n    Third.", "First.\n\nSecond goes on.\n\nThird."),
        ("Steps:\n- one that\nis long\n- two\n1. three", "Steps:\n- one that is long\n- two\n1. three"),
        ("Call:\n\n      run()\n      stop()\n\n    and go.", "Call:\n\n  run()\n  stop()\n\nand go."),
        ("", ""),
    ],
)
def test_a_docstring_loses_the_line_breaks_of_its_source(docstring: str, words: str) -> None:
    assert formats.reflowed(docstring) == words
