"""Settings: where they begin, what is in them, and about this portal."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, request

from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.about import describe_portal
from portal.services.actors import Permission, require
from portal.web import actor, db

pages = signed_in_only(Blueprint("settings", __name__))

# Sections of the settings: endpoint, words, what one finds there. One whose endpoint does not exist is left out.
SECTIONS = (
    ("people.index", "People", "Who may sign in, and as what; links by which people join."),
    ("teams.index", "Teams", "Who sees which stations."),
    ("webhooks.index", "Webhooks", "Addresses that are told of every run."),
    ("audit.index", "Audit log", "Who did what, when and from where."),
    ("settings.about", "About", "Version, database and disk of this portal."),
)


def register_sections(app: Flask) -> None:
    """Let templates ask for the sections."""
    app.jinja_env.globals["settings_sections"] = _sections


def _sections() -> list[tuple[str, str, str, bool]]:
    """Each with whether the page that is asked for is of it."""
    there = [section for section in SECTIONS if section[0] in current_app.view_functions]
    return [(*section, _is_here(section[0])) for section in there]


def _is_here(endpoint: str) -> bool:
    area = endpoint.partition(".")[0]
    has_it_alone = [one[0].partition(".")[0] for one in SECTIONS].count(area) == 1 and area != pages.name
    return request.endpoint == endpoint or (has_it_alone and request.blueprint == area)


@pages.get("/settings")
def index() -> Response:
    """What there is to set."""
    require(actor(), Permission.ADMINISTER)
    return render("settings/index.html")


@pages.get("/settings/about")
def about() -> Response:
    """Version, database, disk."""
    return render("settings/about.html", about=describe_portal(db(), actor()))
