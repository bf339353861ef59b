"""Runs the suites of the procedure's folder, as ``robot FOLDER`` would, and tells the station how that went."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..common.missing import missing_in_words
from ..common.stage import ERROR_STATUS, Stage

_FAILED = 1  # exit code, contract/run-json.md §2.3
_LONGEST_NAME = 200  # characters
_LIBRARY = Path(__file__).parent.parent / "robot_library"


def run(pipes: list[int], folder: str, entry: str, attachments: str, identification: str) -> int:
    """``entry``: the one file to run, else empty; ``identification``: JSON with ``mode`` and ``unit``."""
    stage = Stage(pipes, folder)
    sys.dont_write_bytecode = True  # of the project's libraries, whose folder is left as it was
    sys.path.append(str(_LIBRARY))  # behind the project's own, which win
    return stage.carry_out(lambda: _suites(stage, entry, attachments, **json.loads(identification)))


def _suites(stage: Stage, entry: str, attachments: str, mode: str, unit: dict[str, Any]) -> tuple[str, int, str | None]:
    try:
        from robot.api import TestSuiteBuilder
        from robot.errors import DataError

        from .causes import Causes
        from .keywords import Bench
        from .listener import Listener
    except ImportError as error:
        return _refusal(stage, missing_in_words("robotframework", error))
    try:
        suite = TestSuiteBuilder().build(str(Path(stage.folder, entry)))
    except DataError as error:
        return _refusal(stage, f"Robot Framework refuses the suites: {error}")
    suite.remove_empty_suites()
    phases, keys = _plan(suite, stage.folder)
    if not phases:
        return _refusal(stage, f"There is no test case in {entry or 'the suites of this folder'}.")
    stage.begin_run(phases, stage.identify(mode, unit), docstring=_documentation(suite))
    Bench.stage = stage
    causes = Causes()
    causes.install()
    listener = Listener(stage, keys, causes)
    output = Path(attachments, "output.xml")
    try:
        result = suite.run(listener=listener, console="none", output=str(output), log=None, report=None)
    except DataError as error:
        return "ERROR", ERROR_STATUS, f"Robot Framework cannot execute the suites: {error}"
    if output.is_file():
        size = output.stat().st_size
        stage.wire.emit(
            "attachment", phase="", attempt=1, name=output.name, path=str(output), mimetype="text/xml", size_bytes=size
        )
    return _verdict(listener.outcomes, listener.teardown_error, int(result.return_code))


def _refusal(stage: Stage, words: str) -> tuple[str, int, str | None]:
    stage.begin_run([], {})
    stage.log("ERROR", words)
    return "ERROR", ERROR_STATUS, words


def _documentation(suite: Any) -> str | None:
    """Of the suite, or of the only one within it: a folder with one file is that file."""
    while not suite.doc and len(suite.suites) == 1:
        suite = suite.suites[0]
    return str(suite.doc) or None


def _plan(suite: Any, folder: str) -> tuple[list[dict[str, str]], dict[int, tuple[str, str]]]:
    """The phases, and key and name of each test by its identity."""
    phases: list[dict[str, str]] = []
    keys: dict[int, tuple[str, str]] = {}
    for index, test in enumerate(_tests_in(suite)):
        name = f"{_file_of(test, folder)}::{test.name}"
        keys[id(test)] = f"{index}_{name}"[:_LONGEST_NAME], name[:_LONGEST_NAME]
        phases.append({"key": keys[id(test)][0], "name": keys[id(test)][1]})
    return phases, keys


def _tests_in(suite: Any) -> Iterator[Any]:
    """In the order of their execution."""
    for inner in suite.suites:
        yield from _tests_in(inner)
    yield from suite.tests


def _file_of(test: Any, folder: str) -> str:
    source = Path(str(test.source))
    try:
        return source.relative_to(folder).as_posix()
    except ValueError:
        return source.name


def _verdict(outcomes: list[str], teardown_error: str | None, status: int) -> tuple[str, int, str | None]:
    if not outcomes:
        return "ERROR", ERROR_STATUS, "Robot Framework executed no test case."
    if "ERROR" in outcomes:
        return "ERROR", ERROR_STATUS, None
    if "FAIL" in outcomes or teardown_error:
        return "FAIL", _FAILED, teardown_error
    if status:
        return "ERROR", ERROR_STATUS, f"Robot Framework ended with status {status}."
    return "PASS", 0, None
