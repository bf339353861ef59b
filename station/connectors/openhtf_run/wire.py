"""The two pipes to the station. To tell it something costs a test no more than putting it into a queue."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

_MOST_AT_ONCE = 64  # lines in one write: fewer system calls when a test talks a lot


class Wire:
    """Sends messages from one writer thread, receives commands in one reader thread."""

    def __init__(self, events_fd: int, commands_fd: int) -> None:
        self._events_fd = events_fd
        self._commands_fd = commands_fd
        self._queue: queue.SimpleQueue[dict[str, Any] | threading.Event] = queue.SimpleQueue()
        self._is_ours = True
        self._is_gone = False
        for fd in (events_fd, commands_fd):
            # A program that the script starts must not hold the pipes open after the script's end.
            os.set_inheritable(fd, False)
        os.register_at_fork(after_in_child=self._leave)
        threading.Thread(target=self._write_all, name="stationmaster-writer", daemon=True).start()

    def emit(self, kind: str, **fields: Any) -> None:
        """Queue one message. ``fields`` must be plain JSON values, and not change afterwards."""
        if self._is_ours:
            fields["type"] = kind
            fields["t"] = time.monotonic()
            self._queue.put(fields)

    def flush(self, within_s: float = 10.0) -> None:
        """Return when everything queued so far is in the pipe, or time is up."""
        if self._is_ours:
            barrier = threading.Event()
            self._queue.put(barrier)
            barrier.wait(within_s)

    def listen(self, on_command: Callable[[dict[str, Any]], None]) -> None:
        """Call ``on_command`` with each command, and with ``{"type": "station_gone"}`` at the end of the pipe."""
        threading.Thread(target=self._read_all, args=(on_command,), name="stationmaster-reader", daemon=True).start()

    def _write_all(self) -> None:
        while True:
            items = [self._queue.get()]
            while len(items) < _MOST_AT_ONCE and not self._queue.empty():
                items.append(self._queue.get())
            lines = [_line(item) for item in items if isinstance(item, dict)]
            try:
                if not self._is_gone:
                    _write(self._events_fd, b"".join(lines))
            except OSError:
                # The station is gone. The reader thread sees that as well and ends the test; until then nobody waits.
                self._is_gone = True
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _read_all(self, on_command: Callable[[dict[str, Any]], None]) -> None:
        with os.fdopen(self._commands_fd, "rb", closefd=False) as commands:
            for line in commands:
                on_command(json.loads(line))
        on_command({"type": "station_gone"})

    def _leave(self) -> None:
        """In a forked copy of the process: it has no writer thread, and its events are not ours."""
        if self._is_ours:
            self._is_ours = False
            os.close(self._events_fd)
            os.close(self._commands_fd)


def _line(message: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(message, allow_nan=False)
    except (TypeError, ValueError) as error:
        text = json.dumps({"type": "unsendable", "t": message["t"], "kind": message["type"], "error": str(error)})
    return text.encode("ascii") + b"\n"


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
