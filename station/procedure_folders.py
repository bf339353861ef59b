"""Which procedures the portal linked to this station, and where each one lies on this bench.

The list is kept in the home, so that a station that starts without its portal still knows what it may run.
Folders are looked for in order: ``--procedures``, ``<home>/procedures``, the examples shipped with the program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from station.engine import check_folder
from station.home import Home, write_privately
from station.protocol import LinkedProcedure, LocalProcedure, LocalProcedures
from stationmaster.resources import folder

IDENTIFIER = re.compile(r"[a-z0-9_-]{1,60}", re.IGNORECASE)  # it names a folder: never a path

_LIST: TypeAdapter[list[LinkedProcedure]] = TypeAdapter(list[LinkedProcedure])

log = structlog.get_logger(__name__)


class NoSuchProcedure(Exception):
    """It is not linked, or it cannot run here. The text says why, for people."""


class ProcedureFolders:
    """The linked procedures and their folders."""

    def __init__(self, home: Home, extra_folders: Sequence[Path] = ()) -> None:
        self._file = home.linked_file
        self._places = [*extra_folders, home.procedures, *_shipped()]
        self._linked = self._load()

    @property
    def linked(self) -> list[LinkedProcedure]:
        """What the portal said last."""
        return list(self._linked)

    def link(self, procedures: Sequence[LinkedProcedure]) -> None:
        """Take over the portal's list and keep it."""
        if list(procedures) == self._linked:
            return
        self._linked = list(procedures)
        try:
            write_privately(self._file, _LIST.dump_json(self._linked, indent=2).decode() + "\n")
        except OSError:
            log.exception("linked_procedures_not_kept")  # it is said again at the next connection

    def report(self) -> LocalProcedures:
        """Which of the linked procedures can run here, and why the others cannot."""
        return LocalProcedures(
            procedures=[
                LocalProcedure(procedure_id=procedure.procedure_id, problem=self._problem(procedure))
                for procedure in self._linked
            ]
        )

    def get(self, procedure_id: str) -> tuple[LinkedProcedure, Path]:
        """A linked procedure and its folder. Raises `NoSuchProcedure`."""
        for procedure in self._linked:
            if procedure.procedure_id == procedure_id:
                return procedure, self._folder_of(procedure)
        raise NoSuchProcedure("This procedure is not linked to the station.")

    def find_by_identifier(self, identifier: str) -> LinkedProcedure | None:
        """A linked procedure by its short name."""
        for procedure in self._linked:
            if procedure.identifier.lower() == identifier.lower():
                return procedure
        return None

    def _folder_of(self, procedure: LinkedProcedure) -> Path:
        path = self._find(procedure.identifier)
        if path is None:
            places = ", ".join(str(place) for place in self._places)
            raise NoSuchProcedure(f"There is no folder named {procedure.identifier} in {places}.")
        problem = check_folder(path)
        if problem:
            raise NoSuchProcedure(problem)
        return path

    def _find(self, identifier: str) -> Path | None:
        if not IDENTIFIER.fullmatch(identifier):
            return None
        for place in self._places:
            if (place / identifier).is_dir():
                return place / identifier
        return None

    def _problem(self, procedure: LinkedProcedure) -> str | None:
        try:
            self._folder_of(procedure)
        except NoSuchProcedure as error:
            return str(error)
        return None

    def _load(self) -> list[LinkedProcedure]:
        try:
            return _LIST.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValidationError):
            log.warning("linked_procedures_not_readable", path=str(self._file))
            return []


def _shipped() -> list[Path]:
    try:
        return [folder("procedures")]
    except FileNotFoundError:
        return []
