"""Templates outside an application that serves."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.pages import formats, limits
from station.operator_view import renderer
from stationmaster.resources import folder


@pytest.fixture(scope="module")
def render():
    app = Flask("test", template_folder=str(folder("templates")))
    formats.register(app)
    limits.register(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=lambda name: name, path_for=lambda *_a, **_k: "/")
    return renderer(app.jinja_env)
