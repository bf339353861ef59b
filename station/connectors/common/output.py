"""What the script prints, line by line, in its place among the other messages."""

from __future__ import annotations

import io
import os
import selectors
import sys
import threading
from collections import deque
from typing import Any, Protocol

from .reasons import own_file
from .wire import Wire

_DEEPEST_FRAME = 8  # between the script's print and the stream: wrappers such as colorama's
_LONGEST_LINE = 32_000  # bytes; a line without an end must not grow for ever
_CHUNK = 65_536
_LAST_LINES = 6
_MOST_CHUNKS = 2  # in one look: a pipe holds no more, so everything written before is among them


class Watch(Protocol):
    """Who knows where the run is."""

    @property
    def place(self) -> dict[str, Any]:
        """The phase and the attempt that a line of output belongs to."""


class Lines:
    """Bytes of one stream, cut into lines and sent."""

    def __init__(self, wire: Wire, watch: Watch, stream: str) -> None:
        self._wire = wire
        self._watch = watch
        self._stream = stream
        self._pending = b""
        self.last: deque[str] = deque(maxlen=_LAST_LINES)

    def add(self, data: bytes, place: dict[str, Any]) -> None:
        """Send the lines that are complete; keep the rest."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > _LONGEST_LINE:
            lines.append(self._pending)
            self._pending = b""
        for line in lines:
            self._send(line, place)

    def finish(self) -> None:
        """Send what has no line end yet."""
        if self._pending:
            self._send(self._pending, {})
            self._pending = b""

    def _send(self, line: bytes, place: dict[str, Any]) -> None:
        text = line.decode("utf-8", "replace")
        self.last.append(text)
        self._wire.emit("output", **self._watch.place, stream=self._stream, text=text, **place)


class PrintedLines(io.RawIOBase):
    """A stream of the interpreter (``sys.stdout``, ``sys.stderr``): each line with the place that printed it."""

    def __init__(self, lines: Lines, folder: str, fd: int) -> None:
        super().__init__()
        self._lines = lines
        self._folder = folder
        self._fd = fd
        self._lock = threading.RLock()

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The real stream, for programs that the script starts."""
        return self._fd

    def write(self, data: Any) -> int:
        """Send the lines that are complete."""
        chunk = bytes(data)
        with self._lock:
            self._lines.add(chunk, self._source() if b"\n" in chunk else {})
        return len(chunk)

    def finish(self) -> None:
        """Send what has no line end yet."""
        with self._lock:
            self._lines.finish()

    def _source(self) -> dict[str, Any]:
        try:
            frame: Any = sys._getframe(2)
        except ValueError:  # printed by the interpreter itself, which calls what is registered for its exit
            return {}
        for _ in range(_DEEPEST_FRAME):
            if frame is None:
                break
            own = own_file(frame.f_code.co_filename, self._folder)
            if own:
                return {"file": own, "line": frame.f_lineno}
            frame = frame.f_back
        return {}


class LoosePipes:
    """What is written beside the interpreter: by a library in C, by a program that the script starts.

    It comes out of the process's own stdout and stderr, whose other ends the station has and lends us. We read them
    while the process lives, and once more before each phase begins or ends: so a line is in the phase that printed it.
    What is left in them when the process dies the station reads itself.
    """

    def __init__(self, wire: Wire, watch: Watch, stdout_fd: int, stderr_fd: int) -> None:
        self._lines = {stdout_fd: Lines(wire, watch, "stdout"), stderr_fd: Lines(wire, watch, "stderr")}
        self._lock = threading.Lock()
        for fd in self._lines:
            os.set_inheritable(fd, False)
            os.set_blocking(fd, False)
        os.register_at_fork(after_in_child=self._close)
        threading.Thread(target=self._follow, name="stationmaster-output", daemon=True).start()

    def drain(self) -> None:
        """Send everything that was written so far."""
        for fd in list(self._lines):
            self._drain(fd)

    def _drain(self, fd: int) -> bool:
        """False at the end of the pipe, which comes when nobody can write into it any more."""
        with self._lock:
            for _ in range(_MOST_CHUNKS):  # a program that never stops printing must not hold up the test
                data = _read(fd)
                if not data:
                    return data is None
                self._lines[fd].add(data, {})
        return True

    def _follow(self) -> None:
        selector = selectors.DefaultSelector()
        for fd in self._lines:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                if not self._drain(key.fd):
                    selector.unregister(key.fd)

    def _close(self) -> None:
        for fd in self._lines:
            os.close(fd)


def _read(fd: int) -> bytes | None:
    """What waits in a pipe: None when nothing does, no bytes at its end."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None


class Printing:
    """Puts the streams in place and, before the interpreter ends or in a forked copy of it, the real ones back."""

    def __init__(self, wire: Wire, watch: Watch, folder: str) -> None:
        self._real = (sys.stdout, sys.stderr)
        self._errors = Lines(wire, watch, "stderr")
        self._raw = (
            PrintedLines(Lines(wire, watch, "stdout"), folder, 1),
            PrintedLines(self._errors, folder, 2),
        )
        self._texts = tuple(
            io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)  # type: ignore[type-var]
            for raw in self._raw
        )
        os.register_at_fork(after_in_child=self._swap_back)

    @property
    def last_words(self) -> str:
        """The last lines that were printed to stderr."""
        return "\n".join(line for line in self._errors.last if line.strip())

    def install(self) -> None:
        """From now on, what is printed goes to the station."""
        sys.stdout, sys.stderr = self._texts

    def put_back(self) -> None:
        """From now on, what is printed goes to the real streams again."""
        for raw in self._raw:
            raw.finish()
        self._swap_back()

    def _swap_back(self) -> None:
        sys.stdout, sys.stderr = self._real
