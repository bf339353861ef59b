"""The deadlines of a run: to start, to stop, to be killed, to leave after the script's end."""

from __future__ import annotations

import time

_KILL_AFTER_S = 2.0  # between SIGTERM and SIGKILL when a person asked to kill
_LEAVE_AFTER_S = 5.0  # for a script that has ended to let go of its threads and its interpreter
_STOP_LIMIT_FACTOR = 6  # a teardown that makes progress may take longer than the grace time, but not for ever


class StopClock:
    """Knows what was asked, and when patience ends. All times on the monotonic clock."""

    def __init__(self, grace_s: float, start_limit_s: float) -> None:
        self.start_limit_s = start_limit_s
        self.grace_s = grace_s
        self._is_ready = False
        self._spawned_s: float | None = None
        self._asked_s: float | None = None
        self._progress_s = 0.0
        self._kill_s: float | None = None
        self._script_ended_s: float | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the run is to end before its end."""
        return self._asked_s is not None

    def ask(self) -> bool:
        """A stop is asked for. False when one was before."""
        if self.is_asked:
            return False
        self._asked_s = self._progress_s = time.monotonic()
        return True

    def ask_kill(self) -> bool:
        """A kill is asked for. False when one was before."""
        if self._kill_s is not None:
            return False
        self._kill_s = time.monotonic()
        self._asked_s = self._asked_s or self._kill_s
        return True

    def note_spawned(self) -> None:
        """The process was started."""
        self._spawned_s = time.monotonic()

    def note_ready(self, _message: object = None) -> None:
        """The connector gave its first sign of life."""
        self._is_ready = True

    def note_progress(self) -> None:
        """A phase began or ended, or asks something: a teardown that gets on is not to be cut short."""
        self._progress_s = time.monotonic()

    def note_script_end(self, _message: object = None) -> None:
        """The script is through; only its interpreter still has to leave."""
        self._script_ended_s = time.monotonic()

    @property
    def is_stalled(self) -> bool:
        """Whether the process gave no sign of life for too long."""
        if self._is_ready or self._spawned_s is None:
            return False
        return time.monotonic() - self._spawned_s > self.start_limit_s

    @property
    def is_over_time(self) -> bool:
        """Whether the process must be ended now."""
        now = time.monotonic()
        if self._kill_s is not None:
            return now - self._kill_s > _KILL_AFTER_S
        if self._script_ended_s is not None and now - self._script_ended_s > _LEAVE_AFTER_S:
            return True
        if self._asked_s is None:
            return False
        is_stuck = now - self._progress_s > self.grace_s
        return is_stuck or now - self._asked_s > self.grace_s * _STOP_LIMIT_FACTOR
