"""Real station programs on this machine, each in its own process and home, with its own simulated bench.

Used by the demo and by the tests of the whole. The only part of bench_sim that knows stations: it starts them by their
command, as a technician would.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

STOP_LIMIT_S = 20.0  # a station makes its instruments safe before it ends


class FleetError(Exception):
    """A station program refused; the text is its own line."""


def command(*words: str) -> list[str]:
    """A command of this very installation."""
    return [sys.executable, "-m", "stationmaster", *words]


def run_command(*words: str, stdin: str | None = None) -> str:
    """Run one command of ours and return what it printed. Raises `FleetError` with its line when it refuses.

    In a session of its own: Ctrl-C in the terminal lets it finish, and is for who started it.
    """
    done = subprocess.run(
        command(*words), input=stdin, capture_output=True, text=True, check=False, start_new_session=True
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"{' '.join(words[:2])} ended with status {done.returncode}"]
        raise FleetError(lines[-1])
    return done.stdout.strip()


class SimulatedStation:
    """One station program and its home. Start and stop it as often as you like."""

    def __init__(self, home: Path, log: Path | None = None) -> None:
        self.home = home
        self._log = log or home / "station.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_enrolled(self) -> bool:
        """Whether the home holds credentials."""
        return (self.home / "credentials" / "station.json").exists()

    @property
    def is_running(self) -> bool:
        """Whether the program runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process number, while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def exit_code(self) -> int | None:
        """How the program has ended; None while it runs, and before it ever did."""
        return self._process.poll() if self._process is not None else None

    def enrol(self, portal_url: str, token: str, options: Sequence[str] = ()) -> None:
        """Exchange the setup token for credentials. Raises `FleetError`."""
        self.home.mkdir(parents=True, exist_ok=True)
        run_command("station", "enrol", "--portal", portal_url, "--token", token, "--home", str(self.home), *options)

    def start(self, options: Sequence[str] = ()) -> None:
        """Start the program; does not wait for its link."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command("station", "run", "--home", str(self.home), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for who started it, who then stops it in order
                preexec_fn=die_with_parent,
            )

    def stop(self) -> None:
        """End it as a service manager does, and wait."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it as a power cut does: the program and what it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log_text(self) -> str:
        """What the program has logged so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def __enter__(self) -> SimulatedStation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def die_with_parent() -> None:
    """Between fork and exec, on Linux: whatever ends the parent, the child gets SIGTERM then."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
