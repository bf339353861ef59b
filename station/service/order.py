"""What a service manager is to run, and what every manager of ours can do."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from station.home import Home, default_home
from stationmaster.cli_errors import Refusal

ROOT_HOME = Path("/var/lib/stationmaster/station")  # where the installer puts the home when root runs it
CALL_LIMIT_S = 120.0  # a stop waits for the running test's teardown


@dataclass(frozen=True)
class ServiceOrder:
    """One station's service. ``program``: the words that start ``stationmaster``."""

    home: Home
    program: tuple[str, ...]
    is_root: bool

    @classmethod
    def of(cls, home: Home) -> ServiceOrder:
        """By the program that runs now; not resolved, because the installer's path leads to the newest one."""
        called = Path(sys.argv[0])
        is_command = called.name == "stationmaster" and called.exists()
        program = (str(called.absolute()),) if is_command else (sys.executable, "-m", "stationmaster")
        return cls(home, program, os.geteuid() == 0)

    @property
    def name(self) -> str:
        """Of the service. Other homes than the usual one have their own, so that several can be on one machine."""
        if self.home.root in (default_home(), ROOT_HOME):
            return "stationmaster-station"
        return f"stationmaster-station-{hashlib.sha256(bytes(self.home.root)).hexdigest()[:8]}"

    def words(self, *options: str) -> tuple[str, ...]:
        """The command to run."""
        return (*self.program, "station", "run", "--home", str(self.home.root), *options)


class ServiceManager(Protocol):
    """What runs services here. Every method raises `Refusal` with what the manager says."""

    def is_installed(self) -> bool:
        """Whether our service is known to it."""

    def install(self) -> str:
        """Write the service and have it started with the machine. Returns a sentence."""

    def start(self) -> None:
        """Start it, or start it again when it runs."""

    def stop(self) -> None:
        """Stop it until it is started again, or the machine is."""

    def status(self) -> str:
        """What the manager says of it, in a few words."""

    def uninstall(self) -> None:
        """Stop it and forget it."""


def call(*words: str, may_fail: bool = False) -> str:
    """Run one of the manager's commands; its output. Raises `Refusal`."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CALL_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refusal(f"{words[0]} could not be run: {error}.") from error
    if done.returncode != 0 and not may_fail:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Refusal(f"{' '.join(words[:4])} failed: {said[0] if said else f'status {done.returncode}'}")
    return done.stdout.strip()


def succeeds(*words: str) -> bool:
    """Whether a command is there and ends well."""
    if shutil.which(words[0]) is None:
        return False
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=CALL_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
