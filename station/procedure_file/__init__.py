"""procedure.yaml: the declared form of a procedure. Source: contract/procedure-format.md.

Loading touches no other file and names every problem at once, with its line and a suggestion. Where the format's first
implementation lets a limit pass that was never judged, ours refuses the file or fails the measurement; a file that was
right there is right here.
"""

from __future__ import annotations

from station.procedure_file.loading import ENTRIES, find_file, load, load_text
from station.procedure_file.models import Procedure
from station.procedure_file.problems import Loaded, Problem, ProcedureRefused

__all__ = ["ENTRIES", "Loaded", "Problem", "Procedure", "ProcedureRefused", "find_file", "load", "load_text"]
