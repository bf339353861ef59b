"""REST: parse and validate, call a service, serialise."""

from __future__ import annotations

from flask import Flask

from portal.api import errors, limits, operations
from portal.api.health import api as health
from portal.api.station import api as station
from portal.api.uploads import api as uploads
from portal.api.v2.batches import api as batches
from portal.api.v2.events import api as events
from portal.api.v2.run_batch import api as run_batch
from portal.api.v2.runs import api as runs
from portal.api.v2.webhooks import api as webhooks
from portal.api.v2.whoami import api as whoami
from portal.web import portal

# Every operation of the interface, in the order of the reference.
AREAS = (runs, run_batch, events, batches, webhooks, whoami)


def register(app: Flask) -> None:
    """Add the API to the application."""
    # A path with an empty part is refused like any unknown one; a redirect is an error for the published clients.
    app.url_map.merge_slashes = False
    errors.register(app)
    for area in (health, station, uploads):
        app.register_blueprint(area)
    operations.register(app, AREAS)
    limits.register(app, portal(app).settings)
