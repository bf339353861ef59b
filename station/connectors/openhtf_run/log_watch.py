"""The lines that the procedure's own files write to OpenHTF's logger, as they are written."""

from __future__ import annotations

import logging

from ..common.reasons import own_file
from ..common.wire import Wire
from .phases import PhaseWatch

_LEVELS = (
    (logging.CRITICAL, "CRITICAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARNING"),
    (logging.INFO, "INFO"),
)


class LogWatch(logging.Handler):
    """Sends log lines of the procedure's files; of the framework's own chatter only what carries a traceback."""

    def __init__(self, wire: Wire, watch: PhaseWatch, folder: str) -> None:
        super().__init__(logging.NOTSET)
        self._wire = wire
        self._watch = watch
        self._folder = folder

    def install(self) -> None:
        """Listen to OpenHTF's logger."""
        logging.getLogger("openhtf").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line. An error in here must not disturb the test."""
        own = own_file(record.pathname, self._folder)
        if not own and not (record.exc_info and record.levelno >= logging.WARNING):
            return
        try:
            self._wire.emit(
                "log",
                **self._watch.place,
                level=next((name for number, name in _LEVELS if record.levelno >= number), "DEBUG"),
                message=self.format(record),
                file=own,
                line=record.lineno if own else None,
            )
        except Exception:  # noqa: BLE001 - logging's own rule: report, never raise
            self.handleError(record)
