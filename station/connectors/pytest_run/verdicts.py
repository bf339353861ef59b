"""The verdict of a test and of the whole session. Source: contract/run-json.md §2.3 and §6.3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..common.reasons import own_file

_FAILED = 1  # pytest's own status for "tests were run, some failed"
_ERROR_STATUS = 5
_STRICT = "[XPASS(strict)]"


class Attempt:
    """One execution of a test, as its reports tell of it."""

    def __init__(self, item: Any, number: int) -> None:
        self.item = item
        self.number = number
        self.outcome = "PASS"
        self.error: str | None = None
        self.expected: str | None = None

    def take(self, report: Any, root: str, folder: str) -> None:
        """One report: of setup, call or teardown, or of a part of the call (a subtest). Paths in it begin at root."""
        if report.when == "call" and report.failed and str(report.longrepr).startswith(_STRICT):
            reason = str(report.longrepr)[len(_STRICT) :].strip()
            self._set("FAIL", f"It was expected to fail, and passed. {reason}".strip())
            self.expected = "XPASS"
        elif report.failed:
            self._set("FAIL" if report.when == "call" else "ERROR", crash_in_words(report, root, folder))
        elif report.skipped and hasattr(report, "wasxfail"):
            self._set("SKIP", f"It failed, as expected. {report.wasxfail}".strip())
            self.expected = "XFAIL"
        elif report.skipped and self.outcome == "PASS":
            self._set("SKIP", _reason_to_skip(report))

    def _set(self, outcome: str, error: str) -> None:
        """The first failure counts; one in the teardown is told as well."""
        if self.outcome in ("FAIL", "ERROR"):
            self.error = f"{self.error}\n{error}"
        else:
            self.outcome, self.error, self.expected = outcome, error, None


class Findings:
    """What a session has found."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.collection_errors: list[str] = []
        self.interruption: str | None = None
        self.internal_error: str | None = None

    def verdict(self, status: int, said: str) -> tuple[str, int, str | None]:
        """Outcome, exit code and reason. ``status``: pytest's own; ``said``: its last words on stderr."""
        problem = self._problem(status, said)
        if problem is not None:
            return "ERROR", _ERROR_STATUS, problem
        if "ERROR" in self.outcomes:
            return "ERROR", _FAILED, None
        if "FAIL" in self.outcomes:
            return "FAIL", _FAILED, None
        if status:
            return "FAIL", _FAILED, "Every test passed, but pytest reported a failure: a plugin may demand more."
        return "PASS", 0, None

    def _problem(self, status: int, said: str) -> str | None:
        """Why the session says nothing about the unit."""
        if self.internal_error:
            return f"Pytest failed: {self.internal_error}"
        if self.collection_errors:
            return f"Not every test could be loaded: {self.collection_errors[0]}"
        if self.interruption:
            return f"The tests were interrupted: {self.interruption}"
        if not self.outcomes:
            return "Pytest found no test." if status in (0, _ERROR_STATUS) else f"Pytest could not start: {said}"
        return f"Pytest ended with status {status}. {said}".strip() if status > _FAILED else None


def collection_error(report: Any, nodeid: str) -> str:
    """Why a file could not be collected: the file, and the last line that says it."""
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    causes = [line[1:].strip() for line in lines if line.startswith("E ")]
    return f"{nodeid or 'the tests'}: {causes[-1] if causes else lines[-1] if lines else 'no reason given'}"


def crash_in_words(report: Any, root: str, folder: str) -> str:
    """What failed, in few lines: the exception with its place, or pytest's own text."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return str(report.longrepr).strip()
    stage = "" if report.when == "call" else f"{report.when}: "
    for place in reversed([one for one in map(_place_of, _entries(report)) if one is not None]):
        own = own_file(str(Path(root, place.path)), folder)
        if own is not None:  # the innermost line of the procedure's own files
            return f"{stage}{crash.message} ({own}, line {place.lineno})"
    return f"{stage}{crash.message} ({Path(crash.path).name}, line {crash.lineno})"


def _entries(report: Any) -> list[Any]:
    return list(getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ()))


def _place_of(entry: Any) -> Any:
    return getattr(entry, "reprfileloc", None)


def failure_text(report: Any) -> str | None:
    """All that pytest says about a failure. None for a report without one."""
    return str(report.longrepr) if report.failed else None


def is_rerun(report: Any) -> bool:
    """Whether a plugin will execute the test again."""
    return bool(getattr(report, "outcome", "") == "rerun")


def _reason_to_skip(report: Any) -> str:
    longrepr = report.longrepr
    text = str(longrepr[2]) if isinstance(longrepr, tuple) and len(longrepr) == 3 else ""
    return text[len("Skipped: ") :] if text.startswith("Skipped: ") else text or "Skipped."
