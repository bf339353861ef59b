"""The installer as a technician runs it: against a live portal, in an empty home, with no package index."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from station.home import Home
from station.outbox import Outbox
from station.service.running import end_running
from tests.agent.cast import record
from tests.e2e.programs import PASSWORD, PortalProcess
from tests.e2e.wheels import collect_wheels
from tests.waiting import eventually

PATH = f"{Path(shutil.which('python3') or '').parent}:/usr/local/bin:/usr/bin:/bin"


class EmptyMachine:
    """A person's home folder and nothing else of ours."""

    def __init__(self, folder: Path, portal: PortalProcess, wheels: Path) -> None:
        self.folder = folder
        self.data = folder / ".local" / "share" / "stationmaster"
        self.home = Home(self.data / "station")
        self.program = self.data / "program"
        self._portal = portal
        # Without an index: what is not in the folder cannot be had. Uncompiled: it is installed twice.
        self._environment = {
            "HOME": str(folder), "PATH": PATH, "PIP_NO_COMPILE": "1", "PIP_CONFIG_FILE": os.devnull,
        }  # fmt: skip
        self._options = ["--user", "--no-service", "--start", "--extras", "", "--wheels", str(wheels)]

    def install(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._pipe(*self._options, *words)

    def uninstall(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._pipe("--user", "--uninstall", *words)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run([str(self.folder / ".local" / "bin" / "stationmaster"), *words])

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if not path.is_dir()]

    def _pipe(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run(["sh", "-c", f"curl -fsSL {self._portal.url}/install | sh -s -- {shlex.join(words)}"])

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self._environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture
def machine(portal: PortalProcess, tmp_path: Path) -> Iterator[EmptyMachine]:
    wheels, folder = tmp_path / "wheels", tmp_path / "a person's home"
    wheels.mkdir()
    folder.mkdir()
    collect_wheels("stationmaster", wheels)
    made = EmptyMachine(folder, portal, wheels)
    yield made
    end_running(made.home)  # of a test that did not come to its end


def test_a_bench_is_installed_upgraded_and_uninstalled(portal: PortalProcess, machine: EmptyMachine) -> None:
    station = portal.command("station", "create", "Bench 7")
    token = portal.command("token", "create", "--station", "Bench 7")
    portal.command("user", "add", "ada@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    ada = {"Authorization": f"Bearer {portal.command('key', 'create', '--user', 'ada@example.com')}"}

    def is_online() -> bool:
        answer = httpx.get(f"{portal.url}/api/v2/stations/{station}/presence", headers=ada)
        return bool(answer.json()["is_online"])

    installed = machine.install("--token", token)
    assert installed.returncode == 0, installed.stderr
    assert 'This machine is now station "Bench 7".' in installed.stdout
    assert eventually(is_online, within_s=15)
    first = (machine.program / "current").resolve()

    upgraded = machine.install("--token", token)  # the same line again: its token is used up, and not needed
    assert upgraded.returncode == 0, upgraded.stderr
    assert "enrolled already" in upgraded.stdout
    assert (machine.program / "current").resolve() != first
    assert not first.exists()
    assert "runs (process" in machine.command("station", "service", "status").stdout
    assert eventually(is_online, within_s=15)

    outbox = Outbox(machine.home.outbox_file)
    outbox.put(record(), "another station")  # which is never sent from here
    outbox.close()
    refused = machine.uninstall()
    assert refused.returncode == 1
    assert "1 run has not been sent to the portal yet. Nothing was removed" in refused.stderr
    assert is_online()

    removed = machine.uninstall("--force")
    assert removed.returncode == 0, removed.stderr
    assert machine.files() == []
    assert not machine.data.exists()
    assert eventually(lambda: not is_online(), within_s=5)
    assert "station:machine_left" in httpx.get(f"{portal.url}/api/v2/audit", headers=ada).text
