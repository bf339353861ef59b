"""Waiting for what is about to become true, without sleeping longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], within_s: float = 5.0, every_s: float = 0.02) -> T:
    """The first truthy answer of ``ask``. Fails with the last answer, or error, when time runs out."""
    deadline = time.monotonic() + within_s
    while True:
        problem: AssertionError | None = None
        try:
            answer = ask()
            if answer:
                return answer
        except AssertionError as error:
            answer, problem = None, error  # type: ignore[assignment]
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s; last answer: {answer!r}") from problem
        time.sleep(every_s)
