"""The checker of streams: it takes the contract's own example, and finds each kind of fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.run_protocol.invariants import Stream, check_stream


def _example() -> Stream:
    lines: list[dict[str, Any]] = [
        {"type": "run_started", "procedure_id": "leak-test"},
        {"type": "plan", "phases": [{"key": "seat", "name": "Seat unit"}, {"key": "decay", "name": "Decay"}]},
        {"type": "phase_started", "phase_key": "seat", "attempt": 1},
        {"type": "ui_request", "request_id": "r1", "phase_key": "seat", "components": [{"key": "seated"}]},
        {"type": "phase_finished", "phase_key": "seat", "attempt": 1, "outcome": "FAIL"},
        {"type": "phase_skipped", "phase_key": "decay", "reason": "stopped after phase seat (FAIL)"},
        {"type": "run_finished", "outcome": "FAIL", "exit_code": 1},
    ]
    return lines


def test_a_stream_that_keeps_the_rules_passes() -> None:
    check_stream(_numbered(_example()), 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines.pop(0),
        lambda lines: lines.pop(1),
        lambda lines: lines.pop(4),
        lambda lines: lines.pop(5),
        lambda lines: lines.insert(3, lines[2]),
        lambda lines: lines.insert(4, lines[3]),
        lambda lines: lines.insert(6, lines[2]),
        lambda lines: lines.append(lines[-1]),
        lambda lines: lines[2].update(attempt=2),
        lambda lines: lines[5].update(phase_key="unplanned"),
        lambda lines: lines[-1].update(outcome="ERROR"),
        lambda lines: lines.insert(5, {"type": "measurement_recorded", "phase_key": "seat", "name": "late"}),
        lambda lines: lines.insert(2, {"type": "identify_request", "request_id": "u", "components": [{}]}),
    ],
)
def test_a_stream_that_breaks_one_does_not(spoil: Callable[[Stream], object]) -> None:
    lines = _example()
    spoil(lines)

    with pytest.raises(AssertionError):
        check_stream(_numbered(lines), 1)


def _numbered(lines: Stream) -> Stream:
    return [{**line, "seq": seq} for seq, line in enumerate(lines)]
