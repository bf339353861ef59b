"""Programs of ours that start at once: forked from a process that has loaded their modules already.

A portal takes a second of a core to load, and each browser test has one of its own. What runs is the same program, in a
process and session of its own; only its modules were loaded before. Tests of starting itself use the real command.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from stationmaster.cli import main

MODULES = ("portal.app", "portal.server", "portal.server_worker", "gunicorn.app.base", "alembic.command")


class ForkedProgram:
    """A running program: what of `subprocess.Popen` the tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process = psutil.Process(pid)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.is_running()

    def send_signal(self, number: signal.Signals) -> None:
        """To the program alone."""
        os.kill(self.pid, number)

    def wait(self, timeout_s: float | None = None) -> None:
        """Until it has ended. Raises `psutil.TimeoutExpired`."""
        if self._process is not None:
            self._process.wait(timeout_s)


class Forker:
    """Forks programs; ends with whoever made it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.forked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, words: tuple[str, ...], environment: dict[str, str], log: Path) -> ForkedProgram:
        """`stationmaster WORDS`, its output appended to the log."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([words, environment, str(log)]), file=self._process.stdin, flush=True)
        return ForkedProgram(int(self._process.stdout.readline()))

    def close(self) -> None:
        """Fork no more. What runs goes on."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


@cache
def forker() -> Forker:
    """That of this test process."""
    made = Forker()
    atexit.register(made.close)
    return made


def fork_what_is_asked_for() -> None:
    """The process itself: a line of JSON for each program; answers with its number."""
    for name in MODULES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    for line in sys.stdin:
        words, environment, log = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(words, environment, log)
        print(pid, flush=True)


def _become(words: list[str], environment: dict[str, str], log: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, file in ((0, nothing), (1, written), (2, written)):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["stationmaster", *words]
    main()
    sys.exit()


if __name__ == "__main__":
    fork_what_is_asked_for()
