"""The example procedure, run as a script by a person at a console, on the simulated bench."""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench_sim.bench_file import SHIPPED
from bench_sim.duts.pcba_100 import Pcba100
from tests.procedures.console import Console
from tests.waiting import eventually

SCRIPT = "procedures/pcba_functional/main.py"
QUICK = {"settle_s": "0.02", "start_up_s": "0.08", "discharge_s": "0.05"}
SPEED = "20"
SERIAL, INSERT, LED = "Scan the serial number", "Insert the board", "Which colour is the LED?"

# fault: first phase that must fail, and the measurements that must fail in it
RIGHT_PHASE = {
    "dead": ("power_on", {"inrush_current"}),
    "short_on_input": ("power_on", {"inrush_current", "input_voltage", "supply_mode"}),
    "high_idle_current": ("input_current", {"idle_current"}),
    "wrong_3v3_feedback": ("rail_3v3", {"rail_3v3"}),
    "weak_3v3_regulator": ("regulator_sweep", {"line_regulation"}),
    "low_1v8": ("rail_1v8", {"rail_1v8"}),
    "noisy_1v8": ("rail_1v8", {"ripple_1v8"}),
    "slow_discharge": ("power_off", {"residual_3v3"}),
}


@dataclass
class Bench:
    """Where a run leaves its traces, and how to start one."""

    folder: Path

    def console(self, *, faults: tuple[str, ...] = (), **environment: str) -> Console:
        content = yaml.safe_load((SHIPPED / "pcba.yaml").read_text())
        content["units"] = {"SN-000001": {"faults": list(faults)}}
        path = self.folder / "bench.yaml"
        path.write_text(yaml.safe_dump(content))
        settings = QUICK | {"record_file": str(self.record_file)}
        options = [part for name, value in settings.items() for part in ("--config-value", f"{name}={value}")]
        defaults = {
            "PYVISA_LIBRARY": f"{path}@bench",
            "BENCH_SIM_SPEED": SPEED,
            "BENCH_SIM_TRACE": str(self.trace_file),
        }
        return Console(SCRIPT, *options, environment=defaults | environment)

    @property
    def record_file(self) -> Path:
        return self.folder / "record.json"

    @property
    def trace_file(self) -> Path:
        return self.folder / "trace.jsonl"

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.record_file.read_text())
        return found

    def sent(self) -> list[str]:
        """What the supply was told."""
        lines = [json.loads(line) for line in self.trace_file.read_text().splitlines()]
        return [line["message"] for line in lines if line["instrument"] == "psu"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def phases(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {phase["name"]: phase for phase in record["phases"]}


def failed(phase: dict[str, Any]) -> set[str]:
    return {name for name, found in phase["measurements"].items() if found["outcome"] == "FAIL"}


def test_a_good_board_passes_by_itself_without_any_visa_library(bench: Bench) -> None:
    with bench.console(PYVISA_LIBRARY="") as console:
        console.answer(SERIAL, "SN-000007")
        console.answer(INSERT, "")
        console.answer(LED, " Green")
        code = console.exit_code()

    assert code == 0, console.output
    assert "No VISA library is installed: using the simulated bench" in console.output
    record = bench.record()
    assert (record["outcome"], record["dut_id"]) == ("PASS", "SN-000007")
    assert record["metadata"]["part_number"] == "PCBA-100"
    found = phases(record)
    assert "SIM" in found["identify_instruments"]["measurements"]["supply_identity"]["measured_value"]
    assert found["led_colour"]["measurements"]["led_colour"]["measured_value"] == "green"
    sweep = found["regulator_sweep"]["measurements"]["line_regulation"]["measured_value"]
    assert [row[0] for row in sweep] == [4.5, 4.75, 5.0, 5.25, 5.5]
    assert set(found["regulator_sweep"]["attachments"]) == {"line_regulation.csv"}
    assert bench.sent()[-1] == "OUTP OFF,(@1:3)"


def test_the_serial_number_that_is_typed_chooses_the_simulated_board(bench: Bench) -> None:
    with bench.console(PYVISA_LIBRARY="@bench") as console:
        console.answer(SERIAL, "SN-000066")  # pinned in the shipped bench: its input is shorted
        console.answer(INSERT, "")
        console.exit_code()

    assert failed(phases(bench.record())["power_on"]) == RIGHT_PHASE["short_on_input"][1]


def test_the_attached_table_is_the_sweep(bench: Bench) -> None:
    with bench.console() as console:
        console.answer(SERIAL, "SN-000001")
        console.answer(INSERT, "")
        console.answer(LED, "green")
        console.exit_code()

    attachment = phases(bench.record())["regulator_sweep"]["attachments"]["line_regulation.csv"]
    rows = list(csv.DictReader(base64.b64decode(attachment["data"]).decode().splitlines()))
    assert [float(row["input_v"]) for row in rows] == [4.5, 4.75, 5.0, 5.25, 5.5]
    assert all(3.2 < float(row["output_v"]) < 3.4 for row in rows)
    assert all(0.03 < float(row["input_a"]) < 0.06 for row in rows)


@pytest.mark.parametrize("fault", [fault.name for fault in Pcba100.FAULTS])
def test_each_fault_fails_the_right_phase_for_the_right_reason(bench: Bench, fault: str) -> None:
    phase, reasons = RIGHT_PHASE[fault]

    with bench.console(faults=(fault,)) as console:
        console.answer(SERIAL, "SN-000001")
        console.answer(INSERT, "")
        if phase != "power_on":
            console.answer(LED, "green")
        code = console.exit_code()

    assert code == 1, console.output
    record = bench.record()
    assert record["outcome"] == "FAIL"
    complaints = [(found["name"], failed(found)) for found in record["phases"] if failed(found)]
    assert complaints[0] == (phase, reasons)
    # A rail that is high at 5 V is high in the sweep as well; every other fault shows once.
    assert [name for name, _ in complaints[1:]] == (["regulator_sweep"] if fault == "wrong_3v3_feedback" else [])
    assert bench.sent()[-1] == "OUTP OFF,(@1:3)"


def test_a_wrong_led_fails(bench: Bench) -> None:
    with bench.console() as console:
        console.answer(SERIAL, "SN-000001")
        console.answer(INSERT, "")
        console.answer(LED, "red")
        code = console.exit_code()

    assert code == 1
    assert failed(phases(bench.record())["led_colour"]) == {"led_colour"}


def test_an_interrupt_makes_the_bench_safe(bench: Bench) -> None:
    with bench.console() as console:
        console.answer(SERIAL, "SN-000001")
        console.answer(INSERT, "")
        console.wait_for(LED)
        assert "OUTP ON,(@1)" in bench.sent()
        before = len(bench.sent())
        console.interrupt()
        code = console.exit_code()

    assert code != 0
    assert "OUTP OFF,(@1:3)" in bench.sent()[before:]
    assert bench.record()["outcome"] == "ABORTED"


def test_an_interrupt_in_the_middle_of_a_measurement_makes_the_bench_safe(bench: Bench) -> None:
    with bench.console(BENCH_SIM_SPEED="1") as console:
        console.answer(SERIAL, "SN-000001")
        console.answer(INSERT, "")
        eventually(lambda: "VOLT 4.75,(@1)" in bench.sent(), within_s=20)
        before = len(bench.sent())
        console.interrupt()
        code = console.exit_code()

    assert code != 0
    assert "OUTP ON,(@1)" in bench.sent()[:before]
    assert "OUTP OFF,(@1:3)" in bench.sent()[before:]
    assert "OUTP ON,(@1)" not in bench.sent()[before:]
    assert bench.record()["outcome"] == "ABORTED"


def test_an_absent_instrument_is_an_error_that_names_it(bench: Bench) -> None:
    moved = bench.folder / "moved.yaml"
    moved.write_text((SHIPPED / "pcba.yaml").read_text().replace("192.0.2.12", "192.0.2.99"))

    with bench.console(PYVISA_LIBRARY=f"{moved}@bench") as console:
        console.answer(SERIAL, "SN-000001")
        code = console.exit_code()

    assert code != 0
    assert bench.record()["outcome"] == "ERROR"
    assert "VI_ERROR_RSRC_NFOUND" in json.dumps(bench.record()["outcome_details"])
