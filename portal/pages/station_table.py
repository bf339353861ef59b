"""The table of stations: what its address asks for, its export, and changes of the stations that are ticked in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.csv_files import send_csv
from portal.errors import Forbidden
from portal.pages.activities import activities_of
from portal.pages.filters import Filter, ListQuery, words
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.pages.uptime import percent_words
from portal.services import station_bulk
from portal.services.actors import Permission, can
from portal.services.procedures import list_procedures
from portal.services.station_bulk import BulkResult
from portal.services.station_table import (
    STATUSES,
    TableQuery,
    TableRow,
    export_table,
    page_table,
    team_choices,
)
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("station_table", __name__))

FILTERS = (
    Filter("search", "Search stations", "search"),
    words("status", "Status", STATUSES),
    Filter("procedure", "Procedure"),
    Filter("team", "Team"),
    Filter("unsent", "Has unsent runs", "flag", {"yes": ""}),
)
SORTS = ("name", "number", "status", "since")
ARCHIVE_WORD = "archive"
MOST_NAMED = 20  # stations in one sentence
COLUMNS = (
    "number", "name", "status", "since", "team", "procedures", "program_version", "uploads_waiting", "uptime_90d",
    "runs_7d", "tested_7d", "passed_7d", "id",
)  # fmt: skip


def table_inputs() -> dict[str, Any]:
    """What the templates of the table need, for the page that the address asks for."""
    query = _asked()
    found = page_table(db(), actor(), _wanted(query), query.place)
    stations = [row.station for row in found.items]
    return {
        "rows": found.items,
        "activities": activities_of(stations),
        "query": query,
        "statuses": tuple(STATUSES),
        "procedures": list_procedures(db(), actor()),
        "teams": team_choices(db(), actor()),
        "next_url": url_for("stations.index", **query.args, cursor=found.next_cursor) if found.next_cursor else None,
        "first_url": url_for("stations.index", **query.args) if query.cursor else None,
        "may_edit": can(actor(), Permission.EDIT),
        "may_operate": can(actor(), Permission.DRIVE),
    }


@pages.get("/stations.csv")
def export() -> Response:
    """All stations that fit the same filters, in the same order."""
    query = _asked()
    who, database = actor(), portal().database

    def rows() -> Iterator[list[object]]:
        with database.open() as own:  # the request's handle is closed before the file is sent
            for row in export_table(own, who, _wanted(query), query.place):
                yield _cells(row)

    return send_csv("stations.csv", COLUMNS, rows())


@pages.post("/stations/bulk/link")
def link() -> ResponseReturnValue:
    """Link a procedure to those that are ticked."""
    chosen = request.form.get("procedure", "")
    if not _ticked() or not chosen:
        return _back("Choose stations and a procedure first: nothing was changed.")
    done = station_bulk.link_stations(db(), actor(), _ticked(), chosen)
    return _back(f"Linked “{done.what}” to {_stations(done.changed)}.", _rest(done, "had it already"))


@pages.post("/stations/bulk/team")
def team() -> ResponseReturnValue:
    """Give those that are ticked to a team, or to none."""
    chosen = request.form.get("team", "")
    if not _ticked() or not chosen:
        return _back("Choose stations and a team first: nothing was changed.")
    done = station_bulk.assign_team(db(), actor(), _ticked(), None if chosen == "none" else chosen)
    where = f"to the team “{done.what}”" if done.what is not None else "to no team"
    return _back(f"Assigned {_stations(done.changed)} {where}.", _rest(done, "already so"))


@pages.post("/stations/bulk/archive")
def archive() -> ResponseReturnValue:
    """Show what will be lost; with the word typed, take those that are ticked out of service."""
    if not can(actor(), Permission.EDIT):
        raise Forbidden("You do not have permission to change stations.")
    if not _ticked():
        return _back("Choose stations first: nothing was changed.")
    word = request.form.get("word")
    if word is not None and word.strip().lower() == ARCHIVE_WORD:
        done = station_bulk.remove_stations(db(), actor(), _ticked())
        return _back(f"Took {_stations(done.changed)} out of service.", _rest(done, ""))
    return render(
        "stations/archive.html",
        status=200 if word is None else 422,
        plan=station_bulk.plan_removal(db(), actor(), _ticked()),
        station_ids=_ticked(),
        query=_asked(),
        word=ARCHIVE_WORD,
        typed=word,
    )


def _asked() -> ListQuery:
    return ListQuery.of(request, FILTERS, SORTS, usual="name", usual_order="asc")


def _wanted(query: ListQuery) -> TableQuery:
    return TableQuery(
        search=query["search"],
        status=query["status"] or None,
        procedure_id=query["procedure"] or None,
        team_id=query["team"] or None,
        has_unsent=bool(query["unsent"]),
    )


def _ticked() -> list[str]:
    return request.form.getlist("station")


def _back(*sentences: str) -> ResponseReturnValue:
    """To the table as it was asked for, with what was done."""
    flash(" ".join(filter(None, sentences)))
    return redirect(url_for("stations.index", **_asked().args), 303)


def _rest(done: BulkResult, unchanged: str) -> str:
    """What was not changed, and why."""
    sentences = [f"{done.unchanged} {unchanged}."] if done.unchanged else []
    if done.refused:
        named = [f"{one.name or 'one that is gone'}: {one.reason}" for one in done.refused[:MOST_NAMED]]
        more = len(done.refused) - len(named)
        sentences.append(f"{len(done.refused)} not changed ({' '.join(named)}{f' and {more} more' if more else ''}).")
    return " ".join(sentences)


def _stations(count: int) -> str:
    return f"{count} station" if count == 1 else f"{count} stations"


def _cells(row: TableRow) -> list[object]:
    station = row.station
    since = station.presence.since
    return [
        f"ST-{station.number:04d}",
        station.name,
        station.presence.word,
        since.isoformat(timespec="seconds") if since is not None else None,
        row.team,
        "; ".join(procedure.name for procedure in station.procedures),
        station.program_version,
        station.uploads_waiting,
        percent_words(row.strip) if row.strip.percent is not None else None,
        row.week.runs,
        row.week.tested,
        row.week.passed,
        station.id,
    ]
