"""Processes that a run has left behind: found by a mark in their environment, wherever they fled to, and ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psutil

MARK = "STATIONMASTER_EXECUTION_ID"
_LIMIT_S = 5.0  # for a plug that was left alone to make its instrument safe


def end_leftovers(execution_id: str) -> int:
    """End every process with the mark of this execution: asked first, then killed. Returns how many there were."""
    found = list(_marked(execution_id))
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=_LIMIT_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return len(found)


def _marked(execution_id: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        # A process of somebody else, or one that has just ended, cannot be looked into.
        with contextlib.suppress(psutil.Error, OSError):
            is_marked = process.environ().get(MARK) == execution_id
            if is_marked and process.status() != psutil.STATUS_ZOMBIE:
                yield process
