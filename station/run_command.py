"""The command ``stationmaster run PATH``: one run of one procedure here and now, without a portal."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import structlog

from station.engine import Engine, Refused, RunRequest
from station.frameworks import ENTRY
from station.journal import JournalShelf
from station.procedure_file import ENTRIES
from station.run_console import RunConsole
from station.settings import StationSettings, bench_name
from stationmaster.cli_errors import Refusal


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--serial", metavar="SN", help="The unit's serial number; without it the run asks.")
@click.option(
    "--answers", "--ui-values", "answers_file", type=click.Path(path_type=Path), metavar="FILE",
    help="JSON file with recorded answers: phase, then component, then value.",
)  # fmt: skip
@click.option("--bench", metavar="NAME", help="Run on this simulated bench: a name, a bench file, or @bench.")
@click.option("--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter for the procedure.")
@click.option("-v", "--verbose", "is_verbose", is_flag=True, help="Show each line of the log.")
def run(
    path: Path, serial: str | None, answers_file: Path | None, bench: str | None, python: Path | None, is_verbose: bool
) -> None:
    """Run the procedure in the folder PATH once, on this terminal.

    The exit code is 0 for PASS, 130 when it was stopped, else 1.
    """
    folder = _folder_of(path)
    settings = StationSettings(bench=bench_name(bench) if bench is not None else None)
    _only_warnings()
    console = RunConsole(is_verbose=is_verbose)
    with tempfile.TemporaryDirectory(prefix="stationmaster-run-") as place:
        engine = Engine(JournalShelf(Path(place, "journals")), Path(place, "work"), python, console.take)
        try:
            engine.start(
                RunRequest(
                    procedure_id=folder.name,
                    procedure_name=folder.name,
                    folder=folder,
                    operated_by=None,
                    serial_number=serial,
                    answers=_answers(answers_file),
                    visa_library=settings.visa_library,
                    is_simulated=settings.is_simulated,
                )
            )
        except Refused as refusal:
            raise Refusal(refusal.reason) from refusal
        code = console.run(engine)
        engine.close()
    sys.exit(code)


def _folder_of(path: Path) -> Path:
    """The procedure's folder, for a folder or the file that is run in it. Raises `Refusal`."""
    if not path.exists():
        raise Refusal(f"There is no folder {path}.")
    if path.is_file() and path.name in (ENTRY, *ENTRIES):
        path = path.parent
    if path.is_file():
        raise Refusal(f"{path} is no procedure: give a folder with {ENTRY} or {ENTRIES[0]}.")
    return path.resolve()


def _answers(file: Path | None) -> dict[str, dict[str, str]]:
    if file is None:
        return {}
    try:
        found: Any = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refusal(f"The recorded answers in {file} cannot be read: {error}.") from error
    if not isinstance(found, dict) or not all(isinstance(values, dict) for values in found.values()):
        raise Refusal(f"{file} holds no recorded answers: an object of phases, each an object of values.")
    return {phase: {key: _as_text(value) for key, value in values.items()} for phase, values in found.items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _only_warnings() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
