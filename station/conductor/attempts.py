"""One attempt of a phase, from its beginning to its end, as far as the conductor knows of it."""

from __future__ import annotations

import time
from typing import Any

from station.conductor.processes import Process
from station.conductor.verdicts import End
from station.procedure_file.models import Phase

INTERRUPT_LIMIT_S = 2.0  # for the ``finally`` blocks of a phase that is being stopped
OVERTIME_LIMIT_S = 0.5  # for those of a phase whose time is up


class Attempt:
    """Executed by ``worker``; by none, where a phase only shows its screen. ``number`` counts from 1."""

    def __init__(self, phase: Phase, stage: str, key: str, number: int, worker: Process | None) -> None:
        self.phase = phase
        self.stage = stage
        self.key = key
        self.number = number
        self.worker = worker
        self.started_t = time.monotonic()
        self.deadline = None if phase.timeout is None else self.started_t + phase.timeout.total_seconds()
        self.measured: dict[str, dict[str, Any]] = {}
        self.prompt_id: str | None = None
        self.end: End | None = None
        self.error: str | None = None
        self._is_late = False
        self._is_interrupted = False

    @property
    def place(self) -> dict[str, Any]:
        """What every message about it carries."""
        return {"phase": self.key, "attempt": self.number}

    @property
    def is_over(self) -> bool:
        """Whether its function has ended and, where that went well, its question is answered."""
        return self.end is not None and (self.prompt_id is None or self.end != "ok")

    def finish(self, end: End, error: str | None) -> None:
        """Its function has ended, or its process has. Why it was made to end counts for more than how."""
        if self._is_late and self.phase.timeout is not None:
            end = "timeout"
            error = f"The phase took longer than its limit of {self.phase.timeout.total_seconds():g} s."
        elif self._is_interrupted:
            end, error = "interrupted", None
        self.end, self.error = end, error

    def interrupt(self) -> None:
        """The run is being stopped."""
        if self.end is None or self.prompt_id is not None:
            self._is_interrupted = True
            self._press(INTERRUPT_LIMIT_S)

    def time_is_up(self, now: float) -> None:
        """A deadline has passed: of the phase, or of an interruption that was not obeyed."""
        if self._is_late or self._is_interrupted:
            self.deadline = None
            if self.worker is not None:
                self.worker.kill()
        else:
            self._is_late = True
            self._press(OVERTIME_LIMIT_S, now)

    def _press(self, limit_s: float, now: float | None = None) -> None:
        if self.worker is None or self.end is not None:
            self.finish("interrupted", None)
            self.deadline = None
        else:
            self.worker.terminate()
            self.deadline = (now or time.monotonic()) + limit_s
