"""Fixtures of the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.engine.bench import Bench, open_bench

collect_ignore = ["procedures"]  # among them are tests, for the engine to run

# A slow machine is no counterexample.
settings.register_profile("engine", deadline=None, max_examples=60)
settings.load_profile("engine")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_bench(tmp_path, stop_grace_s=6.0) as opened:
        yield opened
