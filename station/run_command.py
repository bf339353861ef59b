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
from station.environments import Interpreters
from station.frameworks import DECLARED, SUITE
from station.journal import JournalShelf
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
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="PATH", envvar="STATIONMASTER_PYTHON",
    help="Interpreter for the procedure.",
)  # fmt: skip
@click.option("--no-bootstrap", "may_not_make", is_flag=True, help="Never make an environment for the procedure.")
@click.option("-v", "--verbose", "is_verbose", is_flag=True, help="Show each line of the log.")
def run(
    path: Path,
    serial: str | None,
    answers_file: Path | None,
    bench: str | None,
    python: Path | None,
    may_not_make: bool,
    is_verbose: bool,
) -> None:
    """Run the procedure PATH once, on this terminal: a folder, or the one file in it that is to be run.

    The exit code is 0 for PASS, 130 when it was stopped, else 1, or what docs/frameworks.md says of the framework.
    """
    folder, entry = _procedure_at(path)
    interpreters = Interpreters(python, may_make=not may_not_make)
    settings = StationSettings(bench=bench_name(bench) if bench is not None else None)
    _only_warnings()
    console = RunConsole(is_verbose=is_verbose)
    with tempfile.TemporaryDirectory(prefix="stationmaster-run-") as place:
        engine = Engine(JournalShelf(Path(place, "journals")), Path(place, "work"), interpreters, console.take)
        try:
            engine.start(
                RunRequest(
                    procedure_id=folder.name,
                    procedure_name=folder.name,
                    folder=folder,
                    entry=entry,
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


def _procedure_at(path: Path) -> tuple[Path, str | None]:
    """The procedure's folder, and the file in it that was named, if one was. Raises `Refusal`."""
    if not path.exists():
        raise Refusal(f"There is no folder {path}.")
    if path.is_dir():
        return path.resolve(), None
    if path.suffix not in (".py", SUITE, *DECLARED):
        raise Refusal(f"{path} is no procedure: give a folder, or a file that ends in .py, .robot, .yaml or .yml.")
    return path.parent.resolve(), path.name


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
    """Of the log, on stderr: stdout is for the run."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
