"""What stands on a bench: the station's number as an address, and its label with a code for a phone's camera."""

from __future__ import annotations

import segno
from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from portal.errors import NotFound
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.station_lookup import get_station, get_station_by_number, read_number
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("station_labels", __name__))

SIZES = {"62": "62 mm tape", "a6": "A6"}


@pages.get("/s/<number>")
def by_number(number: str) -> ResponseReturnValue:
    """From ST-0007, as people write it, to the page of the station."""
    return to_station(read_number(number) or read_number(f"st{number}"))


def to_station(number: int | None) -> ResponseReturnValue:
    """To the page of the station with that number. Raises `NotFound`."""
    if number is None:
        raise NotFound("station")
    return redirect(url_for("stations.show", station_id=get_station_by_number(db(), actor(), number).id), 303)


@pages.get("/stations/<station_id>/label")
def label(station_id: str) -> Response:
    """The label, to be printed."""
    station = get_station(db(), actor(), station_id)
    base = (portal().settings.public_url or request.url_root).rstrip("/")
    operate_url = base + url_for("live.operate", station_id=station.id)
    size = request.args.get("size", "")
    return render(
        "stations/label.html",
        station=station,
        operate_url=operate_url,
        code=qr_code(operate_url),
        size=size if size in SIZES else next(iter(SIZES)),
        sizes=SIZES,
    )


def qr_code(text: str) -> Markup:
    """The text as a QR code: a drawing without a size of its own, with the white edge that cameras need.

    Level M: it still reads with a seventh of it rubbed off, and its modules stay large on a small label.
    """
    drawn = segno.make(text, error="m", micro=False).svg_inline(omitsize=True, border=4, light="#fff", svgclass="qr")
    return Markup(drawn)  # noqa: S704  (numbers and our own words: the text is in it as dots only)
