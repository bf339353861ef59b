"""The stations: their list, a new one, and the page of one."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid, NotFound
from portal.pages.activities import activity_of, vitals_of
from portal.pages.enrolment import hand_over
from portal.pages.forms import Form
from portal.pages.hx import go_to, is_partial, render
from portal.pages.procedure_links import weeks_of
from portal.pages.sign_in import signed_in_only
from portal.pages.station_labels import to_station
from portal.pages.station_removal import archived_page
from portal.pages.station_table import table_inputs
from portal.pages.uptime import uptime_of
from portal.services import procedures as procedure_services
from portal.services import setup_tokens
from portal.services import stations as station_services
from portal.services.actors import Permission, can
from portal.services.station_lookup import read_number
from portal.services.station_settings import Clash, Seen, Stale, save_settings
from portal.services.station_table import team_choices
from portal.web import actor, db

pages = signed_in_only(Blueprint("stations", __name__))


@pages.get("/stations")
def index() -> Response:
    """The table."""
    return render("stations/index.html", "stations/_table.html", **table_inputs())


@pages.get("/stations/new")
def new() -> Response:
    """The form: as a page, or alone for the dialog of the list."""
    return _form(Form())


@pages.post("/stations/new")
def create() -> ResponseReturnValue:
    """Make the station and its first setup token; the next page shows the token once."""
    form = Form.of(request)
    try:
        station = station_services.create_station(
            db(), actor(), form.text("name"), form.chosen("procedures"), team_id=form.text("team") or None
        )
    except Invalid as invalid:
        return _form(form.refused(invalid, ("name", "procedures", "team")), status=422)
    except Conflict as conflict:
        return _form(form.refused(Invalid(conflict.issues), ("name",)), status=409)
    except NotFound as missing:
        return _form(form.with_problem(f"{missing.message} Choose again."), status=422)
    hand_over(station.id, setup_tokens.issue_setup_token(db(), actor(), station.id))
    url = url_for("enrolment.show", station_id=station.id)
    return go_to(url) if is_partial(request) else redirect(url, 303)


@pages.get("/stations/<station_id>")
def show(station_id: str) -> ResponseReturnValue:
    """The page of one station, archived ones included; from ST-0007 to it."""
    number = read_number(station_id)
    if number is not None:
        return to_station(number)
    try:
        return _page(station_id, None)
    except NotFound:
        return archived_page(station_id)


@pages.post("/stations/<station_id>/name")
def rename(station_id: str) -> ResponseReturnValue:
    """Give the station another name."""
    form = Form.of(request)
    typed, seen = {"name": form.text("name")}, Seen.read(form.text("seen"))
    try:
        save_settings(db(), actor(), station_id, typed, seen)
    except Stale as stale:
        return _page(station_id, form, status=409, clash=stale.clashes[0])
    except Invalid as invalid:
        return _page(station_id, form.refused(invalid, ("name",)), status=422)
    except Conflict as conflict:
        return _page(station_id, Form(form.values, form.lists, {"name": conflict.message}), status=409)
    flash("Renamed.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


@pages.post("/stations/<station_id>/procedures")
def link(station_id: str) -> ResponseReturnValue:
    """Let the station run a procedure."""
    procedure_services.link_procedure(db(), actor(), station_id, request.form.get("procedure", ""))
    return redirect(url_for("stations.show", station_id=station_id), 303)


def _form(form: Form, status: int = 200) -> Response:
    procedures = procedure_services.list_procedures(db(), actor())
    options = [(procedure.id, procedure.name, procedure.identifier) for procedure in procedures]
    teams = team_choices(db(), actor())
    return render(
        "stations/new.html", "stations/_new.html", status=status, form=form, procedure_options=options, teams=teams
    )


def _page(station_id: str, form: Form | None, status: int = 200, clash: Clash | None = None) -> Response:
    station = station_services.show_station(db(), actor(), station_id)
    linked = {procedure.id for procedure in station.procedures}
    may_edit = can(actor(), Permission.EDIT)
    procedures = procedure_services.list_procedures(db(), actor()) if may_edit else []
    return render(
        "stations/show.html",
        status=status,
        station=station,
        activity=activity_of(station),
        vitals=vitals_of(station),
        uptime=uptime_of(station.id),
        weeks=weeks_of(station.id, [procedure.id for procedure in station.procedures]),
        form=form or Form({"name": station.name}),
        clash=clash,
        is_naming=form is not None,
        unlinked=[procedure for procedure in procedures if procedure.id not in linked],
        may_edit=may_edit,
        may_operate=can(actor(), Permission.DRIVE),
    )
