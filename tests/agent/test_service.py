"""The station program as a service: what systemd and launchd are told, and what the program tells systemd."""

from __future__ import annotations

import os
import plistlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.home import Home
from station.notify import ServiceNotifier
from station.service.launchd import property_list
from station.service.order import ServiceOrder
from station.service.running import end_running, find_running
from station.service.systemd import Systemd, quoted, unit_text
from tests.agent.conftest import StationCommand
from tests.agent.fake_portal import FakePortal
from tests.agent.program import Program
from tests.waiting import eventually

ODD = 'it\'s 100% "$HOME" \\here'


class Manager:
    """The socket on which a service manager listens."""

    def __init__(self, address: str) -> None:
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(10)

    def hears(self) -> str:
        return self._socket.recv(4096).decode()

    def hears_of(self, words: str) -> str:
        return eventually(lambda: found if words in (found := self.hears()) else "")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "file" else f"@{tmp_path}/notify")
    yield manager
    manager.close()


def test_a_program_speaks_to_its_service_manager_and_its_children_do_not(manager: Manager) -> None:
    environment = {**manager.environment, "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    notifier = ServiceNotifier.from_environment(environment)

    notifier.ready()
    notifier.beat("idle")
    notifier.stopping()

    assert [manager.hears() for _ in range(3)] == ["READY=1", "WATCHDOG=1\nSTATUS=idle", "STOPPING=1"]
    assert notifier.beat_s == pytest.approx(0.1)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}])
def test_nobody_waits_for_a_beat(watchdog: dict[str, str]) -> None:
    notifier = ServiceNotifier.from_environment({"NOTIFY_SOCKET": "/nowhere/at/all", **watchdog})

    notifier.ready()

    assert notifier.beat_s is None


def test_the_daemon_is_ready_beats_and_says_that_it_stops(
    portal: FakePortal, enrolled: Home, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in manager.environment.items():
        monkeypatch.setenv(name, value)
    with Program(enrolled) as program:
        manager.hears_of("READY=1")
        manager.hears_of("WATCHDOG=1\nSTATUS=connected, idle, records that wait to be sent: 0")
        assert program.end(signal.SIGTERM) == 0
        manager.hears_of("STOPPING=1")


@pytest.mark.parametrize("is_root", [True, False])
def test_the_unit_restarts_the_program_and_systemd_takes_it(tmp_path: Path, is_root: bool) -> None:
    order = ServiceOrder(Home(tmp_path / ODD), (shutil.which("true") or "",), is_root)
    unit = tmp_path / f"{order.name}.service"
    unit.write_text(unit_text(order))

    said = set(unit.read_text().splitlines())

    assert {"Type=notify", "Restart=always", "RestartPreventExitStatus=0 75", "WatchdogSec=60"} <= said
    assert f"WantedBy={'multi-user' if is_root else 'default'}.target" in said
    if verifier := shutil.which("systemd-analyze"):
        words = [verifier, "verify", "--man=no", *([] if is_root else ["--user"]), str(unit)]
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        assert unit.name not in done.stderr, done.stderr


def test_a_word_is_text_for_systemd() -> None:
    assert quoted(ODD) == '"it\'s 100%% \\"$$HOME\\" \\\\here"'


def test_launchd_restarts_after_failures_only_and_is_told_0_for_75(tmp_path: Path) -> None:
    order = ServiceOrder(Home(tmp_path / ODD), ("/opt/x y/stationmaster",), is_root=False)

    said = plistlib.loads(property_list(order))

    assert said["ProgramArguments"] == [
        "/opt/x y/stationmaster", "station", "run", "--home", str(tmp_path / ODD), "--ok-when-parted",
    ]  # fmt: skip
    assert said["KeepAlive"] == {"SuccessfulExit": False}
    assert said["RunAtLoad"] is True
    assert re.fullmatch(r"org\.stationmaster\.station-[0-9a-f]{8}", said["Label"])


def test_the_program_that_was_revoked_ends_well_for_launchd(portal: FakePortal, enrolled: Home) -> None:
    portal.is_revoked = True
    with Program(enrolled, "--ok-when-parted") as program:
        assert program.wait() == 0
    assert "revoked this installation" in "".join(program.errors)


def test_systemd_is_told_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a `systemctl` that writes down what it is told: there is no systemd to talk to in the tests."""
    told = tmp_path / "told"
    fake = tmp_path / "bin" / "systemctl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(told))}\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    order = ServiceOrder(Home(tmp_path / "home"), ("/p",), is_root=False)
    systemd = Systemd(order, tmp_path / "units")

    systemd.install()
    assert systemd.is_installed()
    systemd.start()
    systemd.uninstall()

    unit = f"{order.name}.service"
    assert told.read_text().splitlines() == [
        "--user daemon-reload", f"--user enable {unit}", f"--user restart {unit}", f"--user disable --now {unit}",
        "--user daemon-reload",
    ]  # fmt: skip
    assert list((tmp_path / "units").iterdir()) == []


def test_without_a_service_manager_the_commands_say_so(
    station_command: StationCommand, enrolled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # also where the machine has one

    refused = station_command("service", "install")

    assert refused.exit_code == 69
    assert "There is no systemd (nor launchd) here" in refused.output
    assert station_command("service", "start").exit_code == 69
    assert "There is no service." in station_command("service", "uninstall").output


def test_the_program_is_started_found_and_ended_without_a_service(
    portal: FakePortal, station_command: StationCommand, enrolled: Home
) -> None:
    assert station_command("service", "status").exit_code == 3

    try:
        started = station_command("service", "start", "--background")
        assert started.exit_code == 0, started.output
        first = find_running(enrolled)
        assert f"runs (process {first})" in station_command("service", "status").output
        station_command("service", "start", "--background")
        assert find_running(enrolled) not in (None, first)
    finally:
        stopped = station_command("service", "stop")

    assert stopped.output == "The station program has stopped.\n"
    assert find_running(enrolled) is None
    assert station_command("service", "stop").output == "It was not running.\n"


def test_a_program_that_cannot_start_in_the_background_says_why(station_command: StationCommand, home: Home) -> None:
    refused = station_command("service", "start", "--background")

    assert refused.exit_code == 1
    assert "This home is not enrolled" in refused.output
    assert end_running(home) is False
