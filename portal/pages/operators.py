"""Where operators land: at their bench, or at a choice of the benches that they see."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.actors import Permission, can
from portal.services.stations import StationRow, list_stations
from portal.web import actor, db

pages = signed_in_only(Blueprint("operators", __name__))

LONGEST_SEARCH = 200
MOST_AT_A_GLANCE = 8  # of more, one is found by its name


@pages.get("/operate")
def index() -> ResponseReturnValue:
    """The bench, where there is one; else a choice, or whom to ask for one."""
    search = request.args.get("search", "")[:LONGEST_SEARCH].strip()
    stations = list_stations(db(), actor(), search)
    if len(stations) == 1 and not search:
        return redirect(url_for("live.operate", station_id=stations[0].id), 303)
    return _choice(stations, search)


def gone() -> Response:
    """In place of a bench that is not there for who asks, such as after a change of their team: those that are."""
    return _choice(list_stations(db(), actor()), status=404)


def _choice(stations: list[StationRow], search: str = "", status: int = 200) -> Response:
    return render(
        "operator/choice.html",
        "operator/_benches.html",
        status=status,
        stations=stations,
        search=search,
        is_searched=bool(search) or len(stations) > MOST_AT_A_GLANCE,
        is_gone=status == 404,
        may_drive=can(actor(), Permission.DRIVE),
    )
