"""What a procedure's folder needs to run here, and what it is run with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from station.procedure_file import ProcedureRefused, find_file, load

ENTRY = "main.py"
_REQUIREMENTS = ("requirements.txt", "pyproject.toml", "uv.lock", "pylock.toml")
_OPENHTF_NAMED = re.compile(rb"(?<![\w-])openhtf(?![\w-])", re.IGNORECASE)
_OPENHTF_IMPORTED = re.compile(rb"^[ \t]*(?:import|from)[ \t]+openhtf\b", re.MULTILINE)
_CONNECTOR = Path(__file__).parent / "connectors" / "openhtf.py"
_CONDUCTOR = Path(__file__).parent / "conductor" / "start.py"
# What the Operator UI can show so far.
_SHOWN = frozenset({"text", "image", "text_input", "textarea", "number_input", "switch", "radio", "select"})
# What would make another interpreter find the wrong modules, and what a procedure has no business to know.
_HIDDEN = ("PYTHONHOME", "PYTHONPATH", "TOFUPILOT_API_KEY", "TOFUPILOT_URL")
_HIDDEN_PREFIX = "STATIONMASTER_"


def check_folder(folder: Path) -> str | None:
    """Why this folder cannot be run as a procedure, in one sentence. None when it can."""
    if not folder.is_dir():
        return f"The folder {folder} does not exist."
    declared = find_file(folder)
    if declared is not None:
        return _problem_of(declared)
    if not (folder / ENTRY).is_file():
        return f"The folder {folder} has no {ENTRY}."
    if not _is_openhtf(folder):
        return f"{folder / ENTRY} is not an OpenHTF script; other kinds of procedures come later."
    return None


def interpreter_of(folder: Path, default: Path | None) -> Path:
    """The interpreter for a procedure: of the environment in its folder, else the default, else the station's own.

    By its path as it is: resolving ``.venv/bin/python`` would lead to an interpreter without the environment.
    """
    own = folder / ".venv" / "bin" / "python"
    return own if own.exists() else default or Path(sys.executable)


def connector_command(python: Path, folder: Path, attachments: Path) -> list[str]:
    """The command line of the connector; the numbers of its pipes go between the first two parts and the rest.

    See `station.connectors.openhtf`; a declared procedure is conducted in the station's own interpreter.
    """
    declared = find_file(folder)
    if declared is None:
        return [str(python), str(_CONNECTOR), str(folder), ENTRY, str(attachments)]
    return [sys.executable, str(_CONDUCTOR), str(folder), declared.name, str(attachments), str(python)]


def environment_for(extra: Mapping[str, str], visa_library: str | None) -> dict[str, str]:
    """The environment of the procedure's process."""
    environment = {
        name: value for name, value in os.environ.items() if name not in _HIDDEN and not name.startswith(_HIDDEN_PREFIX)
    }
    environment.update(PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    if visa_library:
        environment["PYVISA_LIBRARY"] = visa_library
    return {**environment, **extra}


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


def _is_openhtf(folder: Path) -> bool:
    """Source: contract/run-json.md §2.1; a plain import in the entry file counts as well."""
    if _OPENHTF_IMPORTED.search((folder / ENTRY).read_bytes()):
        return True
    files = [folder / name for name in _REQUIREMENTS]
    return any(_OPENHTF_NAMED.search(file.read_bytes()) for file in files if file.is_file())
