"""The HTML pages: one blueprint per area, over the same services as the API."""

from __future__ import annotations

from flask import Flask

from portal.pages import (
    attachments,
    enrolment,
    errors,
    formats,
    hx,
    limits,
    overview,
    procedures,
    reference,
    runs,
    security,
    sign_in,
    stations,
    units,
)

AREAS = (overview, stations, enrolment, procedures, runs, units, attachments, reference)


def register(app: Flask) -> None:
    """Add the pages, their template functions, error pages and protections to the application."""
    hx.register(app)
    security.register(app)
    formats.register(app)
    limits.register(app)
    sign_in.register(app)
    errors.register(app)
    for area in AREAS:
        app.register_blueprint(area.pages)
