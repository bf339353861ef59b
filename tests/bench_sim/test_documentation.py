"""docs/bench-simulation.md: its examples are tried, its lists are complete."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bench_sim import bench_file
from bench_sim.bench import open_bench
from bench_sim.cli import bench as bench_command
from bench_sim.duts import DUTS
from bench_sim.instruments import INSTRUMENTS
from bench_sim.trace import Trace
from bench_sim.world import ManualClock

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "bench-simulation.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_bench_file_is_one() -> None:
    (example,) = blocks("yaml")

    file = bench_file.parse(yaml.safe_load(example), Path("example.yaml"))

    assert file.fault_rate == 0.1


def test_every_model_terminal_and_fault_is_named() -> None:
    for name, instrument in INSTRUMENTS.items():
        assert f"`{name}`" in TEXT
        assert all(f"`{terminal}`" in TEXT for terminal in instrument.TERMINALS)
    for name, dut in DUTS.items():
        assert f"`{name}`" in TEXT
        assert all(f"`{pin}`" in TEXT for pin in dut.pins)
        assert all(f"`{fault.name}`" in TEXT for fault in dut.FAULTS)


def test_the_commands_run() -> None:
    commands = re.findall(r"^stationmaster bench (.*)$", TEXT, re.MULTILINE)

    assert {line.split()[0] for line in commands} == {"ls", "show", "check", "shell"}
    for line in commands:
        assert CliRunner().invoke(bench_command, line.split(), input="*IDN?\n").exit_code == 0, line


def test_the_trace_looks_like_that(tmp_path: Path) -> None:
    (example,) = (json.loads(block) for block in blocks("json"))
    trace = Trace(str(tmp_path / "trace.jsonl"))

    trace.of("psu", "TCPIP0::192.0.2.11::inst0::INSTR", ManualClock())("OUTP? (@1)", "0")
    trace.close()

    written = json.loads((tmp_path / "trace.jsonl").read_text())
    assert list(written) == list(example)
    assert written | {"at": "", "bench_s": 0} == example | {"at": "", "bench_s": 0}


def test_the_session_on_a_manual_clock_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block for block in blocks("python") if "ManualClock" in block)

    exec(compile(example, "docs", "exec"), {})

    assert float(capsys.readouterr().out) == pytest.approx(3.3, abs=0.03)


def test_the_example_instrument_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (block for block in blocks("python") if "class AcmeT1" in block)
    (tmp_path / "acme_t1_of_the_docs.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    content = yaml.safe_load((bench_file.SHIPPED / "pcba.yaml").read_text())
    content["instruments"]["dmm"]["model"] = "acme_t1_of_the_docs:AcmeT1"
    (tmp_path / "acme.yaml").write_text(yaml.safe_dump(content))

    with open_bench(str(tmp_path / "acme.yaml"), clock=ManualClock()) as bench:
        meter = bench.engine("dmm")
        meter.query("DISP:LAMP ON;:BLAH")

        assert meter.query("*IDN?") == "Acme,T1,SIM3446101,1.0"
        assert meter.query("DISP:LAMP?") == "1"
        assert abs(float(meter.query("MEAS?") or "nan")) < 0.01
        assert meter.query("SYST:ERR?") == '-113,"Undefined header"'
    sys.modules.pop("acme_t1_of_the_docs", None)
