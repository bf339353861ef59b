"""Parts: a list to search, and the page of one with its revisions."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from portal.pages.filters import Filter, ListQuery
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.paging import Place
from portal.services.parts import PartQuery, list_parts, show_part
from portal.services.procedures import list_procedures
from portal.services.unit_lists import list_units
from portal.services.unit_queries import UnitQuery
from portal.services.yields import Yield, yields_of_part
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("parts", __name__))

FILTERS = (Filter("search_query", "Number, name or revision", "search"), Filter("procedure_ids", "Tested with"))
SORTS = ("created_at", "number", "name")
NEWEST_UNITS = 20


@pages.get("/parts")
def index() -> Response:
    """The list, a page at a time."""
    query = ListQuery.of(request, FILTERS, SORTS)
    procedure = query["procedure_ids"]
    wanted = PartQuery(query["search_query"] or None, (procedure,) if procedure else ())
    found = list_parts(db(), actor(), wanted, query.place)
    return render(
        "parts/index.html",
        "parts/_table.html",
        parts=found.items,
        query=query,
        procedures=list_procedures(db(), actor()),
        next_url=url_for("parts.index", **query.args, cursor=found.next_cursor) if found.next_cursor else None,
        first_url=url_for("parts.index", **query.args) if query.cursor else None,
        api_url=(portal().settings.public_url or request.url_root).rstrip("/") + "/api/v2/parts",
    )


@pages.get("/parts/<path:number>")
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
