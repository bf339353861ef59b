"""The HTML pages: one blueprint per area, over the same services as the API."""

from __future__ import annotations

from flask import Flask

from portal.pages import (
    account,
    attachments,
    audit,
    batches,
    enrolment,
    errors,
    hx,
    installations,
    installer,
    invitations,
    measurements,
    operators,
    overview,
    palette,
    parts,
    people,
    procedure_links,
    procedures,
    reference,
    runs,
    security,
    settings,
    sign_in,
    station_keys,
    station_labels,
    station_removal,
    station_settings,
    station_table,
    stations,
    teams,
    units,
    uptime,
    webhooks,
)
from station import operator_formats, operator_limits, operator_sweeps

AREAS = (
    overview,
    stations,
    station_table,
    station_settings,
    station_labels,
    enrolment,
    installer,
    station_keys,
    installations,
    station_removal,
    uptime,
    procedures,
    procedure_links,
    measurements,
    runs,
    units,
    parts,
    batches,
    attachments,
    webhooks,
    people,
    teams,
    account,
    invitations,
    operators,
    audit,
    settings,
    palette,
    reference,
)


def register(app: Flask) -> None:
    """Add the pages, their template functions, error pages and protections to the application."""
    hx.register(app)
    security.register(app)
    operator_formats.register(app.jinja_env)
    operator_limits.register(app.jinja_env)
    operator_sweeps.register(app.jinja_env)
    uptime.register_words(app)
    installations.register_words(app)
    settings.register_sections(app)
    sign_in.register(app)
    errors.register(app)
    for area in AREAS:
        app.register_blueprint(area.pages)
