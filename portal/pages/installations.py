"""Taking a machine from its station: a page that says what it means, and the act."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict
from portal.pages.activities import activity_of
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.pages.uptime import span
from portal.services import installations
from portal.services import stations as station_services
from portal.services.actors import Permission, require
from portal.web import actor, db

pages = signed_in_only(Blueprint("installations", __name__))


CLOCKS_AGREE_S = 2.0  # a heartbeat's way to the portal is in the difference


def register_words(app: Flask) -> None:
    """Make the functions available to every template."""
    app.jinja_env.filters.update(clock_words=clock_words, sentence=sentence)


def clock_words(ahead_s: float) -> str:
    """How a station's clock is against the portal's."""
    if abs(ahead_s) < CLOCKS_AGREE_S:
        return "as the portal's"
    return f"{span(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} the portal's"


def sentence(words: str) -> str:
    """Words that begin a sentence."""
    return words[:1].upper() + words[1:]


@pages.get("/stations/<station_id>/installation/revoke")
def confirm(station_id: str) -> Response:
    """What revoking means for the machine that is enrolled now."""
    return _page(station_id)


@pages.post("/stations/<station_id>/installation/revoke")
def revoke(station_id: str) -> ResponseReturnValue:
    """Revoke the machine that the form names: not another one that took its place meanwhile."""
    try:
        hostname = installations.revoke_installation(db(), actor(), station_id, request.form.get("installation", ""))
    except Conflict as conflict:
        return _page(station_id, conflict.message, status=409)
    flash(f"The installation on {hostname} was revoked: its program ends, and its key does not work any more.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


def _page(station_id: str, problem: str | None = None, status: int = 200) -> Response:
    require(actor(), Permission.EDIT)
    station = station_services.get_station(db(), actor(), station_id)
    return render(
        "stations/revoke.html",
        status=status,
        station=station,
        machine=installations.show_installation(db(), actor(), station_id),
        activity=activity_of(station),
        problem=problem,
    )
