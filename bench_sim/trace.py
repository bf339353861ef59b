"""The trace: one line of JSON per SCPI message, for people who debug a procedure and for tests of what it sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench_sim.world import Clock


class Trace:
    """Appends to a file. Each line is written whole and flushed, so that a killed program leaves complete lines."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - closed by close()
        self._lock = threading.Lock()

    def of(self, instrument: str, resource: str, clock: Clock) -> Callable[[str, str | None], None]:
        """What the engine of one instrument calls with each message and its answer (None: no answer)."""

        def write(message: str, answer: str | None) -> None:
            line = {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "bench_s": round(clock.now(), 4),
                "instrument": instrument,
                "resource": resource,
                "message": message,
                "answer": answer,
            }
            with self._lock:
                if not self._file.closed:
                    self._file.write(json.dumps(line) + "\n")
                    self._file.flush()

        return write

    def close(self) -> None:
        """Close the file; later messages are not written."""
        with self._lock:
            self._file.close()
