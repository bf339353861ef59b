"""REST: parse and validate, call a service, serialise."""

from __future__ import annotations

from flask import Flask

from portal.api import calls, errors, limits, openapi, operations, paths
from portal.api.health import api as health
from portal.api.station import api as station
from portal.api.uploads import api as uploads
from portal.api.v1.runs import api as runs_v1
from portal.api.v1.units import api as units_v1
from portal.api.v1.uploads import api as uploads_v1
from portal.api.v2.attachments import api as attachments
from portal.api.v2.audit import api as audit
from portal.api.v2.batches import api as batches
from portal.api.v2.deployments import api as deployments
from portal.api.v2.events import api as events
from portal.api.v2.imports import api as imports
from portal.api.v2.links import api as links
from portal.api.v2.logs import api as logs
from portal.api.v2.measurements import api as measurements
from portal.api.v2.parts import api as parts
from portal.api.v2.phases import api as phases
from portal.api.v2.presence import api as presence
from portal.api.v2.procedures import api as procedures
from portal.api.v2.revisions import api as revisions
from portal.api.v2.run_batch import api as run_batch
from portal.api.v2.runs import api as runs
from portal.api.v2.stations import api as stations
from portal.api.v2.units import api as units
from portal.api.v2.users import api as users
from portal.api.v2.versions import api as versions
from portal.api.v2.webhooks import api as webhooks
from portal.api.v2.whoami import api as whoami
from portal.web import portal

# Every operation of the interface, in the order of the reference.
AREAS = (
    procedures, versions, runs, run_batch, events, phases, measurements, logs, attachments, units, parts, revisions,
    batches, stations, links, presence, users, whoami, imports, deployments, webhooks, audit, runs_v1, units_v1,
    uploads_v1,
)  # fmt: skip


def register(app: Flask) -> None:
    """Add the API to the application."""
    # A path with an empty part is refused like any unknown one; a redirect is an error for the published clients.
    app.url_map.merge_slashes = False
    app.wsgi_app = paths.tolerant(app.wsgi_app)  # type: ignore[assignment, method-assign]
    errors.register(app)
    for area in (health, station, uploads):
        app.register_blueprint(area)
    operations.register(app, AREAS)
    openapi.register(app)
    calls.register(app)
    limits.register(app, portal(app).settings)
