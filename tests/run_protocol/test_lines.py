"""The numbered lines: what is written is always one readable JSON object."""

from __future__ import annotations

import json
import math
from typing import Any

from station.run_protocol.lines import Lines, cut, cut_to_tail


def test_each_event_is_one_numbered_ascii_line_also_what_json_cannot_say() -> None:
    lines, written = _lines()

    lines.send("phase_log", message="Prüfling\n±5 V")
    lines.send_measurement(phase_key="a", name="rail", value=[math.nan, {"x": -math.inf}], outcome="unset")
    lines.send("phase_log", message=object())
    lines.send("phase_log", message="after it")

    assert all(line.isascii() and line.count(b"\n") == 1 and line.endswith(b"\n") for line in written)
    first, measured, fault, last = map(json.loads, written)
    assert first == {"type": "phase_log", "message": "Prüfling\n±5 V", "seq": 0}
    assert measured["value"] == ["NaN", {"x": "-Infinity"}]
    assert (fault["type"], fault["seq"], fault["stage"]) == ("internal_error", 2, "phase_log")
    assert last["seq"] == 3


def test_a_value_of_the_limit_passes_and_a_longer_one_is_named_after_a_warning() -> None:
    lines, written = _lines()

    lines.send_measurement(name="fits", value="x" * 999_998, outcome="unset")
    lines.send_measurement(name="over", value="x" * 999_999, outcome="unset")

    fits, warning, over = map(json.loads, written)
    assert len(fits["value"]) == 999_998
    assert (warning["type"], warning["kind"]) == ("internal_warning", "measurement_truncated")
    assert over["value"] == {"truncated": True, "original_size_bytes": 1_000_001}


def test_texts_are_cut_between_characters() -> None:
    assert cut("aöö", 4) == "aö"
    assert cut_to_tail("ööa", 4) == "öa"


def _lines() -> tuple[Lines, list[Any]]:
    written: list[bytes] = []
    return Lines(written.append), written
