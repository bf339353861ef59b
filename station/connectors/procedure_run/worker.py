"""Executes phases of a declared procedure, one after the other; a program of the procedure's own interpreter.

Arguments: the numbers of four pipes (for messages, for jobs, the reading ends of this process's own stdout and stderr),
the procedure's folder, the folder for attachments. A job names a phase; its messages are those of the connectors
(`station.connectors`), and at its end ``done``: how the function ended, and everything that it measured.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

HERE = Path(__file__).absolute().parent


class Interrupted(BaseException):
    """The phase is over, because its time is or because the run is being stopped."""


class Worker:
    """Takes one job at a time. A signal interrupts the one that runs, so that its ``finally`` blocks are executed."""

    def __init__(self, pipes: list[int], folder: str, attachments: str) -> None:
        from stationmaster_phase import jobs, parts  # type: ignore[import-not-found]

        shared = parts.load_shared()
        events_fd, commands_fd, stdout_fd, stderr_fd = pipes
        self.place: dict[str, Any] = {"phase": "", "attempt": 1}
        self._run_job = jobs.run_job
        self._folder, self._attachments = folder, attachments
        self._wire = shared.wire.Wire(events_fd, commands_fd)
        self._printing = shared.output.Printing(self._wire, self, folder)
        self._loose = shared.output.LoosePipes(self._wire, self, stdout_fd, stderr_fd)
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
            done = self._run_job(job, self._wire, self.place, self._folder, self._attachments)
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


def main(arguments: list[str]) -> int:
    """Begin to work, see the module's docstring."""
    pipes, folder, attachments = arguments
    # Python put this program's folder in front of the search path; the procedure's own belongs there.
    sys.path[:] = [folder] + [path for path in sys.path if Path(path).absolute() != HERE]
    _make_importable("stationmaster_phase", HERE)
    from stationmaster_phase import parts

    parts.die_with_parent(signal.SIGKILL)
    return Worker([int(fd) for fd in pipes.split(",")], folder, attachments).run()


def _make_importable(name: str, folder: Path) -> None:
    """The modules of this folder as a package of that name, which no procedure uses."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
