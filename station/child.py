"""The process that executes a procedure: started in a group of its own, listened to, and ended with all it started."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import termios
import time
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Literal

Source = Literal["events", "stdout", "stderr"]
_CHUNK = 65_536
_OUTPUT: tuple[Source, ...] = ("stdout", "stderr")


class Child:
    """One procedure's process with its pipes. `send` and the signals are for any thread, the rest for one.

    The thread that starts the child must live as long as the child: on Linux its end is what tells the child that its
    station died.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        """Start it. ``command``: interpreter and script, then the arguments behind the numbers of the pipes."""
        events, commands, stdout, stderr = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        ours = (events[0], commands[1], stdout[0], stderr[0])
        # The connector reads its own output, to put it in its place among its messages; see `LoosePipes` there.
        lent = (events[1], commands[0], stdout[0], stderr[0])
        interpreter, script, *arguments = command
        self.interpreter = interpreter
        try:
            self._process = subprocess.Popen(
                [interpreter, script, ",".join(map(str, lent)), *arguments],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stdout[1],
                stderr=stderr[1],
                pass_fds=lent,
                start_new_session=True,
            )
        except OSError:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in (events[1], commands[0], stdout[1], stderr[1]):
                os.close(fd)
        self.status: int | None = None
        self._files: dict[Source, int] = {"stdout": stdout[0], "stderr": stderr[0], "events": events[0]}
        self._commands_fd: int | None = commands[1]
        self._unsent = b""
        self._pending = b""
        self._waiting: dict[Source, int] = {}
        self._lock = Lock()
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ, "wake")
        self._selector.register(events[0], selectors.EVENT_READ, "events")
        # Where the system can, the end of the process wakes `read`; elsewhere the caller's next look finds it.
        self._end_fd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        if self._end_fd is not None:
            self._selector.register(self._end_fd, selectors.EVENT_READ, "end")
        for fd in ours:
            os.set_blocking(fd, False)

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its group."""
        return self._process.pid

    def send(self, command: Mapping[str, Any]) -> None:
        """Queue one command. Never blocks; a child that is gone does not get it."""
        with self._lock:
            self._unsent += json.dumps(command).encode() + b"\n"
        self.wake()

    def wake(self) -> None:
        """Make `read` return early."""
        with contextlib.suppress(OSError):
            self._wake.send(b"w")

    def read(self, timeout_s: float) -> list[bytes]:
        """The messages that have come, one line each; waits up to ``timeout_s`` for the first ones."""
        self._send_what_fits()
        ready = {key.data for key, _ in self._selector.select(timeout_s)}
        if "wake" in ready:
            with contextlib.suppress(OSError):
                self._woken.recv(_CHUNK)
            self._send_what_fits()
        return self._read_messages() if "events" in ready else []

    def relieve(self) -> list[tuple[Source, bytes]]:
        """Lines of output that the connector does not read, to be called between two waits for messages.

        A library in C that prints more than a pipe holds, and lets no other Python code run meanwhile, would wait for
        ever for the connector to read it.
        """
        lines: list[tuple[Source, bytes]] = []
        for source in _OUTPUT:
            waiting = _bytes_in(self._files[source])
            if waiting and waiting == self._waiting.get(source):
                lines += [(source, line) for line in self._read_output(source)]
                waiting = 0
            self._waiting[source] = waiting
        return lines

    def has_ended(self) -> bool:
        """Whether the process ended. It stays unreaped, so that its group's id is not given to another."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def terminate(self) -> None:
        """Ask the whole group to end (SIGTERM): the connector makes instruments safe first."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the whole group at once (SIGKILL)."""
        self._signal(signal.SIGKILL)

    def wind_down(self, limit_s: float) -> None:
        """Ask it to end and wait for that, whatever it says: the bench is made safe though nobody writes any more."""
        self.terminate()
        deadline = time.monotonic() + limit_s
        while not self.has_ended() and time.monotonic() < deadline:
            self.read(0.05)

    def finish(self) -> tuple[list[bytes], list[tuple[Source, bytes]]]:
        """End everything that is left of the group and reap it; ``status`` is then set. A second call does nothing.

        Returns the last messages, and the lines of output that the connector did not live to send.
        """
        if self.status is not None:
            return [], []
        self.kill()
        with self._lock:  # between the reaping and the mark nobody may signal: the id could be another's by then
            self.status = self._process.wait()
        messages: list[bytes] = []
        while "events" in self._files:
            got = self._read_messages()
            messages += got
            if not got and "events" in self._files:
                break  # nothing left, though somebody who escaped from the group still holds the pipe
        lines = [(source, line) for source in _OUTPUT for line in self._read_output(source)]
        self._close()
        return messages, lines

    def _read_messages(self) -> list[bytes]:
        """What is in the pipe now. At its end the pipe is closed."""
        fd = self._files["events"]
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return []
        if not data:
            self._selector.unregister(fd)
            os.close(self._files.pop("events"))
            return []
        *lines, self._pending = (self._pending + data).split(b"\n")
        return lines

    def _read_output(self, source: Source) -> list[bytes]:
        """What is in a stream now."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._files[source], _CHUNK):
                data += chunk
        return data.splitlines()

    def _send_what_fits(self) -> None:
        with self._lock:
            if self._commands_fd is None or not self._unsent:
                return
            try:
                sent = os.write(self._commands_fd, self._unsent)
            except BlockingIOError:
                return
            except OSError:  # the child is gone
                sent = len(self._unsent)
            self._unsent = self._unsent[sent:]

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self.status is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, number)

    def _close(self) -> None:
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()
        if self._end_fd is not None:
            os.close(self._end_fd)
            self._end_fd = None
        self._selector.close()
        with self._lock:
            if self._commands_fd is not None:
                os.close(self._commands_fd)
                self._commands_fd = None
        self._wake.close()
        self._woken.close()


def _bytes_in(fd: int) -> int:
    """How many bytes wait in a pipe."""
    return int(array("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * array("i").itemsize))[0])
