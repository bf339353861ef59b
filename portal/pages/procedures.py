"""The procedures: their list, a new one, and the page of one."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import procedures as procedure_services
from portal.services.actors import Permission, can
from portal.services.runs import RunQuery, list_runs
from portal.services.stations import list_stations
from portal.web import actor, db

pages = signed_in_only(Blueprint("procedures", __name__))

RECENT_RUNS = 20


@pages.get("/procedures")
def index() -> Response:
    """The list."""
    procedures = procedure_services.list_procedures(db(), actor())
    return render("procedures/index.html", procedures=procedures, may_create=can(actor(), Permission.EDIT))


@pages.get("/procedures/new")
def new() -> Response:
    """The form."""
    return render("procedures/new.html", form=Form())


@pages.post("/procedures/new")
def create() -> ResponseReturnValue:
    """Make the procedure."""
    form = Form.of(request)
    try:
        procedure = procedure_services.create_procedure(
            db(), actor(), form.text("name"), identifier=form.text("identifier") or None
        )
    except Invalid as invalid:
        return render("procedures/new.html", status=422, form=form.refused(invalid, ("name", "identifier")))
    except Conflict as conflict:
        refused = Form(form.values, form.lists, {"identifier": conflict.message})
        return render("procedures/new.html", status=409, form=refused)
    return redirect(url_for("procedures.show", procedure_id=procedure.id), 303)


@pages.get("/procedures/<procedure_id>")
def show(procedure_id: str) -> Response:
    """The page of one procedure."""
    procedure = procedure_services.get_procedure(db(), actor(), procedure_id)
    stations = list_stations(db(), actor())
    return render(
        "procedures/show.html",
        procedure=procedure,
        stations=[station for station in stations if any(one.id == procedure_id for one in station.procedures)],
        runs=list_runs(db(), actor(), RunQuery(procedure_id=procedure_id, limit=RECENT_RUNS)).items,
    )
