"""REST: parse and validate, call a service, serialise."""

from __future__ import annotations

from flask import Flask

from portal.api import errors, health, station, uploads
from portal.api.v2 import runs, whoami


def register(app: Flask) -> None:
    """Add the API to the application."""
    errors.register(app)
    for area in (health, station, uploads, runs, whoami):
        app.register_blueprint(area.api)
