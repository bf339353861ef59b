"""Linking procedures and stations from either side, several at once; and ending a link, which is asked for first."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid
from portal.pages.activities import procedures_in_flight
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.actors import Permission, can
from portal.services.procedure_stations import link_pairs, procedures_to_link, stations_to_link, weeks_at_station
from portal.services.procedures import get_procedure, unlink_procedure
from portal.services.station_lookup import get_station
from portal.services.stations import show_station
from portal.services.week_figures import WeekFigures
from portal.web import actor, db

pages = signed_in_only(Blueprint("procedure_links", __name__))

LONGEST_SEARCH = 200


@pages.get("/procedures/<procedure_id>/stations")
def choose_stations(procedure_id: str) -> Response:
    """Stations to tick, which may run the procedure then."""
    return _stations(procedure_id, Form(lists=request.args.to_dict(flat=False)))


@pages.post("/procedures/<procedure_id>/stations")
def link_stations(procedure_id: str) -> ResponseReturnValue:
    """Link those that are ticked."""
    form = Form.of(request)
    try:
        count = link_pairs(db(), actor(), [(station_id, procedure_id) for station_id in form.chosen("chosen")])
    except (Invalid, Conflict) as refused:
        return _stations(procedure_id, form.with_problem(refused.message), status=refused.status)
    flash(f"Linked to {count} {'station' if count == 1 else 'stations'}.")
    return redirect(url_for("procedures.show", procedure_id=procedure_id), 303)


@pages.get("/stations/<station_id>/procedures")
def choose_procedures(station_id: str) -> Response:
    """Procedures to tick, which the station may run then."""
    return _procedures(station_id, Form(lists=request.args.to_dict(flat=False)))


@pages.post("/stations/<station_id>/procedures/chosen")
def link_procedures(station_id: str) -> ResponseReturnValue:
    """Link those that are ticked."""
    form = Form.of(request)
    try:
        count = link_pairs(db(), actor(), [(station_id, procedure_id) for procedure_id in form.chosen("chosen")])
    except (Invalid, Conflict) as refused:
        return _procedures(station_id, form.with_problem(refused.message), status=refused.status)
    flash(f"Linked {count} {'procedure' if count == 1 else 'procedures'}.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


@pages.get("/procedures/<procedure_id>/stations/<station_id>/unlink")
def ask_unlink(procedure_id: str, station_id: str) -> Response:
    """Say what unlinking does, and ask."""
    procedure = get_procedure(db(), actor(), procedure_id)
    station = get_station(db(), actor(), station_id)
    return render(
        "procedures/unlink.html",
        procedure=procedure,
        station=station,
        in_flight=int(procedures_in_flight([station]).get(station.id) == procedure.id),
        back=_back(procedure_id, station_id),
        side="station" if _is_from_station() else "procedure",
        may_edit=can(actor(), Permission.EDIT),
    )


@pages.post("/procedures/<procedure_id>/stations/<station_id>/unlink")
def unlink(procedure_id: str, station_id: str) -> ResponseReturnValue:
    """End the link. The records stay."""
    unlink_procedure(db(), actor(), station_id, procedure_id)
    flash("Unlinked. Its runs stay.")
    return redirect(_back(procedure_id, station_id), 303)


def weeks_of(station_id: str, procedure_ids: list[str]) -> dict[str, WeekFigures]:
    """For the page of a station: what it did with each procedure this week."""
    return weeks_at_station(db(), actor(), station_id, procedure_ids, datetime.now(UTC))


def _stations(procedure_id: str, form: Form, status: int = 200) -> Response:
    procedure = get_procedure(db(), actor(), procedure_id)
    search, chosen = _search(), form.chosen("chosen")
    return render(
        "procedures/link.html",
        "procedures/_choices.html",
        status=status,
        title=f"Link stations to “{procedure.name}”",
        what="stations",
        action=url_for("procedure_links.link_stations", procedure_id=procedure.id),
        search_url=url_for("procedure_links.choose_stations", procedure_id=procedure.id),
        back=url_for("procedures.show", procedure_id=procedure.id),
        crumbs=(url_for("procedures.index"), "Procedures", procedure.name),
        options=stations_to_link(db(), actor(), procedure.id, search, chosen),
        chosen=chosen,
        search=search,
        form=form,
    )


def _procedures(station_id: str, form: Form, status: int = 200) -> Response:
    station = show_station(db(), actor(), station_id)
    search, chosen = _search(), form.chosen("chosen")
    return render(
        "procedures/link.html",
        "procedures/_choices.html",
        status=status,
        title=f"Link procedures to “{station.name}”",
        what="procedures",
        action=url_for("procedure_links.link_procedures", station_id=station.id),
        search_url=url_for("procedure_links.choose_procedures", station_id=station.id),
        back=url_for("stations.show", station_id=station.id),
        crumbs=(url_for("stations.index"), "Stations", station.name),
        options=procedures_to_link(db(), actor(), station.id, search, chosen),
        chosen=chosen,
        search=search,
        form=form,
    )


def _search() -> str:
    return request.values.get("search", "")[:LONGEST_SEARCH].strip()


def _is_from_station() -> bool:
    return request.values.get("side") == "station"


def _back(procedure_id: str, station_id: str) -> str:
    if _is_from_station():
        return url_for("stations.show", station_id=station_id)
    return url_for("procedures.show", procedure_id=procedure_id)
