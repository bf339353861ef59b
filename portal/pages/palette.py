"""The command palette: everything by name, and what one can do. A page as well, for browsers without scripts."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, current_app, request, url_for

from portal.pages.audit import place_of
from portal.pages.hx import render
from portal.pages.settings import SECTIONS
from portal.pages.sign_in import signed_in_only
from portal.services.actors import Permission, can
from portal.services.names import same
from portal.services.palette import MOST_OF_A_KIND, find_by_name
from portal.web import actor, db

pages = signed_in_only(Blueprint("palette", __name__))

TITLES = {
    "stations": "Stations",
    "procedures": "Procedures",
    "units": "Units",
    "parts": "Parts",
    "batches": "Batches",
    "runs": "Runs",
}
# Where the pages and actions lead: endpoint, words, and what one must be allowed to.
PAGES = (
    ("overview.index", "Overview", Permission.VIEW),
    ("stations.index", "Stations", Permission.VIEW),
    ("procedures.index", "Procedures", Permission.VIEW),
    ("runs.index", "Runs", Permission.VIEW),
    ("units.index", "Units", Permission.VIEW),
    ("parts.index", "Parts", Permission.VIEW),
    ("batches.index", "Batches", Permission.VIEW),
    ("reference.index", "API reference", Permission.VIEW),
    ("settings.index", "Settings", Permission.ADMINISTER),
)
SETTINGS = tuple((endpoint, f"Settings: {words}", Permission.ADMINISTER) for endpoint, words, _note in SECTIONS)
ACTIONS = (
    ("stations.new", "New station", Permission.EDIT),
    ("procedures.new", "New procedure", Permission.EDIT),
    ("webhooks.new", "New webhook", Permission.ADMINISTER),
)


@dataclass(frozen=True)
class Choice:
    """One line of the palette. ``submits``: the id of the form that it sends instead of going anywhere."""

    words: str
    note: str
    url: str
    submits: str | None = None


@pages.get("/palette")
def index() -> Response:
    """What matches, by kind."""
    text = request.args.get("q", "").strip()[:100]
    found = {title: choices for title, choices in _found(text).items() if choices}
    return render("palette/index.html", "palette/_results.html", text=text, found=found)


def _found(text: str) -> dict[str, list[Choice]]:
    hits: dict[str, list[Choice]] = {title: [] for title in TITLES.values()}
    for hit in find_by_name(db(), actor(), text):
        hits[TITLES[hit.kind]].append(Choice(hit.name, hit.note, place_of(hit.kind, hit.key)))
    leave = [Choice("Sign out", "", url_for("sign_in.show"), "sign-out")] if same(text) in "sign out" else []
    return {
        **hits,
        "Pages": _listed(PAGES, text),
        "Settings": _listed(SETTINGS, text),
        "Actions": [*_listed(ACTIONS, text), *leave],
    }


def _listed(places: tuple[tuple[str, str, Permission], ...], text: str) -> list[Choice]:
    return [
        Choice(words, "", url_for(endpoint))
        for endpoint, words, needs in places
        if endpoint in current_app.view_functions and can(actor(), needs) and same(text) in same(words)
    ][:MOST_OF_A_KIND]
