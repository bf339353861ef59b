"""The two pipes to the station. To tell it something costs a test no more than putting it into a queue.

A script may print faster than the station can write it down. Lines that find the queue full are left out, and counted
in their place; nothing else ever is, and the process does not leave before all of it is said.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

_MOST_AT_ONCE = 64  # lines in one write: fewer system calls when a test talks a lot
_LINES = frozenset({"output", "log"})  # what may be left out
_MOST_QUEUED = 20_000  # messages; the station writes down thousands of lines a second
_ROOM_AGAIN = _MOST_QUEUED // 2  # so that one note stands for many lines


class Wire:
    """Sends messages from one writer thread, receives commands in one reader thread."""

    def __init__(self, events_fd: int, commands_fd: int) -> None:
        self._events_fd = events_fd
        self._commands_fd = commands_fd
        self._queue: queue.SimpleQueue[dict[str, Any] | threading.Event] = queue.SimpleQueue()
        self._is_ours = True
        self._is_gone = False
        self._lock = threading.Lock()
        self._left_out: dict[str, Any] | None = None  # the note on the lines left out since the last one
        self._written = 0
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
            if (self._left_out is not None or self._queue.qsize() >= _MOST_QUEUED) and self._leaves_out(fields):
                return
            self._queue.put(fields)

    def flush(self, within_s: float) -> None:
        """Return when everything queued so far is in the pipe, or time is up."""
        if self._is_ours:
            self._barrier().wait(within_s)

    def finish(self, stalled_s: float = 10.0) -> None:
        """Return when everything is in the pipe, or the station has taken nothing for so long."""
        if self._is_ours:
            barrier, written = self._barrier(), -1
            while written != self._written:
                written = self._written
                if barrier.wait(stalled_s):
                    return

    def listen(self, on_command: Callable[[dict[str, Any]], None]) -> None:
        """Call ``on_command`` with each command, and with ``{"type": "station_gone"}`` at the end of the pipe."""
        threading.Thread(target=self._read_all, args=(on_command,), name="stationmaster-reader", daemon=True).start()

    def _barrier(self) -> threading.Event:
        with self._lock:
            self._tell_left_out()
        barrier = threading.Event()
        self._queue.put(barrier)
        return barrier

    def _leaves_out(self, message: dict[str, Any]) -> bool:
        """Whether the message is a line that finds no room. Else the lines left out before it are told first."""
        with self._lock:
            most = _ROOM_AGAIN if self._left_out is not None else _MOST_QUEUED
            is_left_out = message["type"] in _LINES and self._queue.qsize() >= most
            if not is_left_out or not _is_same_place(self._left_out, message):
                self._tell_left_out()
            if is_left_out:
                place: dict[str, Any] = {key: message[key] for key in ("phase", "attempt") if key in message}
                known = self._left_out or {"type": "log", "level": "WARNING", "lines": 0, **place}
                self._left_out = {**known, "lines": known["lines"] + 1, "t": message["t"]}
        return is_left_out

    def _tell_left_out(self) -> None:
        if self._left_out is not None:
            count = self._left_out.pop("lines")
            lines = "1 line was" if count == 1 else f"{count} lines were"
            words = f"{lines} left out here: the script writes them faster than the station can store them."
            self._queue.put({**self._left_out, "message": words})
            self._left_out = None

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
            self._written += len(items)
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


def _is_same_place(left_out: dict[str, Any] | None, message: dict[str, Any]) -> bool:
    return left_out is None or all(left_out.get(key) == message.get(key) for key in ("phase", "attempt"))


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


def flush_before_hard_exit(wire: Wire) -> None:
    """A script that leaves by ``os._exit`` must not take with it what it said just before."""
    leave = os._exit

    def flush_and_leave(status: int) -> Any:
        wire.finish(1.0)
        leave(status)

    os._exit = flush_and_leave
