"""A station's API keys: the list, and a new one, shown once. See `enrolment` for how it gets to its page."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from portal.errors import Conflict, Invalid
from portal.pages.forms import Form
from portal.pages.hand_over import HandOver
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import api_keys, station_keys
from portal.services import stations as station_services
from portal.services.actors import Permission, can
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("station_keys", __name__))


@pages.record
def _prepare(state: BlueprintSetupState) -> None:
    state.app.extensions["stationmaster.fresh_keys"] = HandOver[str]()


@pages.get("/stations/<station_id>/keys")
def show(station_id: str) -> Response:
    """The keys; one that was made just now in full."""
    return _page(station_id, Form())


@pages.post("/stations/<station_id>/keys")
def create(station_id: str) -> ResponseReturnValue:
    """Make a key; the next page shows it once."""
    form = Form.of(request)
    try:
        key = api_keys.create_station_key(db(), actor(), station_id, form.text("name"))
    except Invalid as invalid:
        return _page(station_id, form.refused(invalid, ("name",)), status=422)
    except Conflict as conflict:
        return _page(station_id, form.with_problem(conflict.message), status=409)
    return _hand_over(station_id, key)


@pages.post("/stations/<station_id>/keys/<key_id>/regenerate")
def regenerate(station_id: str, key_id: str) -> ResponseReturnValue:
    """Replace a key. Who clicked twice gets the sentence, and the key that the first click made."""
    try:
        key = station_keys.regenerate_station_key(db(), actor(), station_id, key_id)
    except Conflict as conflict:
        return _page(station_id, Form(problem=conflict.message), status=409)
    return _hand_over(station_id, key)


@pages.post("/stations/<station_id>/keys/<key_id>/delete")
def delete(station_id: str, key_id: str) -> ResponseReturnValue:
    """End a key."""
    try:
        name = station_keys.delete_station_key(db(), actor(), station_id, key_id)
    except Conflict as conflict:
        return _page(station_id, Form(problem=conflict.message), status=409)
    flash(f"The key “{name}” was deleted: it does not work any more.")
    return redirect(url_for("station_keys.show", station_id=station_id), 303)


def _hand_over(station_id: str, key: str) -> ResponseReturnValue:
    _fresh_keys().put((actor().id, station_id), key)
    return redirect(url_for("station_keys.show", station_id=station_id), 303)


def _page(station_id: str, form: Form, status: int = 200) -> Response:
    station = station_services.get_station(db(), actor(), station_id)
    response = render(
        "stations/keys.html",
        status=status,
        station=station,
        keys=station_keys.show_station_keys(db(), actor(), station_id),
        fresh_key=_fresh_keys().take((actor().id, station_id)),
        portal_url=(portal().settings.public_url or request.url_root).rstrip("/"),
        form=form,
        may_edit=can(actor(), Permission.EDIT),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _fresh_keys() -> HandOver[str]:
    keys: HandOver[str] = current_app.extensions["stationmaster.fresh_keys"]
    return keys
