"""What is asked of the engine: one execution of one procedure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunRequest:
    """One run of a procedure.

    ``entry``: the one file of the folder that was named; None: the folder decides.
    ``serial_number``: the unit, which is then not asked for.
    ``answers``: recorded answers, by name or key of the phase (``identify_unit`` for the unit), then by component.
    ``visa_library``: what ``pyvisa.ResourceManager()`` uses in the procedure, such as ``@bench``.
    ``environment``: variables for the procedure's process.
    """

    procedure_id: str
    procedure_name: str
    folder: Path
    operated_by: str | None
    entry: str | None = field(default=None, kw_only=True)
    serial_number: str | None = None
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    visa_library: str | None = None
    is_simulated: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
