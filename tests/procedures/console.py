"""Runs a script on a pseudo-terminal, as a person at a console would, since OpenHTF prompts only there."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

PROMPT = "-->"
FLUSH_S = 0.1  # OpenHTF throws away what was typed before its prompt was complete
AGAIN_S = 2.0
ROOT = Path(__file__).resolve().parents[2]


class Console:
    """A script running. Everything it printed is in ``output``."""

    def __init__(self, *arguments: str, environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_SIM_", "PYVISA_"))}
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
            env=clean | dict(environment), start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.output = ""
        self._prompts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def wait_for(self, text: str, within_s: float = 30.0) -> None:
        """Read until the text was printed; fails with everything printed so far."""
        deadline = time.monotonic() + within_s
        while text not in self.output:
            goes_on = self._read(0.05)
            assert goes_on or text in self.output, f"ended without printing {text!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"never printed {text!r}:\n{self.output}"

    def answer(self, question: str, reply: str) -> None:
        """Wait for a prompt and type a line into it."""
        self.wait_for(question)
        before = self.output.index(question) + len(question)
        self.wait_for_prompt_after(before)
        time.sleep(FLUSH_S)  # a terminal has no event for "now listening"
        size = len(self.output)
        for _ in range(5):
            os.write(self._master, f"{reply}\n".encode())
            deadline = time.monotonic() + AGAIN_S
            while time.monotonic() < deadline:
                self._read(0.05)
                if len(self.output) > size + len(reply) + 2:
                    return
            if self._process.poll() is not None:
                return

    def wait_for_prompt_after(self, position: int) -> None:
        """Read until the prompt's arrow stands behind the question."""
        deadline = time.monotonic() + 10
        while PROMPT not in self.output[position:]:
            self._read(0.05)
            assert time.monotonic() < deadline, f"no prompt:\n{self.output}"

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def exit_code(self, within_s: float = 30.0) -> int:
        """Wait for the end."""
        deadline = time.monotonic() + within_s
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"does not end:\n{self.output}"
            self._read(0.05)
        while self._read(0.05, is_over=True):
            pass
        return int(self._process.returncode)

    def _read(self, within_s: float, *, is_over: bool = False) -> bool:
        """Take what was printed. False when there will be no more, or, at the end, when there is no more."""
        readable, _, _ = select.select([self._master], [], [], within_s)
        if not readable:
            return not is_over and self._process.poll() is None
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the other side is closed
            return False
        self.output += data.decode(errors="replace")
        return bool(data)
