"""Whether the failure that ended a test was an assertion in its body. Robot Framework's own results do not say it.

Its exceptions carry words only, so the one behind a failed library keyword is noted where they are made, and looked
for again where the body of a test ends with one of them. Where a version has no such place, every failure is an error.
"""

from __future__ import annotations

from typing import Any

from ..common.hooks import hook

_CAUSE = "_stationmaster_cause"


class Causes:
    """``is_assertion``: of the test that ran last; to be forgotten before the next."""

    def __init__(self) -> None:
        self.is_assertion = False

    def install(self) -> None:
        """Put the hooks into Robot Framework."""
        from robot import errors
        from robot.running import status

        hook(errors.HandlerExecutionFailed, "__init__", _note_cause)
        hook(status.TestStatus, "test_failed", self._note_end)

    def _note_end(self, original: Any, status: Any, *args: Any, **kwargs: Any) -> Any:
        failures = [one for one in (*args, *kwargs.values()) if hasattr(one, "get_errors")]
        self.is_assertion = bool(failures) and all(_is_assertion(one) for one in failures)
        return original(status, *args, **kwargs)


def _note_cause(original: Any, failure: Any, details: Any, *args: Any, **kwargs: Any) -> None:
    original(failure, details, *args, **kwargs)
    setattr(failure, _CAUSE, getattr(details, "error", None))


def _is_assertion(failure: Any) -> bool:
    """Of several failures, all: one that is something else may be the cause of the others."""
    parts = [one for one in failure.get_errors() if one is not failure]
    if parts:
        return all(_is_assertion(one) for one in parts)
    return isinstance(getattr(failure, _CAUSE, None), AssertionError)
