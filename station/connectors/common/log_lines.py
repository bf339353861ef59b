"""What is written to Python's own loggers, as it is written."""

from __future__ import annotations

import logging

from .reasons import own_file
from .stage import Stage

_LEVELS = ((logging.CRITICAL, "CRITICAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARNING"))


class LogLines(logging.Handler):
    """Sends records of INFO and above; with file and line where they come from the procedure's own files."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(logging.INFO)
        self._stage = stage

    def install(self) -> None:
        """Listen to all loggers."""
        root = logging.getLogger()
        root.addHandler(self)
        if root.level > logging.INFO:
            root.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record. An error in here must not disturb the test."""
        try:
            level = next((name for number, name in _LEVELS if record.levelno >= number), "INFO")
            own = own_file(record.pathname, self._stage.folder)
            self._stage.log(level, self.format(record), file=own, line=record.lineno if own else None)
        except Exception:  # noqa: BLE001 - logging's own rule: report, never raise
            self.handleError(record)
