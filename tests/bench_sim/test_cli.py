"""``stationmaster bench …``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench_sim.bench_file import SHIPPED
from bench_sim.cli import bench


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(bench, arguments, input=typed)


def lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_ls() -> None:
    assert "pcba" in run("ls").stdout
    assert {"name": "pcba", "instruments": ["E36312A", "34461A"]}.items() <= {
        key: value for key, value in lines(run("ls", "--json"))[0].items() if key != "description"
    }.items()


def test_show() -> None:
    shown = run("show", "pcba")

    assert "TCPIP0::192.0.2.11::inst0::INSTR     E36312A, serial SIM3631201" in shown.stdout
    assert "unit         SN-000001 (no fault), a pcba_100" in shown.stdout
    assert "noisy_1v8" in shown.stdout
    assert "SN-000066 (short_on_input)" in run("show", "pcba", "--unit", "SN-000066").stdout
    assert lines(run("show", "pcba", "--json"))[0]["unit_plugged_in"] == "SN-000001"


def test_check() -> None:
    checked = run("check", "pcba")

    assert checked.exit_code == 0
    assert checked.stdout.count("OK  Keysight Technologies,") == 2
    assert [line["ok"] for line in lines(run("check", "pcba", "--json"))] == [True, True]


@pytest.mark.parametrize("name", ["@bench", "pcba@bench", f"{SHIPPED / 'pcba.yaml'}@bench"])
def test_a_bench_may_be_named_as_pyvisa_names_it(name: str) -> None:
    checked = run("check", name)

    assert checked.exit_code == 0, checked.stderr
    assert checked.stdout.count("OK  Keysight Technologies,") == 2


def test_shell_answers_and_shows_errors() -> None:
    typed = "VOLT 5,(@1)\n\nVOLT? (@1)\nBLAH?\nuse dmm\nCONF?\nuse nothing\n*IDN?\nexit\nVOLT?\n"

    said = run("shell", "pcba", typed=typed)

    assert said.exit_code == 0
    assert said.stdout.splitlines() == [
        "+5.000000E+00",
        '! -113,"Undefined header"',
        '"VOLT +1.00000000E+01,+1.00000000E-06"',
        "Keysight Technologies,34461A,SIM3446101,A.02.17-02.40-02.17-00.52-04-01",
    ]
    assert "no instrument 'nothing'; it has psu, dmm" in said.stderr


def test_shell_of_one_resource_ends_with_its_input() -> None:
    assert run("shell", "pcba", "dmm", typed="ROUT:TERM?").stdout == "FRON\n"
    assert run("shell", "pcba", "TCPIP0::192.0.2.11::inst0::INSTR", typed="INST?\n").stdout == "CH1\n"
    assert run("shell", "pcba", "dmm", typed="µ\n").stdout == "! only ASCII characters can be sent\n"


@pytest.mark.parametrize("command", ["show", "check", "shell"])
def test_an_unknown_bench_is_refused_in_one_line(command: str) -> None:
    refused = run(command, "nowhere")

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("stationmaster: no bench is called 'nowhere'")
    assert refused.stderr.count("\n") == 1


def test_other_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.yaml").write_text("bench: 5")
    (tmp_path / "crossed.yaml").write_text(
        (SHIPPED / "pcba.yaml").read_text().replace("[psu.ch2, k2.coil]", "[psu.ch2, dut.vin]")
    )

    assert "no instrument 'oven'" in run("shell", "pcba", "oven").stderr
    assert "bad.yaml: bench: " in run("show", str(tmp_path / "bad.yaml")).stderr
    assert "psu.ch1 and psu.ch2 are wired to each other" in run("check", str(tmp_path / "crossed.yaml")).stderr
    monkeypatch.setenv("BENCH_SIM_SPEED", "0")
    for command in ("show", "check"):
        refused = run(command, "pcba")
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
