"""Linking procedures and stations from either side, several at once; and ending a link, which is asked for first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from portal.services.refs import Ref
from portal.services.station_lookup import get_station
from portal.services.week_figures import WeekFigures
from portal.web import actor, db

pages = signed_in_only(Blueprint("procedure_links", __name__))

LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Side:
    """The station or procedure from whose page one comes, and what is linked to it there: stations or procedures."""

    name: str
    what: str  # "stations" or "procedures"
    area: tuple[str, str]  # the address and the name of the list of its kind
    page: str  # its own address
    choose: str  # where one chooses, and where the form is sent
    action: str
    options: Callable[[str, list[str]], list[Ref]]  # of a search, and of what is ticked
    pair: Callable[[str], tuple[str, str]]  # station and procedure, of one that is ticked


def of_procedure(procedure_id: str) -> Side:
    """Stations for a procedure. Raises `NotFound`."""
    procedure = get_procedure(db(), actor(), procedure_id)
    return Side(
        name=procedure.name,
        what="stations",
        area=(url_for("procedures.index"), "Procedures"),
        page=url_for("procedures.show", procedure_id=procedure.id),
        choose=url_for("procedure_links.choose_stations", procedure_id=procedure.id),
        action=url_for("procedure_links.link_stations", procedure_id=procedure.id),
        options=lambda search, chosen: stations_to_link(db(), actor(), procedure.id, search, chosen),
        pair=lambda station_id: (station_id, procedure.id),
    )


def of_station(station_id: str) -> Side:
    """Procedures for a station. Raises `NotFound`."""
    station = get_station(db(), actor(), station_id)
    return Side(
        name=station.name,
        what="procedures",
        area=(url_for("stations.index"), "Stations"),
        page=url_for("stations.show", station_id=station.id),
        choose=url_for("procedure_links.choose_procedures", station_id=station.id),
        action=url_for("procedure_links.link_procedures", station_id=station.id),
        options=lambda search, chosen: procedures_to_link(db(), actor(), station.id, search, chosen),
        pair=lambda procedure_id: (station.id, procedure_id),
    )


@pages.get("/procedures/<procedure_id>/stations")
def choose_stations(procedure_id: str) -> Response:
    """Stations to tick, which may run the procedure then."""
    return _choices(of_procedure(procedure_id), Form(lists=request.args.to_dict(flat=False)))


@pages.post("/procedures/<procedure_id>/stations")
def link_stations(procedure_id: str) -> ResponseReturnValue:
    """Link those that are ticked."""
    return _link(of_procedure(procedure_id))


@pages.get("/stations/<station_id>/procedures")
def choose_procedures(station_id: str) -> Response:
    """Procedures to tick, which the station may run then."""
    return _choices(of_station(station_id), Form(lists=request.args.to_dict(flat=False)))


@pages.post("/stations/<station_id>/procedures/chosen")
def link_procedures(station_id: str) -> ResponseReturnValue:
    """Link those that are ticked."""
    return _link(of_station(station_id))


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
        side=_side_asked(procedure.id, station.id),
        may_edit=can(actor(), Permission.EDIT),
    )


@pages.post("/procedures/<procedure_id>/stations/<station_id>/unlink")
def unlink(procedure_id: str, station_id: str) -> ResponseReturnValue:
    """End the link. The records stay."""
    unlink_procedure(db(), actor(), station_id, procedure_id)
    flash("Unlinked. Its runs stay.")
    return redirect(_side_asked(procedure_id, station_id).page, 303)


def weeks_of(station_id: str, procedure_ids: list[str]) -> dict[str, WeekFigures]:
    """For the page of a station: what it did with each procedure this week."""
    return weeks_at_station(db(), actor(), station_id, procedure_ids, datetime.now(UTC))


def _link(side: Side) -> ResponseReturnValue:
    form = Form.of(request)
    try:
        count = link_pairs(db(), actor(), [side.pair(one) for one in form.chosen("chosen")])
    except (Invalid, Conflict) as refused:
        return _choices(side, form.with_problem(refused.message), status=refused.status)
    flash(f"Linked to {count} {side.what.removesuffix('s') if count == 1 else side.what}.")
    return redirect(side.page, 303)


def _choices(side: Side, form: Form, status: int = 200) -> Response:
    search, chosen = request.values.get("search", "")[:LONGEST_SEARCH].strip(), form.chosen("chosen")
    return render(
        "procedures/link.html",
        "procedures/_choices.html",
        status=status,
        side=side,
        what=side.what,
        options=side.options(search, chosen),
        chosen=chosen,
        search=search,
        form=form,
    )


def _side_asked(procedure_id: str, station_id: str) -> Side:
    return of_station(station_id) if request.values.get("side") == "station" else of_procedure(procedure_id)
