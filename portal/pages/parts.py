"""Parts: a list to search, the page of one with its revisions, and that of a revision."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.pages.filters import Filter, ListQuery
from portal.pages.hx import render
from portal.pages.listing import show_list
from portal.pages.sign_in import signed_in_only
from portal.services.paging import Place
from portal.services.parts import PartQuery, list_parts, show_part
from portal.services.procedures import list_procedures
from portal.services.revisions import show_revision
from portal.services.run_filters import RunFilter
from portal.services.runs import page_runs
from portal.services.unit_lists import list_units
from portal.services.unit_queries import UnitQuery
from portal.services.yields import Yield, yield_of_revision, yields_of_part
from portal.web import actor, db

pages = signed_in_only(Blueprint("parts", __name__))

FILTERS = (Filter("search_query", "Number, name or revision", "search"), Filter("procedure_ids", "Tested with"))
SORTS = ("created_at", "number", "name")
UNIT_SORTS = ("created_at", "serial_number", "last_run_at")
NEWEST_UNITS, NEWEST_RUNS = 20, 10


@pages.get("/parts")
def index() -> Response:
    """The list, a page at a time."""
    query = ListQuery.of(request, FILTERS, SORTS)
    procedure = query["procedure_ids"]
    wanted = PartQuery(query["search_query"] or None, (procedure,) if procedure else ())
    found = list_parts(db(), actor(), wanted, query.place)
    return show_list("parts", query, found, procedures=list_procedures(db(), actor()))


@pages.get("/parts/<name:number>")
def show(number: str) -> Response:
    """One part. Numbers may hold slashes."""
    part = show_part(db(), actor(), number)
    yields = yields_of_part(db(), actor(), part.id)
    units = list_units(db(), actor(), UnitQuery(part_numbers=(part.number,)), Place("created_at", limit=NEWEST_UNITS))
    return render(
        "parts/show.html",
        part=part,
        yields={one.id: yields.get(one.id, Yield()) for one in part.revisions},
        total=sum(yields.values(), Yield()),
        units=units.items,
        has_more=units.next_cursor is not None,
    )


@pages.get("/parts/<name:number>/revisions/<name:revision_number>")
def show_one_revision(number: str, revision_number: str) -> Response:
    """One revision of a part: its newest runs, and its units a page at a time."""
    revision = show_revision(db(), actor(), number, revision_number, most_units=0)
    only: dict[str, Any] = {"part_numbers": (revision.part.name,), "revision_numbers": (revision.number,)}
    query = ListQuery.of(request, (), UNIT_SORTS)
    units = list_units(db(), actor(), UnitQuery(**only), query.place)
    runs = page_runs(db(), actor(), RunFilter(**only), Place("started_at", limit=NEWEST_RUNS))
    own: dict[str, Any] = {"number": revision.part.name, "revision_number": revision.number}
    here = {**own, **query.args}
    return render(
        "parts/revision.html",
        revision=revision,
        own=own,
        only=only,
        total=yield_of_revision(db(), actor(), revision.id),
        units=units.items,
        query=query,
        runs=runs.items,
        has_more_runs=runs.next_cursor is not None,
        next_url=url_for("parts.show_one_revision", **here, cursor=units.next_cursor) if units.next_cursor else None,
        first_url=url_for("parts.show_one_revision", **here) if query.cursor else None,
    )
