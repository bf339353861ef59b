"""The settings of one station: its page, and its picture."""

from __future__ import annotations

import io

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from portal.errors import BadRequest, Conflict, Invalid, TooLarge
from portal.pages.forms import Form
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.pages.station_form import KINDS, SettingsForm
from portal.services import pictures, shifts, station_pictures
from portal.services import station_settings as settings_services
from portal.services.station_settings import UNSEEN, Seen, Stale
from portal.services.station_teams import list_team_options
from portal.time_zones import zone_names
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("station_settings", __name__))

ROOM_FOR_THE_REST = 100_000  # bytes of a form beside the picture in it


@pages.get("/stations/<station_id>/settings")
def show(station_id: str) -> Response:
    """The page."""
    return _page(station_id)


@pages.post("/stations/<station_id>/settings")
def save(station_id: str) -> ResponseReturnValue:
    """Write what was changed in the form."""
    request.max_form_memory_size = portal().settings.max_body_bytes  # metadata may be longer than forms usually are
    form = SettingsForm.of(request)
    seen = Seen.read(form.seen)
    typed, mistakes = form.typed()
    try:
        is_changed = settings_services.save_settings(db(), actor(), station_id, typed, seen, form.dropped(), mistakes)
    except Stale as stale:
        form = SettingsForm.filled(stale.values, stale.settings.seen).clashing(stale.clashes)
        return _page(station_id, form, status=409)
    except Invalid as invalid:
        return _page(station_id, form.refused(invalid), status=422)
    except Conflict as conflict:
        return _page(station_id, form.refused(Invalid(conflict.issues)), status=409)
    flash("Saved." if is_changed else "Nothing was other than before.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


@pages.get("/stations/<station_id>/picture")
def thumbnail(station_id: str) -> Response:
    """The station's picture, small. Its address names the picture (``v``), so a browser may keep it."""
    content, ending = station_pictures.small_picture(db(), actor(), station_id)
    response = Response(content, content_type="image/png" if ending == "png" else "image/jpeg")
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, max-age=604800, immutable"
    return response


@pages.post("/stations/<station_id>/picture")
def set_picture(station_id: str) -> ResponseReturnValue:
    """Give the station the picture that was sent."""
    request.max_content_length = pictures.MOST_BYTES + ROOM_FOR_THE_REST
    try:
        sent = request.files.get("picture")
        stream = sent.stream if sent is not None else io.BytesIO()
        station_pictures.set_picture(db(), actor(), station_id, stream, _seen_picture())
    except RequestEntityTooLarge:  # told by its announced length: nothing of it was read
        return _refused_picture(station_id, TooLarge(pictures.TOO_LARGE))
    except BadRequest:
        raise
    except (Invalid, TooLarge, Conflict) as error:
        return _refused_picture(station_id, error)
    flash("The picture was changed.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


@pages.post("/stations/<station_id>/picture/remove")
def remove_picture(station_id: str) -> ResponseReturnValue:
    """Take the station's picture away."""
    try:
        station_pictures.remove_picture(db(), actor(), station_id, _seen_picture())
    except Conflict as conflict:
        return _refused_picture(station_id, conflict)
    flash("The picture was removed.")
    return redirect(url_for("stations.show", station_id=station_id), 303)


def _seen_picture() -> str:
    seen = request.form.get("seen")
    if seen is None:
        raise BadRequest(UNSEEN)
    return seen


def _refused_picture(station_id: str, error: Invalid | TooLarge | Conflict) -> Response:
    return _page(station_id, picture_form=Form(errors={"picture": error.message}), status=error.status)


def _page(
    station_id: str, form: SettingsForm | None = None, *, picture_form: Form | None = None, status: int = 200
) -> Response:
    settings = settings_services.show_settings(db(), actor(), station_id)
    return render(
        "stations/settings.html",
        status=status,
        station=settings,
        form=form or SettingsForm.filled(settings.values(), settings.seen),
        picture_form=picture_form or Form(),
        picture_bytes=pictures.MOST_BYTES,
        too_large=pictures.TOO_LARGE,
        teams=list_team_options(db()),
        zones=list(zone_names().values()),
        portal_zone=portal().settings.time_zone,
        kinds=KINDS,
        days=list(zip(shifts.DAYS, shifts.DAY_NAMES, strict=True)),
    )
