"""The values of a function's names at its end, whether it returns or raises.

A trace function sees the end of any frame, in every version of Python and without touching the user's code: pytest's
own rewriting of asserts stays as it is, and so do the caches of it. What it costs: 0.1 to 0.2 µs for each call of a
Python function while the test runs. Considered and left: pytest's ``pytest_assertion_pass`` (an option of the user's
project, hears only of asserts that hold, and knows texts instead of values), rewriting the test once more (would have
to be undone wherever pytest changes its own), `sys.monitoring` (Python 3.12 and later only).
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any


class LocalsAtEnd:
    """A context in which the function is called. ``line``: where it ended; None when it was not called."""

    def __init__(self, code: CodeType) -> None:
        self.values: dict[str, Any] = {}
        self.line: int | None = None
        self._code = code
        self._is_ours = False

    @property
    def is_possible(self) -> bool:
        """Whether nobody else, such as a debugger, traces this thread."""
        return sys.gettrace() is None

    def __enter__(self) -> LocalsAtEnd:
        if self.is_possible:
            self._is_ours = True
            sys.settrace(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_ours and sys.gettrace() == self._on_call:
            sys.settrace(None)

    def _on_call(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        if frame.f_code is not self._code:
            return None
        frame.f_trace_lines = False
        return self._on_return

    def _on_return(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "return":
            self.values, self.line = dict(frame.f_locals), frame.f_lineno
        return self._on_return
