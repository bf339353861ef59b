"""The record of a run, built from its journal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from station.journal import JournalShelf
from station.protocol import (
    IdentifyResolved,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlannedPhase,
    RunComplete,
    RunStarted,
    RunStarting,
    Unit,
)
from station.record import RunRecord, build_record
from tests.engine.bench import Bench

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def body_of(bench: Bench) -> dict[str, Any]:
    assert bench.record is not None
    json.dumps(bench.record.body, allow_nan=False)
    return bench.record.body


def test_the_record_says_who_what_when(bench: Bench) -> None:
    execution_id = bench.start("passing", is_simulated=True)
    bench.over()
    body = body_of(bench)

    assert {key: body[key] for key in ("execution_id", "procedure_id", "outcome", "serial_number", "part_number")} == {
        "execution_id": execution_id,
        "procedure_id": "id-of-passing",
        "outcome": "PASS",
        "serial_number": "SN-1",
        "part_number": "PCB-1",
    }
    assert (body["operated_by"], body["docstring"], body["metadata"]) == (
        "olga@example.com",
        "Measures one board.",
        {"simulated": True},
    )
    times = [datetime.fromisoformat(body[key]) for key in ("started_at", "ended_at")]
    assert times[0] < times[1] < times[0] + timedelta(seconds=20)
    assert all(at.utcoffset() == timedelta(0) for at in times)


def test_phases_measurements_and_logs_are_in_it(bench: Bench) -> None:
    bench.run("passing")
    body = body_of(bench)

    power_on, boot = body["phases"]
    assert (power_on["name"], power_on["outcome"], power_on["retry_count"]) == ("power_on", "PASS", 0)
    assert power_on["docstring"] == "Powers the board."
    assert power_on["measurements"] == [
        {
            "name": "rail_5v",
            "outcome": "PASS",
            "measured_value": 4.98,
            "units": "V",
            "validators": [
                {
                    "outcome": "PASS",
                    "expression": ">= 4.75",
                    "is_decisive": True,
                    "operator": ">=",
                    "expected_value": 4.75,
                },
                {
                    "outcome": "PASS",
                    "expression": "<= 5.25",
                    "is_decisive": True,
                    "operator": "<=",
                    "expected_value": 5.25,
                },
            ],
        }
    ]
    assert boot["measurements"][0]["measured_value"] == "OK"
    first = body["logs"][0]
    assert (first["level"], first["message"], first["source_file"]) == ("INFO", "supply on", "main.py")
    assert first["line_number"] > 0
    assert bench.record is not None
    (attachment,) = bench.record.attachments
    assert (attachment.name, attachment.phase, attachment.path.read_bytes()) == ("boot.log", "boot", b"booted\n")


def test_a_sweep_has_its_axes_and_no_scalar(bench: Bench) -> None:
    bench.run("sweeping")

    found = {m["name"]: m for m in body_of(bench)["phases"][0]["measurements"]}
    assert found["gain"]["x_axis"] == {"data": [10.0, 100.0, 1000.0], "name": "frequency", "units": "Hz"}
    assert found["gain"]["y_axis"] == [{"data": [-1.0, 0.0, 1.0], "name": "gain", "units": "dB"}]
    assert "measured_value" not in found["gain"]
    assert found["holes"]["y_axis"][0]["data"] == [1.0, None]
    assert found["nothing"]["measured_value"] == "NaN"


def test_attempts_are_retries_of_one_name(bench: Bench) -> None:
    bench.run("repeating")

    phases = [(phase["name"], phase["outcome"], phase["retry_count"]) for phase in body_of(bench)["phases"]]
    assert phases[:5] == [
        ("again", "SKIP", 0), ("again", "SKIP", 1), ("again", "PASS", 2),
        ("steadies", "SKIP", 0), ("steadies", "PASS", 1),
    ]  # fmt: skip


def test_why_a_phase_failed_is_in_the_log_once(bench: Bench) -> None:
    bench.run("raising")

    errors = [line["message"] for line in body_of(bench)["logs"] if line["level"] == "ERROR"]
    assert errors == ["breaks: ValueError: supply did not answer (main.py, line 9)"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_outcomes_that_the_portal_knows_are_sent(tmp_path: Path, outcome: Outcome) -> None:
    record = record_of(tmp_path, outcome, outcome)

    assert record is not None
    assert record.body["outcome"] in ("PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED")
    assert record.body["phases"][0]["outcome"] in ("PASS", "FAIL", "SKIP", "ERROR")
    assert (outcome == "PASS") == (record.body["outcome"] == "PASS") == (record.body["phases"][0]["outcome"] == "PASS")


def test_a_hundred_thousand_lines_are_kept(tmp_path: Path) -> None:
    record = record_of(tmp_path, Outcome.PASS, Outcome.PASS, lines=100_000)

    assert record is not None
    assert len(record.body["logs"]) == 100_000
    assert record.body["logs"][-1]["message"] == "line 99999"


def test_an_unfinished_journal_has_no_record(tmp_path: Path) -> None:
    journal = JournalShelf(tmp_path).create("run")
    journal.append(RunStarting(execution_id="run", seq=0, at=AT, procedure_id="p", procedure_name="P"))
    journal.close()

    assert build_record(journal) is None


def record_of(folder: Path, run: Outcome, phase: Outcome, lines: int = 0) -> RunRecord | None:
    about: dict[str, Any] = {"execution_id": "run", "at": AT}
    place: dict[str, Any] = {**about, "phase_key": "0_a"}
    journal = JournalShelf(folder).create("run")
    seqs = iter(range(lines + 10))
    journal.append(RunStarting(**about, seq=next(seqs), procedure_id="p", procedure_name="P"))
    journal.append(IdentifyResolved(**about, seq=next(seqs), unit=Unit(serial_number="SN", part_number="PN")))
    journal.append(RunStarted(**about, seq=next(seqs), phases=[PlannedPhase(key="0_a", name="a")]))
    journal.append(PhaseStarted(**place, seq=next(seqs), name="a"))
    for number in range(lines):
        journal.append(PhaseLog(**place, seq=next(seqs), message=f"line {number}"))
    journal.append(PhaseComplete(**place, seq=next(seqs), name="a", outcome=phase, started_at=AT, ended_at=AT))
    journal.append(RunComplete(**about, seq=next(seqs), outcome=run))
    journal.close()
    return build_record(journal)
