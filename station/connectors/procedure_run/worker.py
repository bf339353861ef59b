"""Executes phases of a declared procedure, one after the other. Started by `run`.

A job names a phase; its messages are those of the connectors (`station.connectors`), and at its end ``done``: how the
function ended, and everything that it measured.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from ..common.output import LoosePipes, Printing
from ..common.wire import Wire
from . import jobs


class Interrupted(BaseException):
    """The phase is over, because its time is or because the run is being stopped."""


class Worker:
    """Takes one job at a time. A signal interrupts the one that runs, so that its ``finally`` blocks are executed."""

    def __init__(self, pipes: list[int], folder: str, attachments: str) -> None:
        events_fd, commands_fd, stdout_fd, stderr_fd = pipes
        self.place: dict[str, Any] = {"phase": "", "attempt": 1}
        self._folder, self._attachments = folder, attachments
        self._wire = Wire(events_fd, commands_fd)
        self._printing = Printing(self._wire, self, folder)
        self._loose = LoosePipes(self._wire, self, stdout_fd, stderr_fd)
        self._pid = os.getpid()
        self._jobs: list[dict[str, Any]] = []
        self._has_come = threading.Condition()
        self._is_busy = False

    def run(self) -> int:
        """Work until the pipe of jobs ends."""
        signal.signal(signal.SIGTERM, self._interrupt)
        self._printing.install()
        self._wire.emit("ready", python=sys.version.split()[0], executable=sys.executable)
        self._wire.listen(self._take)
        try:
            while True:
                with self._has_come:
                    while not self._jobs:
                        self._has_come.wait()
                    job = self._jobs.pop(0)
                if job["type"] != "job":
                    return 0
                self._work(job)
        finally:
            self._printing.put_back()
            self._wire.finish(1.0)

    def _work(self, job: dict[str, Any]) -> None:
        self.place = {"phase": job["phase"], "attempt": job["attempt"]}
        try:
            self._is_busy = True
            done = jobs.run_job(job, self._wire, self.place, self._folder, self._attachments)
        except Interrupted:
            done = {"end": "interrupted", "error": None, "measured": {}}
        finally:
            self._is_busy = False
            if os.getpid() != self._pid:
                os._exit(0)  # a copy that the phase has forked, and that came back from it: it is no worker
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._loose.drain()
        self._wire.emit("done", **self.place, **done)
        self.place = {"phase": "", "attempt": 1}

    def _take(self, command: dict[str, Any]) -> None:
        with self._has_come:
            self._jobs.append(command)
            self._has_come.notify()
        if command["type"] == "station_gone":
            os.kill(os.getpid(), signal.SIGTERM)

    def _interrupt(self, *_: Any) -> None:
        if self._is_busy:
            self._is_busy = False  # once: a second one must not cut off what the first one has begun
            raise Interrupted
