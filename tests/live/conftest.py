"""The Operator UI's templates as the local kiosk has them: without a portal around them."""

from __future__ import annotations

import pytest
from jinja2 import Environment, FileSystemLoader

from station.operator_view import renderer
from stationmaster.resources import folder


@pytest.fixture(scope="module")
def render():
    loader = FileSystemLoader(folder("templates"))
    return renderer(Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True))
