"""REST: parse and validate, call a service, serialise."""

from __future__ import annotations

from flask import Flask

from portal.api import errors
from portal.api.health import api as health
from portal.api.station import api as station
from portal.api.uploads import api as uploads
from portal.api.v2.runs import api as runs
from portal.api.v2.whoami import api as whoami


def register(app: Flask) -> None:
    """Add the API to the application."""
    # A path with an empty part is refused like any unknown one; a redirect is an error for the published clients.
    app.url_map.merge_slashes = False
    errors.register(app)
    for area in (health, station, uploads, runs, whoami):
        app.register_blueprint(area)
