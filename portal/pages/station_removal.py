"""Taking a station out of service, and what is left of it: the archived station's page, and its way back."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid, NotFound
from portal.pages.activities import activity_of
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.pages.uptime import uptime_of
from portal.services import station_archive, station_removal
from portal.services.actors import Permission, can
from portal.web import actor, db

pages = signed_in_only(Blueprint("station_removal", __name__))


@pages.get("/stations/archived")
def index() -> Response:
    """The archived stations."""
    return render("stations/archived_list.html", stations=station_archive.list_archived(db(), actor()))


@pages.get("/stations/<station_id>/remove")
def confirm(station_id: str) -> ResponseReturnValue:
    """What will be lost, and what stays."""
    try:
        return _form(station_id, Form())
    except NotFound:
        return _what_became_of_it(station_id)


@pages.post("/stations/<station_id>/remove")
def remove(station_id: str) -> ResponseReturnValue:
    """Delete or archive it, if its name was typed."""
    form = Form.of(request)
    try:
        plan = station_removal.plan_removal(db(), actor(), station_id)
        if form.text("name") != plan.name:
            wrong = f"This is not the station's name: type “{plan.name}”, exactly so."
            return _form(station_id, Form(form.values, form.lists, {"name": wrong}), status=422)
        is_kept = station_removal.remove_station(db(), actor(), station_id)
    except NotFound:
        return _what_became_of_it(station_id)
    if is_kept:
        flash(f"“{plan.name}” was archived. What it has recorded stays.")
        return redirect(url_for("stations.show", station_id=station_id), 303)
    flash(f"“{plan.name}” was deleted.")
    return redirect(url_for("stations.index"), 303)


@pages.post("/stations/<station_id>/restore")
def restore(station_id: str) -> ResponseReturnValue:
    """Put an archived station back into service."""
    form = Form.of(request)
    try:
        station = station_archive.restore_station(db(), actor(), station_id, form.text("name"))
    except Invalid as invalid:
        return archived_page(station_id, form.refused(invalid, ("name",)), status=422)
    except Conflict as conflict:
        if not conflict.issues:  # it is in service already: its own page says all else
            flash(conflict.message)
            return redirect(url_for("stations.show", station_id=station_id), 303)
        return archived_page(station_id, Form(form.values, form.lists, {"name": conflict.message}), status=409)
    flash(f"“{station.name}” is back. Link its procedures, and enrol its machine again.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


def archived_page(station_id: str, form: Form | None = None, status: int = 200) -> Response:
    """What is left of an archived station. Raises `NotFound` for any other one."""
    station = station_archive.show_archived(db(), actor(), station_id)
    return render(
        "stations/archived.html",
        status=status,
        station=station,
        uptime=uptime_of(station.id),
        form=form or Form({"name": station.name}),
        may_edit=can(actor(), Permission.EDIT),
    )


def _form(station_id: str, form: Form, status: int = 200) -> Response:
    plan = station_removal.plan_removal(db(), actor(), station_id)
    return render(
        "stations/remove.html",
        status=status,
        station=plan,
        activity=activity_of(plan),
        most_counted=station_removal.MOST_COUNTED,
        form=form,
    )


def _what_became_of_it(station_id: str) -> ResponseReturnValue:
    """For a form that is older than what somebody else, or a second click, has done. Raises `NotFound`."""
    station_archive.show_archived(db(), actor(), station_id)
    flash("This station was archived before. Nothing was changed now.")
    return redirect(url_for("stations.show", station_id=station_id), 303)
