"""Where operators land: at their bench, or at a choice of the benches that they see."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.stations import list_stations
from portal.web import actor, db

pages = signed_in_only(Blueprint("operators", __name__))


@pages.get("/operate")
def index() -> ResponseReturnValue:
    """The bench, where there is one; else a choice, or whom to ask for one."""
    stations = list_stations(db(), actor())
    if len(stations) == 1:
        return redirect(url_for("live.operate", station_id=stations[0].id), 303)
    return render("operator/choice.html", stations=stations)
