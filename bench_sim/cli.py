"""``stationmaster bench``: look at simulated benches, check them, talk to their instruments.

NAME is the name of a shipped bench, such as ``pcba``, or the path of a bench file; ``@bench`` is the default one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
import pyvisa
from pyvisa.resources import MessageBasedResource

from bench_sim import bench_file
from bench_sim.bench import Bench, Options
from bench_sim.bench_file import BenchFile, BenchFileError
from bench_sim.models import find_dut, find_instrument
from bench_sim.scpi.status import ERROR_AVAILABLE, MESSAGE_AVAILABLE
from stationmaster.cli_errors import Refusal

ANSWER_WITHIN_MS = 10_000
SURELY_ANSWERED_S = 0.5  # by a line that also put an error into the queue
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


@click.group()
def bench() -> None:
    """Simulated benches: instruments, circuits and units that procedures find through PyVISA as @bench."""


@bench.command("ls")
@json_option
def list_benches(as_json: bool) -> None:
    """List the benches that come with the program."""
    for name in bench_file.list_shipped():
        file = _read(name)
        instruments = [find_instrument(part.model).MODEL for part in file.instruments.values()]
        if as_json:
            _print_json({"name": name, "description": file.bench.description, "instruments": instruments})
        else:
            click.echo(f"{name:<12} {file.bench.description} ({', '.join(instruments)})")


@bench.command()
@click.argument("name")
@click.option("--unit", metavar="SERIAL", help="As if this unit were plugged in.")
@json_option
def show(name: str, unit: str | None, as_json: bool) -> None:
    """Show instruments, wiring, the unit plugged in and the faults one can give to units."""
    path, file = _path(name), _read(name)
    with _opened(file, unit) as opened:
        serial, faults = opened.dut.serial, sorted(opened.dut.faults)
    if as_json:
        facts = {"path": str(path), "unit_plugged_in": serial, "its_faults": faults}
        _print_json(file.model_dump(mode="json") | facts)
    else:
        _print_bench(path, file, serial, faults)


@bench.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> None:
    """Open every instrument as a procedure would, and ask it who it is."""
    path, file = _path(name), _read(name)
    problems = 0
    with _manager(path) as manager:
        for key, part in file.instruments.items():
            identity, problem = _ask_identity(manager, part.address)
            problems += problem is not None
            if as_json:
                facts = {"instrument": key, "resource": part.address, "ok": problem is None}
                _print_json(facts | ({"identity": identity} if problem is None else {"problem": problem}))
            else:
                click.echo(
                    f"{key:<8} {part.address:<36} {'OK  ' + identity if problem is None else 'FAILED  ' + problem}"
                )
    if problems:
        raise Refusal(f"{problems} of {len(file.instruments)} instruments of {name} do not answer as they should.")


@bench.command()
@click.argument("name")
@click.argument("resource", required=False)
def shell(name: str, resource: str | None) -> None:
    """Talk SCPI with the instruments of a bench, line by line from stdin.

    RESOURCE is an instrument's name or address; without it, the first one. The line `use dmm` goes over to another.
    """
    path, file = _path(name), _read(name)
    current = _instrument_named(file, name, resource or next(iter(file.instruments), ""))
    with _manager(path) as manager:
        opened = {key: _open(manager, part.address) for key, part in file.instruments.items()}
        while line := _next_line(current):
            if line.split()[0] == "use":
                current = _other(file, name, line, current)
            else:
                _talk(opened[current], line)


def _next_line(current: str) -> str | None:
    """The next line of stdin that is not empty, with a prompt for people; None at its end and at ``exit``."""
    while True:
        if sys.stdin.isatty():
            click.echo(f"{current}> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line or line.strip() in ("exit", "quit"):
            return None
        if line.strip():
            return line.strip()


def _other(file: BenchFile, bench_name: str, line: str, current: str) -> str:
    """The instrument that a ``use`` line names; the current one, and a complaint, when there is none."""
    try:
        return _instrument_named(file, bench_name, line.removeprefix("use").strip())
    except Refusal as refusal:
        click.echo(refusal.message, err=True)
        return current


def _talk(instrument: MessageBasedResource, line: str) -> None:
    """Send a line, print its answer, then what is in the error queue."""
    try:
        instrument.write(line)
        if "?" in line and _has_answer(instrument):
            click.echo(instrument.read())
    except pyvisa.errors.VisaIOError as error:
        click.echo(f"! {error.abbreviation}: {error.description}")
    except UnicodeEncodeError:
        click.echo("! only ASCII characters can be sent")
        return
    while not (entry := instrument.query("SYST:ERR?")).startswith("+0,"):
        click.echo(f"! {entry}")


def _has_answer(instrument: MessageBasedResource) -> bool:
    """False when the instrument refused the line and says nothing to it; else wait for what it says."""
    deadline = time.monotonic() + SURELY_ANSWERED_S
    while time.monotonic() < deadline:
        status = instrument.read_stb()
        if status & MESSAGE_AVAILABLE or not status & ERROR_AVAILABLE:
            return True
        time.sleep(0.01)
    return False


def _instrument_named(file: BenchFile, bench_name: str, wanted: str) -> str:
    for key, part in file.instruments.items():
        if wanted in (key, part.address):
            return key
    raise Refusal(f"bench {bench_name} has no instrument {wanted!r}; it has {', '.join(file.instruments) or 'none'}.")


def _ask_identity(manager: pyvisa.ResourceManager, address: str) -> tuple[str, str | None]:
    """Its identity, and in words what is wrong, or None."""
    try:
        instrument = _open(manager, address)
        identity = instrument.query("*IDN?")
        error = instrument.query("SYST:ERR?")
    except pyvisa.errors.VisaIOError as trouble:
        return "", f"{trouble.abbreviation}: {trouble.description}"
    return identity, None if error.startswith("+0,") else f"its error queue holds {error}"


def _open(manager: pyvisa.ResourceManager, address: str) -> MessageBasedResource:
    opened = manager.open_resource(address, read_termination="\n", write_termination="\n", timeout=ANSWER_WITHIN_MS)
    return cast("MessageBasedResource", opened)  # all that a bench file can hold are


@contextmanager
def _manager(path: Path) -> Iterator[pyvisa.ResourceManager]:
    """A ResourceManager of this bench, closed afterwards."""
    try:
        manager = pyvisa.ResourceManager(f"{path}@bench")
    except (ValueError, OSError) as error:
        raise Refusal(str(error)) from error
    try:
        yield manager
    finally:
        manager.close()


@contextmanager
def _opened(file: BenchFile, unit: str | None) -> Iterator[Bench]:
    """The bench itself, with the environment's options."""
    try:
        options = Options.from_environment()
        opened = Bench(file, Options(unit or options.unit, options.seed))
    except ValueError as error:
        raise Refusal(str(error)) from error
    with opened:
        yield opened


def _path(name: str) -> Path:
    try:
        return bench_file.find_bench(name)
    except BenchFileError as error:
        raise Refusal(str(error)) from error


def _read(name: str) -> BenchFile:
    try:
        return bench_file.read(name)
    except BenchFileError as error:
        raise Refusal(str(error)) from error


def _print_json(facts: dict[str, Any]) -> None:
    click.echo(json.dumps(facts))


def _print_bench(path: Path, file: BenchFile, serial: str, faults: list[str]) -> None:
    click.echo(f"{file.bench.name}: {file.bench.description}")
    click.echo(f"file         {path}")
    click.echo(f"seed         {file.bench.seed}")
    click.echo(f"unit         {serial} ({', '.join(faults) or 'no fault'}), a {file.dut.model}")
    click.echo(f"fault rate   {file.fault_rate:g} of the units not named in the file")
    click.echo("instruments")
    for key, part in file.instruments.items():
        click.echo(f"  {key:<8} {part.address:<36} {find_instrument(part.model).MODEL}, serial {part.serial}")
    click.echo("wires")
    for a, b in file.wires:
        click.echo(f"  {a} – {b}")
    click.echo("faults")
    for fault in find_dut(file.dut.model).FAULTS:
        click.echo(f"  {fault.name:<20} {fault.meaning}")
