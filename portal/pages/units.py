"""A unit under test: what happened to it, on which station."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from portal.errors import NotFound
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.runs import RunQuery, last_result, list_runs
from portal.web import actor, db

pages = signed_in_only(Blueprint("units", __name__))

PAGE_SIZE = 50


@pages.get("/units/<path:serial_number>")
def show(serial_number: str) -> Response:
    """The unit's runs, newest first. Serial numbers may hold slashes."""
    newest = last_result(db(), serial_number)
    query = RunQuery(serial_number=serial_number, cursor=request.args.get("cursor") or None, limit=PAGE_SIZE)
    found = list_runs(db(), actor(), query)
    if newest is None:
        raise NotFound("unit")
    next_url = (
        url_for("units.show", serial_number=serial_number, cursor=found.next_cursor) if found.next_cursor else None
    )
    return render(
        "units/show.html",
        newest=newest,
        runs=found.items,
        next_url=next_url,
    )
