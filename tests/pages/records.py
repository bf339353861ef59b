"""A record like a real one: limits of every kind, a sweep, a repeated phase, a log with markup in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from portal.services.run_input import RunIn

BEGAN_AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def limit(operator: str, value: Any, outcome: str = "PASS") -> dict[str, Any]:
    return {"operator": operator, "expected_value": value, "outcome": outcome}


def phase(name: str, outcome: str, *measurements: dict[str, Any], retry_count: int = 0) -> dict[str, Any]:
    return {
        "name": name, "outcome": outcome, "started_at": BEGAN_AT, "ended_at": BEGAN_AT + timedelta(seconds=1.5),
        "measurements": list(measurements), "retry_count": retry_count,
    }  # fmt: skip


def value(name: str, outcome: str, measured: Any, units: str | None, *limits: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "outcome": outcome, "measured_value": measured, "units": units, "validators": list(limits)}


def record(
    procedure_id: str, serial_number: str = "SN-000013", *, after: timedelta = timedelta(), **fields: Any
) -> RunIn:
    weak = value("rail_3v3", "FAIL", 2.913, "V", limit(">=", 3.135, "FAIL"), limit("<=", 3.465))
    good = value("rail_5v", "PASS", 4.98, "V", limit("range", [4.75, 5.25]))
    loads = [0.0, 0.25, 0.5, 0.75, 1.0]
    sweep = {
        "name": "load_regulation", "outcome": "PASS", "validators": [limit(">=", 4.8), limit("<=", 5.2)],
        "x_axis": {"data": loads, "name": "load", "units": "A"},
        "y_axis": [{"data": [5.02 - 0.08 * load for load in loads], "name": "output", "units": "V"}],
    }  # fmt: skip
    given = {
        "outcome": "FAIL",
        "procedure_id": procedure_id,
        "serial_number": serial_number,
        "part_number": "PCB-100",
        "started_at": BEGAN_AT + after,
        "ended_at": BEGAN_AT + after + timedelta(seconds=41),
        "operated_by": "mk@example.com",
        "phases": [
            phase("power_up", "PASS", value("idle_current", "PASS", 0.0312, "A", limit("<=", 0.05))),
            phase("rails", "FAIL", weak),
            phase("rails", "FAIL", weak, good, retry_count=1),
            phase("sweep", "PASS", sweep),
            phase("identify", "PASS", value("firmware", "PASS", "2.3.1", None, limit("matches", r"^2\."))),
        ],
        "logs": [
            {
                "level": "ERROR", "timestamp": BEGAN_AT, "message": "3.3 V is <b>low</b>",
                "source_file": "main.py", "line_number": 42,
            },
        ],
        "metadata": {"fixture": "F-12", "simulated": True},
    }  # fmt: skip
    return RunIn.model_validate({**given, **fields})
