"""The programs of the story, started as a user starts them."""

from __future__ import annotations

import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from click.testing import CliRunner

from bench_sim.fleet import FleetError
from portal.cli import portal
from tests.e2e.forked import ForkedProgram, forker
from tests.waiting import eventually

PASSWORD = "correct horse battery"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class PortalProcess:
    """`stationmaster portal serve`, on a port of its own that it keeps over restarts."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = data_dir.parent / "portal.log"
        quick = {"STATIONMASTER_HEARTBEAT_S": "0.5", "STATIONMASTER_OFFLINE_AFTER_S": "3"}
        self._environment = {**os.environ, **quick, **settings}
        self._process: ForkedProgram | None = None

    def start(self) -> None:
        words = ("portal", "serve", "--port", str(self.port), "--data-dir", str(self.data_dir))
        self._process = forker().start(words, self._environment, self._log)
        eventually(self.is_healthy, within_s=20)

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)

    def kill(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def is_healthy(self) -> bool:
        assert self._process is not None
        assert self._process.is_running, self.log_text()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def log_text(self) -> str:
        return self._log.read_text(errors="replace")

    def command(self, *words: str, stdin: str | None = None) -> str:
        """`stationmaster portal …` on this portal's data; in this process, where its modules are loaded already.

        Raises `FleetError` with its line when it refuses.
        """
        done = CliRunner().invoke(portal, [*words, "--data-dir", str(self.data_dir)], input=stdin)
        if done.exit_code != 0:
            raise FleetError((done.stderr.strip().splitlines() or [repr(done.exception)])[-1])
        return done.stdout.strip()

    def __enter__(self) -> PortalProcess:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None and self._process.is_running:
            self.kill()
