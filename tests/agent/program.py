"""The real station program in its own process, and procedures for it that need no instruments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from station.home import Home
from tests.waiting import eventually

PROCEDURE = """
import time
import openhtf as htf
from openhtf.util.configuration import CONF


@htf.measures(htf.Measurement("rail_5v").in_range(4.75, 5.25).with_units("V"))
def rails(test):
    test.measurements.rail_5v = 5.01
    test.attach("curve.csv", b"1;2")
    deadline = time.monotonic() + {seconds}
    while time.monotonic() < deadline:
        time.sleep(0.01)


def main():
    htf.Test(rails, test_name="quick").execute()


if __name__ == "__main__":
    main()
"""


def add_procedure(home: Home, identifier: str, seconds: float) -> None:
    folder = home.procedures / identifier
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(PROCEDURE.format(seconds=seconds))


class Program:
    """``stationmaster station run``. Use as a context manager: it is stopped at the end."""

    def __init__(self, home: Home, *options: str) -> None:
        self._home = home
        self._options = options
        self.lines: list[str] = []
        self.errors: list[str] = []

    def __enter__(self) -> Program:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stationmaster", "station", "run", "--home", str(self._home.root), *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=into.extend, args=(stream,), daemon=True)
            for stream, into in ((self._process.stdout, self.lines), (self._process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGTERM)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def says(self, words: str, within_s: float = 10.0) -> str:
        """Wait for a line on stdout."""
        return eventually(lambda: next((line for line in list(self.lines) if words in line), None) or "", within_s)

    def end(self, number: int) -> int:
        """Send a signal; the exit status."""
        self._process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """As a power cut: the program and all that it started in its session."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        status = self._process.wait(timeout=30)
        for reader in self._readers:
            reader.join(5)
        return status
