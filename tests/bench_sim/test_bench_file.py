"""Bench files: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench_sim import bench_file
from bench_sim.bench import Options, open_bench
from bench_sim.bench_file import BenchFileError

PATH = Path("my.yaml")


def content(**changes: Any) -> dict[str, Any]:
    shipped: dict[str, Any] = yaml.safe_load((bench_file.SHIPPED / "pcba.yaml").read_text())
    return shipped | changes


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"colour": "red"}, "my.yaml: colour: Extra inputs are not permitted"),
        (
            {"dut": {"model": "toaster"}},
            "dut.model: no device under test is called 'toaster'; there are pcba_100, or name",
        ),
        ({"dut": {"model": "nowhere:Toaster"}}, "'nowhere:Toaster' cannot be loaded: No module named 'nowhere'"),
        ({"dut": {"model": "json:JSONDecoder"}}, "is no device under test: it does not derive from Dut"),
        ({"wires": [["psu.ch1", "dut.vim"]]}, "wires: nothing is called dut.vim; there are dmm.input, dut.tp_1v8"),
        ({"units": {"SN-1": {"faults": ["haunted"]}}}, "units.SN-1: no fault is called haunted; there are dead"),
        ({"fault_rate": 2}, "fault_rate: Input should be less than or equal to 1"),
        ({"relays": ["k1", "k2", "psu"]}, "the name psu is used twice"),
        ({"bench": {"name": "x", "line_hz": 0}}, "bench.line_hz"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BenchFileError) as refusal:
        bench_file.parse(content(**changes), PATH)

    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_mistakes_in_an_instrument_are_named() -> None:
    good = content()["instruments"]["psu"]
    for change, complaint in (
        ({"model": "e9999"}, "instruments.psu.model: no instrument model is called 'e9999'"),
        ({"serial": "MY123"}, "instruments.psu.serial: the serial number of a simulated instrument begins with SIM"),
        ({"address": "TCPIP0::192.0.2.12::inst0::INSTR"}, "two instruments have the address"),
        ({"address": "COM one"}, "instruments.psu.address: 'COM one' is no VISA resource"),
    ):
        with pytest.raises(BenchFileError) as refusal:
            bench_file.parse(content(instruments=content()["instruments"] | {"psu": good | change}), PATH)

        assert complaint in str(refusal.value)


def test_a_bench_of_another_folder_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content(bench={"name": "mine", "unit": "SN-77"})))

    with open_bench(str(path)) as bench:
        assert bench.dut.serial == "SN-77"


def test_a_named_unit_has_its_faults_and_others_what_the_rate_gives(tmp_path: Path) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(yaml.safe_dump(content(fault_rate=1)))

    with open_bench(str(path), unit="SN-000013") as named, open_bench(str(path), unit="SN-1") as drawn:
        assert named.dut.faults == {"weak_3v3_regulator"}
        assert len(drawn.dut.faults) == 1
    with open_bench(unit="SN-1") as good:
        assert good.dut.faults == frozenset()


def test_options_come_from_the_environment() -> None:
    given = {"BENCH_SIM_UNIT": "SN-5", "BENCH_SIM_SEED": "7", "BENCH_SIM_SPEED": "2.5", "BENCH_SIM_TRACE": "t.jsonl"}

    assert Options.from_environment(given) == Options("SN-5", "7", 2.5, "t.jsonl")
    assert Options.from_environment({"BENCH_SIM_UNIT": ""}) == Options()
    for bad in ("0", "-1", "nan", "1e9", "x"):
        with pytest.raises(ValueError, match="BENCH_SIM_SPEED"):
            Options.from_environment({"BENCH_SIM_SPEED": bad})
