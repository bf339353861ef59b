"""What the station program's tests share: a portal of their own, a home, and the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from station.cli import station
from station.home import Home
from tests.agent.fake_portal import FakePortal

TOKEN = "T" * 64

StationCommand = Callable[..., Result]


@pytest.fixture
def portal() -> Iterator[FakePortal]:
    with FakePortal() as portal:
        portal.refusals_by_token[TOKEN] = None
        yield portal


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def station_command(home: Home) -> StationCommand:
    """``stationmaster station …`` in this home."""

    def call(*words: str) -> Result:
        return CliRunner().invoke(station, [*words, "--home", str(home.root)], catch_exceptions=False)

    return call


@pytest.fixture
def enrolled(portal: FakePortal, home: Home, station_command: StationCommand) -> Home:
    assert station_command("enrol", "--portal", portal.url, "--token", TOKEN).exit_code == 0
    return home
