"""How a run ended: the verdict of the test, or why there is none."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from station.events import Message
from station.protocol import Outcome

# Of a plain script; every other status is FAIL. Source: contract/run-json.md §2.3.
_OUTCOMES = {0: Outcome.PASS, 5: Outcome.ERROR, **dict.fromkeys(range(129, 193), Outcome.ABORTED)}
_STDERR_BYTES = 4096  # of the end of the output, kept for the reason of a crash; contract/run-json.md §3.1


@dataclass(frozen=True)
class Crash:
    """Why a run has no verdict of its own. ``kind``: contract/station-agent.md §5.2."""

    kind: str
    error: str


class Ending:
    """Collects what is known about the end.

    ``status``: of the process, negative for a signal; None where there was no process.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.was_stopped = False
        self.metadata: dict[str, Any] = {}
        self._is_judged_by_status = False
        self._exit_code: int | None = None
        self._verdict: Outcome | None = None
        self._verdict_error: str | None = None
        self._crash: Crash | None = None
        self._stderr = ""

    def note_test_start(self, message: Message) -> None:
        """The test begins. Of a plain script the exit status is the verdict, and there is no other."""
        self._is_judged_by_status = message.get("is_judged_by_status", False)

    def note_test_end(self, message: Message) -> None:
        """The test record's own verdict."""
        self._verdict = Outcome(message["outcome"])
        self._verdict_error = message["error"]
        self._exit_code = message.get("exit_code")

    def note_status(self, status: int | None) -> None:
        """The process has ended."""
        self.status = status
        if self._is_judged_by_status and status is not None and status >= 0 and not self.was_stopped:
            self._verdict, self._exit_code = _OUTCOMES.get(status, Outcome.FAIL), status
            if status:
                self._verdict_error = self._with_stderr(f"The script ended with exit status {status}.")

    def note_metadata(self, message: Message) -> None:
        """Facts about the run that its phases have set."""
        self.metadata = dict(message["run"])

    def note_script_error(self, message: Message) -> None:
        """The script raised, or could not be loaded."""
        self.crash(message["error_kind"], "\n".join(filter(None, (message["error"], message["traceback"]))))

    def note_stderr(self, text: str) -> None:
        """Keep the last lines of what was written to stderr."""
        self._stderr = f"{self._stderr}{text}\n".encode()[-_STDERR_BYTES:].decode("utf-8", "ignore")

    def crash(self, kind: str, error: str) -> None:
        """The run cannot go on. The first reason counts."""
        self._crash = self._crash or Crash(kind, error)

    @property
    def has_verdict(self) -> bool:
        """Whether the test came to its own end."""
        return self._verdict is not None

    @property
    def outcome(self) -> Outcome:
        """The verdict of the run."""
        if self._verdict:
            return self._verdict
        return Outcome.ABORTED if self.was_stopped else Outcome.ERROR

    @property
    def exit_code(self) -> int | None:
        """What the framework has of its own for its verdict."""
        return self._exit_code if self._verdict else None

    @property
    def error(self) -> str | None:
        """What the test record says about an error."""
        return self._verdict_error if self._verdict else None

    def crash_to_tell(self) -> Crash | None:
        """Why there is no verdict. None when there is one, or when the run was stopped."""
        if self._verdict or self.was_stopped:
            return None
        if self._crash:
            return self._crash
        return Crash("subprocess_crash", self._with_stderr(self._end_in_words()))

    def _end_in_words(self) -> str:
        if self.status is None:
            return "The procedure was never started."
        if self.status < 0:
            number = -self.status
            try:
                name = f"{signal.Signals(number).name} "
            except ValueError:
                name = ""
            return f"The procedure's process was ended by signal {name}({number})."
        if self.status:
            return f"The procedure's process ended with exit status {self.status} before its test was over."
        return "The script ended without executing a test."

    def _with_stderr(self, words: str) -> str:
        return "\n".join(filter(None, (words, self._stderr.strip())))
