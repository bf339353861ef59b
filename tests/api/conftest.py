"""A real portal on SQLite that all tests of a file share, and the public clients pointed at it.

Tests keep out of each other's way by names of their own (`fresh`), as users of one plant do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal import migrations
from portal.settings import load_settings
from tests.api.clients import GENERATIONS, NEWEST, Client, Generation
from tests.core.conftest import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The portal, with the whole cast and a key for each."""
    settings = load_settings(data_dir=Path(tmp_path_factory.mktemp("portal")))
    migrations.upgrade(settings)
    with serving(settings) as client:
        yield client


@pytest.fixture(scope="session")
def generations() -> Iterator[Callable[[str], Generation]]:
    """Starts each version once."""
    running: dict[str, Generation] = {}

    def find(version: str) -> Generation:
        if version not in running:
            running[version] = Generation(version)
        return running[version]

    yield find
    for one in running.values():
        one.close()


@pytest.fixture(params=GENERATIONS)
def connect(
    request: pytest.FixtureRequest, api: Api, generations: Callable[[str], Generation]
) -> Callable[[str], Client]:
    """``connect("dev")``: somebody's client, of each generation in turn."""
    return lambda who: Client(generations(request.param), f"{api.url}/api", api.keys[who])


@pytest.fixture
def newest(api: Api, generations: Callable[[str], Generation]) -> Callable[[str], Client]:
    """The same of the newest generation alone, for operations that older ones do not have."""
    return lambda who: Client(generations(NEWEST), f"{api.url}/api", api.keys[who])


_numbers = itertools.count(1)


@pytest.fixture
def fresh() -> Callable[[str], str]:
    """``fresh("SN")``: a name that no other test uses."""
    return lambda start: f"{start}-{next(_numbers):05d}"
