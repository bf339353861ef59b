"""What a procedure's folder needs to run here, and what it is run with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ENTRY = "main.py"
_REQUIREMENTS = ("requirements.txt", "pyproject.toml", "uv.lock", "pylock.toml")
_OPENHTF_NAMED = re.compile(rb"(?<![\w-])openhtf(?![\w-])", re.IGNORECASE)
_OPENHTF_IMPORTED = re.compile(rb"^[ \t]*(?:import|from)[ \t]+openhtf\b", re.MULTILINE)
_CONNECTOR = Path(__file__).parent / "connectors" / "openhtf.py"
# What would make another interpreter find the wrong modules, and what a procedure has no business to know.
_HIDDEN = ("PYTHONHOME", "PYTHONPATH", "TOFUPILOT_API_KEY", "TOFUPILOT_URL")
_HIDDEN_PREFIX = "STATIONMASTER_"


def check_folder(folder: Path) -> str | None:
    """Why this folder cannot be run as a procedure, in one sentence. None when it can."""
    if not folder.is_dir():
        return f"The folder {folder} does not exist."
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
    """The command line of the connector; the numbers of its two pipes go between the two parts of it.

    See `station.connectors.openhtf`.
    """
    return [str(python), str(_CONNECTOR), str(folder), ENTRY, str(attachments)]


def environment_for(extra: Mapping[str, str], visa_library: str | None) -> dict[str, str]:
    """The environment of the procedure's process."""
    environment = {
        name: value for name, value in os.environ.items() if name not in _HIDDEN and not name.startswith(_HIDDEN_PREFIX)
    }
    environment.update(PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    if visa_library:
        environment["PYVISA_LIBRARY"] = visa_library
    return {**environment, **extra}


def _is_openhtf(folder: Path) -> bool:
    """Source: contract/run-json.md §2.1; a plain import in the entry file counts as well."""
    if _OPENHTF_IMPORTED.search((folder / ENTRY).read_bytes()):
        return True
    files = [folder / name for name in _REQUIREMENTS]
    return any(_OPENHTF_NAMED.search(file.read_bytes()) for file in files if file.is_file())
