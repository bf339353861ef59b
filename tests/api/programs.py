"""Test programs of users, in a process each, with one generation of the public client and its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.api.clients import FOLDER
from tests.core.conftest import Api

PROGRAMS = Path(__file__).parent / "v1_programs"


@dataclass(frozen=True)
class Done:
    """What a program has printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return f"{self.stdout}\n{self.stderr}"


@dataclass(frozen=True)
class Programs:
    """Runs programs with the client of one generation, for anybody's key, in a folder of their own."""

    version: str
    api: Api
    folder: Path

    def run(self, who: str, name: str, *words: str, url: str | None = None) -> Done:
        """``name``: a file in ``v1_programs``."""
        return self.start(who, str(PROGRAMS / name), *words, url=url)

    def start(self, who: str, *words: str, url: str | None = None) -> Done:
        """The same with any words for Python."""
        environment = os.environ | {
            "PYTHONPATH": str(FOLDER / self.version),
            "TOFUPILOT_URL": url or self.api.url,
            "TOFUPILOT_API_KEY": self.api.keys.get(who, who),
            "DISABLE_TELEMETRY": "true",
            "PYTHONWARNINGS": "ignore",
        }
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)
