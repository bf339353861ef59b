"""What Robot Framework tells of its tests, told to the station. A listener of version 3."""

from __future__ import annotations

from typing import Any

from ..common.stage import Phase, Stage
from .causes import Causes

_LEVELS = {"INFO": "INFO", "WARN": "WARNING", "ERROR": "ERROR", "FAIL": "ERROR"}  # below them nothing is told


class Listener:
    """One execution of suites. ``outcomes``: of the tests that were executed, in their order."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, stage: Stage, keys: dict[int, tuple[str, str]], causes: Causes) -> None:
        self.outcomes: list[str] = []
        self.teardown_error: str | None = None  # of a suite
        self._stage = stage
        self._keys = keys
        self._causes = causes
        self._last_error: str | None = None
        self._told: Any = None

    def start_test(self, data: Any, _result: Any) -> None:
        """A test case begins."""
        self._causes.is_assertion = False
        self._last_error = None
        key, name = self._keys[id(data)]
        self._stage.begin_phase(Phase(key, name, str(data.doc) or None))

    def end_test(self, _data: Any, result: Any) -> None:
        """A test case is over, its teardown too."""
        outcome = self._outcome(result)
        message = str(result.message) or None
        if outcome in ("FAIL", "ERROR") and message and not (self._last_error and message.endswith(self._last_error)):
            self._stage.log("ERROR", message)
        self.outcomes.append(outcome)
        self._stage.end_phase(outcome, message if outcome != "PASS" else None)

    def end_suite(self, _data: Any, result: Any) -> None:
        """A suite is over. Its tests have had their verdicts before its teardown."""
        _, failed, words = str(result.message).partition("uite teardown failed:")  # alone, or after a failed setup
        if failed:
            self.teardown_error = self.teardown_error or f"The teardown of {result.name} failed: {words.strip()}"

    def log_message(self, message: Any) -> None:
        """A line of the log of a keyword."""
        self._tell(message)

    def message(self, message: Any) -> None:
        """A line about the execution itself, where something is wrong. A warning of a keyword comes here again."""
        if message.level in ("WARN", "ERROR") and message is not self._told:
            self._tell(message)

    def _tell(self, message: Any) -> None:
        self._told = message
        level = _LEVELS.get(message.level)
        if level is not None:
            text = str(message.message)
            self._last_error = text if level == "ERROR" else self._last_error
            self._stage.log(level, text)

    def _outcome(self, result: Any) -> str:
        if result.status == "PASS":
            return "PASS"
        if result.status != "FAIL":
            return "SKIP"
        if self._stage.stop_asked:
            return "ABORTED"
        return "FAIL" if self._causes.is_assertion else "ERROR"
