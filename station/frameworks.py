"""Which framework a procedure is written for, what its folder needs to run here, and how it is started.

Source: contract/run-json.md §2.1.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from station.procedure_file import ProcedureRefused, find_file, load

ENTRY = "main.py"
DECLARED = (".yaml", ".yml")
SUITE = ".robot"
_REQUIREMENTS = ("requirements.txt", "pyproject.toml", "uv.lock", "pylock.toml")
_OPENHTF_IMPORTED = re.compile(rb"^[ \t]*(?:import|from)[ \t]+openhtf\b", re.MULTILINE)
_CONNECTORS = Path(__file__).parent / "connectors" / "start.py"
_CONDUCTOR = Path(__file__).parent / "conductor" / "start.py"
_UNIT_FIELDS = ("serial_number", "part_number", "revision_number", "batch_number")
_AUTO_IDENTIFY = ("STATIONMASTER_AUTO_IDENTIFY", "TOFUPILOT_AUTO_IDENTIFY")
# What the Operator UI can show so far.
_SHOWN = frozenset({"text", "image", "text_input", "textarea", "number_input", "switch", "radio", "select"})
# What would make another interpreter find the wrong modules, and what a procedure has no business to know.
_HIDDEN = ("PYTHONHOME", "PYTHONPATH", "TOFUPILOT_API_KEY", "TOFUPILOT_URL")
_HIDDEN_PREFIX = "STATIONMASTER_"


class Framework(StrEnum):
    """The front doors."""

    NATIVE = "native"
    OPENHTF = "openhtf"
    PYTEST = "pytest"
    ROBOT = "robot"
    PLAIN = "plain"


def framework_of(folder: Path, entry: str | None = None) -> Framework:
    """What the procedure in a folder is written for. ``entry``: the one file in it that was named, if one was."""
    if declared_file(folder, entry) is not None:
        return Framework.NATIVE
    if entry is not None and entry.endswith(SUITE):
        return Framework.ROBOT
    if _names(folder, "openhtf") or _imports_openhtf(folder / (entry or ENTRY)):
        return Framework.OPENHTF
    if _has_tests(folder):
        return Framework.PYTEST
    if _names(folder, "robotframework") or any(folder.glob(f"*{SUITE}")):
        return Framework.ROBOT
    return Framework.PLAIN


def declared_file(folder: Path, entry: str | None = None) -> Path | None:
    """The file that declares the procedure: the one that was named, whatever its name is, else by its usual name."""
    if entry is not None and entry.endswith(DECLARED):
        return folder / entry
    return find_file(folder)


def check_folder(folder: Path, entry: str | None = None) -> str | None:
    """Why this folder cannot be run as a procedure, in one sentence. None when it can."""
    if not folder.is_dir():
        return f"The folder {folder} does not exist."
    declared = declared_file(folder, entry)
    if declared is not None:
        return _problem_of(declared)
    if framework_of(folder, entry) not in (Framework.OPENHTF, Framework.PLAIN):
        return None
    name = entry or ENTRY
    if not (folder / name).is_file():
        return f"The folder {folder} has no {name}, no tests of pytest and no suites of Robot Framework."
    return None


def command_of(framework: Framework, folder: Path, entry: str | None, python: Path, attachments: Path) -> list[str]:
    """The command line; the numbers of the process's pipes go between its first two parts and the rest.

    A declared procedure is conducted in the station's own interpreter, everything else starts in the procedure's.
    """
    connector = [str(python), str(_CONNECTORS), f"{framework.value}_run", str(folder)]
    match framework:
        case Framework.NATIVE:
            declared = declared_file(folder, entry)
            name = declared.name if declared is not None else ""
            return [sys.executable, str(_CONDUCTOR), str(folder), name, str(attachments), str(python)]
        case Framework.OPENHTF:
            return [*connector, entry or ENTRY, str(attachments)]
        case Framework.PYTEST:
            return [*connector, entry or "", _identification(folder)]
        case Framework.ROBOT:
            return [*connector, entry or "", str(attachments), _identification(folder)]
        case Framework.PLAIN:
            return [*connector, entry or ENTRY]


def environment_for(extra: Mapping[str, str], visa_library: str | None) -> dict[str, str]:
    """The environment of the procedure's process."""
    environment = {
        name: value for name, value in os.environ.items() if name not in _HIDDEN and not name.startswith(_HIDDEN_PREFIX)
    }
    environment.update(PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    if visa_library:
        environment["PYVISA_LIBRARY"] = visa_library
    return {**environment, **extra}


def read_project(folder: Path) -> dict[str, Any]:
    """The folder's ``pyproject.toml``; empty where there is none that can be read."""
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _identification(folder: Path) -> str:
    """How the unit of a project of pytest or Robot Framework is asked for, and what the project says of it."""
    tools = read_project(folder).get("tool")
    section: Any = {}
    if isinstance(tools, dict):
        section = tools.get("stationmaster") or tools.get("tofupilot") or {}
    if not isinstance(section, dict):
        section = {}
    unit = {field: str(section[field]) for field in _UNIT_FIELDS if section.get(field)}
    is_auto = section.get("auto_identify") is True or any(os.environ.get(name) for name in _AUTO_IDENTIFY)
    return json.dumps({"mode": "auto" if is_auto else "ask", "unit": unit})


def _problem_of(file: Path) -> str | None:
    """Why a declared procedure cannot be run: everything that is wrong with its file, or what cannot be done yet."""
    try:
        procedure = load(file).procedure
    except ProcedureRefused as refused:
        return str(refused)
    if len(procedure.slots) > 1:
        return f"{file} declares {len(procedure.slots)} slots; procedures with more than one come later."
    for phase in (*procedure.setup, *procedure.main, *procedure.teardown):
        shown = {component.type for component in phase.ui.components} if phase.ui is not None else set()
        if not shown <= _SHOWN:
            return f"{file}: the phase “{phase.name}” shows a {sorted(shown - _SHOWN)[0]}, which comes later."
    return None


def _has_tests(folder: Path) -> bool:
    if (folder / "pytest.ini").is_file() or (folder / "conftest.py").is_file():
        return True
    if any(folder.glob("test_*.py")) or any(folder.glob("tests/test_*.py")):
        return True
    return _names(folder, "pytest")  # which a section [tool.pytest.ini_options] does as well


def _names(folder: Path, package: str) -> bool:
    """Whether the folder's project or requirements name a package."""
    named = re.compile(rb"(?<![\w-])" + package.encode() + rb"(?![\w-])", re.IGNORECASE)
    files = [folder / name for name in _REQUIREMENTS]
    return any(named.search(file.read_bytes()) for file in files if file.is_file())


def _imports_openhtf(script: Path) -> bool:
    """A script that imports OpenHTF needs nothing else to be known by."""
    return script.is_file() and _OPENHTF_IMPORTED.search(script.read_bytes()) is not None
