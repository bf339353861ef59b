"""The start page: every station at a glance, the day in numbers, who is offline, the latest runs."""

from __future__ import annotations

from flask import Blueprint, Response

from portal.pages.activities import activities_of
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import overview
from portal.services.actors import Permission, can
from portal.services.runs import RunQuery, list_runs
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("overview", __name__))

RECENT_RUNS = 10


@pages.get("/")
def index() -> Response:
    """Show the overview."""
    fleet = overview.show_fleet(db(), actor(), portal().fleet.active_ids())
    return render(
        "overview/index.html",
        fleet=fleet,
        activities=activities_of(fleet.tiles),
        figures=overview.show_figures(db(), actor()),
        zone=portal().settings.time_zone,
        runs=list_runs(db(), actor(), RunQuery(limit=RECENT_RUNS)).items,
        may_create=can(actor(), Permission.EDIT),
    )
