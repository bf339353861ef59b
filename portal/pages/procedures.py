"""The procedures: their list, a new one, the page of one with its statistics, and what is changed there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid
from portal.models import Procedure, Run
from portal.pages.activities import procedures_in_flight
from portal.pages.filters import Filter, ListQuery
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.procedure_filters import StatisticsQuery
from portal.pages.sign_in import signed_in_only
from portal.pages.statistics_charts import yield_charts
from portal.services import procedures as procedure_services
from portal.services.actors import Permission, can
from portal.services.measurement_statistics import list_figures
from portal.services.phase_statistics import phase_figures
from portal.services.procedure_archive import archive_procedure, restore_procedure
from portal.services.procedure_lists import ProcedureQuery, page_procedures
from portal.services.procedure_stations import count_stations, linked_stations, list_versions
from portal.services.procedure_yields import yields_over_time
from portal.services.runs import RunQuery, list_runs
from portal.services.statistics_scope import MOST_RUNS, MOST_RUNS_IN_PIECES, scoped
from portal.services.week_figures import week_figures
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("procedures", __name__))

RECENT_RUNS = 10
FILTERS = (Filter("search", "Name or identifier", "search"), Filter("archived", "Archived", "flag", {"yes": ""}))


@pages.get("/procedures")
def index() -> Response:
    """The list, a page at a time: those in use, or the archived ones."""
    query = ListQuery.of(request, FILTERS, ("created_at", "name"))
    wanted = ProcedureQuery(query["search"] or None, is_archived=bool(query["archived"]), in_identifier=True)
    found = page_procedures(db(), actor(), wanted, query.place)
    ids = [row.id for row in found.items]
    return render(
        "procedures/index.html",
        "procedures/_table.html",
        procedures=found.items,
        query=query,
        weeks=week_figures(db(), actor(), Run.procedure_id, ids, None, datetime.now(UTC)),
        stations=count_stations(db(), actor(), ids),
        next_url=url_for("procedures.index", **query.args, cursor=found.next_cursor) if found.next_cursor else None,
        first_url=url_for("procedures.index", **query.args) if query.cursor else None,
        may_create=can(actor(), Permission.EDIT),
    )


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
    return _page(procedure_id, None)


@pages.post("/procedures/<procedure_id>/names")
def rename(procedure_id: str) -> ResponseReturnValue:
    """Give it another name, or another identifier.

    The form says what was there before: who renames what somebody else has renamed meanwhile is told, and keeps the
    own words.
    """
    form = Form.of(request)
    procedure = procedure_services.get_procedure(db(), actor(), procedure_id)
    was = (form.text("name_before"), form.text("identifier_before"))
    if was != (procedure.name, procedure.identifier):
        problem = (
            f"Somebody else changed it meanwhile: it is “{procedure.name}” with the identifier "
            f"“{procedure.identifier}” now. Your words are still below; save again to replace theirs."
        )
        return _page(procedure_id, form.with_problem(problem), status=409)
    changes = procedure_services.ProcedureChanges(form.text("name"), identifier=form.text("identifier"))
    try:
        procedure_services.update_procedure(db(), actor(), procedure_id, changes)
    except Invalid as invalid:
        return _page(procedure_id, form.refused(invalid, ("name", "identifier")), status=422)
    except Conflict as conflict:
        return _page(procedure_id, Form(form.values, form.lists, {"identifier": conflict.message}), status=409)
    flash("Saved.")
    return redirect(url_for("procedures.show", procedure_id=procedure_id), 303)


@pages.get("/procedures/<procedure_id>/archive")
def ask_archive(procedure_id: str) -> Response:
    """Say what archiving does, and ask."""
    procedure = procedure_services.get_procedure(db(), actor(), procedure_id)
    stations = linked_stations(db(), actor(), procedure.id, datetime.now(UTC))
    in_flight = procedures_in_flight(stations)
    return render(
        "procedures/archive.html",
        procedure=procedure,
        stations=stations,
        in_flight=sum(in_flight.get(station.id) == procedure.id for station in stations),
        may_edit=can(actor(), Permission.EDIT),
    )


@pages.post("/procedures/<procedure_id>/archive")
def archive(procedure_id: str) -> ResponseReturnValue:
    """Archive it."""
    procedure = archive_procedure(db(), actor(), procedure_id)
    flash(f"“{procedure.name}” is archived. Its runs stay.")
    return redirect(url_for("procedures.show", procedure_id=procedure_id), 303)


@pages.post("/procedures/<procedure_id>/restore")
def restore(procedure_id: str) -> ResponseReturnValue:
    """Bring it back, with its links."""
    procedure = restore_procedure(db(), actor(), procedure_id)
    flash(f"“{procedure.name}” is back.")
    return redirect(url_for("procedures.show", procedure_id=procedure_id), 303)


def _page(procedure_id: str, form: Form | None, status: int = 200) -> Response:
    now = datetime.now(UTC)
    procedure = procedure_services.get_procedure(db(), actor(), procedure_id)
    query = StatisticsQuery.of(request, now, portal().settings.time_zone)
    return render(
        "procedures/show.html",
        "procedures/_statistics.html",
        status=status,
        procedure=procedure,
        form=form or _form_of(procedure),
        has_form=form is not None,
        stations=linked_stations(db(), actor(), procedure.id, now),
        runs=list_runs(db(), actor(), RunQuery(procedure_id=procedure.id, limit=RECENT_RUNS)).items,
        versions=list_versions(db(), actor(), procedure.id),
        may_edit=can(actor(), Permission.EDIT),
        api_url=(portal().settings.public_url or request.url_root).rstrip("/"),
        **_statistics(procedure, query),
    )


def _statistics(procedure: Procedure, query: StatisticsQuery) -> dict[str, Any]:
    scope = query.scope(procedure.id)
    conditions = scoped(db(), actor(), scope)
    yields = yields_over_time(db(), actor(), scope, conditions)
    phases = phase_figures(db(), actor(), conditions) if yields.runs else []
    measurements, is_cut = list_figures(db(), actor(), conditions) if yields.runs else ([], False)
    return {
        "query": query,
        "yields": yields,
        "charts": yield_charts(yields, is_weekly=scope.is_weekly) if yields.runs else [],
        "is_weekly": scope.is_weekly,
        "phases": phases,
        "measurements": measurements,
        "is_cut": is_cut or yields.runs > MOST_RUNS_IN_PIECES,
        "most_runs": MOST_RUNS,
        "most_in_pieces": MOST_RUNS_IN_PIECES,
    }


def _form_of(procedure: Procedure) -> Form:
    return Form({"name": procedure.name, "identifier": procedure.identifier})
