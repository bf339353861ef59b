"""Bench files: the YAML description of a simulated bench, checked. See docs/bench-simulation.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pyvisa import rname

from bench_sim.models import find_dut, find_instrument
from bench_sim.world import Relay

SHIPPED = Path(__file__).resolve().parent / "benches"
DEFAULT_BENCH = "pcba"
BACKEND = "@bench"  # what PyVISA is told after the name
MOST_BYTES = 1_000_000

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class BenchFileError(ValueError):
    """A bench file cannot be used. The text is one sentence that names the file."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BenchPart(_Part):
    """``bench:``. The seed may be any text or number; ``unit`` is the serial number of the unit plugged in."""

    name: str
    description: str = ""
    seed: str | int = 1
    line_hz: float = Field(default=50.0, gt=0, le=400)
    unit: str = "SN-000001"


class InstrumentPart(_Part):
    """One entry of ``instruments:``. ``address``: VISA resource; ``serial`` begins with SIM.

    ``model``: one that comes with the program, or a class of your own as ``package.module:Class``.
    """

    model: str
    address: str
    serial: str

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        find_instrument(model)
        return model

    @field_validator("address")
    @classmethod
    def _is_resource(cls, address: str) -> str:
        try:
            return rname.to_canonical_name(address)
        except rname.InvalidResourceName:
            raise ValueError(f"{address!r} is no VISA resource such as TCPIP0::192.0.2.11::inst0::INSTR") from None

    @field_validator("serial")
    @classmethod
    def _is_simulated(cls, serial: str) -> str:
        if not serial.startswith("SIM"):
            raise ValueError(f"the serial number of a simulated instrument begins with SIM, not {serial!r}")
        return serial


class DutPart(_Part):
    """``dut:``."""

    model: str

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        find_dut(model)
        return model


class UnitPart(_Part):
    """One entry of ``units:``: what is special about the unit of this serial number."""

    faults: tuple[str, ...] = ()


class BenchFile(_Part):
    """A whole bench file."""

    bench: BenchPart
    instruments: dict[Name, InstrumentPart]
    dut: DutPart
    relays: tuple[Name, ...] = ()
    wires: tuple[tuple[str, str], ...] = ()
    fault_rate: float = Field(default=0.0, ge=0, le=1)
    units: dict[str, UnitPart] = {}

    def terminals(self) -> set[str]:
        """Everything that can be wired, as ``part.pin``."""
        found = {f"dut.{pin}" for pin in find_dut(self.dut.model).pins}
        for name, part in self.instruments.items():
            found |= {f"{name}.{pin}" for pin in find_instrument(part.model).TERMINALS}
        return found | {f"{name}.{pin}" for name in self.relays for pin in Relay.pins}


def list_shipped() -> list[str]:
    """Names of the benches that come with the program."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def find_bench(name_or_path: str) -> Path:
    """The file of a shipped bench's name, or of a path. Raises `BenchFileError` when there is none.

    PyVISA's way of saying it is understood too: ``NAME@bench``, ``PATH@bench``, ``@bench`` for the default one.
    """
    name = name_or_path
    if name.endswith(BACKEND) and not Path(name).is_file():
        name = name.removesuffix(BACKEND) or DEFAULT_BENCH
    path = Path(name)
    if path.is_file():
        return path
    if name in list_shipped():
        return SHIPPED / f"{name}.yaml"
    raise BenchFileError(
        f"no bench is called {name_or_path!r} and no such file exists; shipped benches: {', '.join(list_shipped())}"
    )


def load(path: Path) -> Any:
    """The YAML of a file, unchecked. Raises `BenchFileError` when it is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BenchFileError(f"{path}: the file is larger than {MOST_BYTES} bytes, which no bench file is")
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BenchFileError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise BenchFileError(f"{path}: is not YAML{where}") from error


def is_bench(content: object) -> bool:
    """True for our format; False for others, such as the devices and resources of pyvisa-sim."""
    return isinstance(content, dict) and "bench" in content


def parse(content: object, path: Path) -> BenchFile:
    """Check the content of a bench file. Raises `BenchFileError` with the first problem."""
    if not is_bench(content):
        raise BenchFileError(f"{path}: has no part `bench:`, so it is no bench file")
    try:
        file = BenchFile.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BenchFileError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    _check(file, path)
    return file


def read(name_or_path: str) -> BenchFile:
    """Find, load and check. Raises `BenchFileError`."""
    path = find_bench(name_or_path)
    return parse(load(path), path)


def _check(file: BenchFile, path: Path) -> None:
    """What concerns more than one part of the file."""
    names = [*file.instruments, *file.relays, "dut"]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BenchFileError(f"{path}: the name {twice[0]} is used twice")
    addresses = [part.address for part in file.instruments.values()]
    for address in addresses:
        if addresses.count(address) > 1:
            raise BenchFileError(f"{path}: two instruments have the address {address}")
    known = file.terminals()
    for wire in file.wires:
        for terminal in wire:
            if terminal not in known:
                raise BenchFileError(
                    f"{path}: wires: nothing is called {terminal}; there are {', '.join(sorted(known))}"
                )
    faults = {fault.name for fault in find_dut(file.dut.model).FAULTS}
    for serial, unit in file.units.items():
        for fault in unit.faults:
            if fault not in faults:
                raise BenchFileError(
                    f"{path}: units.{serial}: no fault is called {fault}; there are {', '.join(sorted(faults))}"
                )
