"""Which lines of a run's log an operator is shown: all but the summary that OpenHTF prints of the whole test.

OpenHTF's ``ConsoleSummary`` says again, in the words of its source (``failed_item: rail (Outcome.UNSET)``), what the
page shows as the verdict and as a list of failures. The record keeps every line; only the Operator UI leaves these out.
"""

from __future__ import annotations

import re
from typing import Protocol

_SUMMARY = re.compile(
    r"""[^\s:]*:(PASS|FAIL|ERROR|TIMEOUT|ABORTED)
    | (failed|timeout)\ phase:\ .*\ \[ran\ for\ [\d.]+\ sec\]
    | \s+failed_item:\ .*
    | \s+(measured_value|validator|exception\ type):\ .*
    | \s+validators:""",
    re.VERBOSE,
)


class Line(Protocol):
    """A line of log, as an event or as it is kept."""

    @property
    def message(self) -> str:
        """The text."""

    @property
    def phase_key(self) -> str:
        """The phase it was written in; empty outside of phases."""

    @property
    def file(self) -> str | None:
        """The procedure's file that wrote it; None for a line of the framework."""


def is_for_operators(line: Line) -> bool:
    """Whether the Operator UI shows the line. What the procedure's own files write is always shown."""
    is_of_framework = line.file is None and not line.phase_key
    return not (is_of_framework and _SUMMARY.fullmatch(line.message))
