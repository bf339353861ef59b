"""Production batches: a list to search, and the page of one with its units."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.pages.filters import Filter, ListQuery
from portal.pages.hx import render
from portal.pages.listing import show_list
from portal.pages.sign_in import signed_in_only
from portal.services.batches import BatchQuery, get_batch, list_batches
from portal.services.unit_lists import list_units
from portal.services.unit_queries import UnitQuery
from portal.services.yields import yield_of_batch
from portal.web import actor, db

pages = signed_in_only(Blueprint("batches", __name__))

FILTERS = (
    Filter("search_query", "Batch", "search"),
    Filter("part_numbers", "Part"),
    Filter("revision_numbers", "Revision"),
)
SORTS = ("created_at", "number")
UNIT_SORTS = ("created_at", "serial_number", "part_number", "last_run_at")


@pages.get("/batches")
def index() -> Response:
    """The list, a page at a time."""
    query = ListQuery.of(request, FILTERS, SORTS)
    wanted = BatchQuery(
        search=query["search_query"] or None,
        part_numbers=query.values("part_numbers"),
        revision_numbers=query.values("revision_numbers"),
    )
    found = list_batches(db(), actor(), wanted, query.place)
    return show_list("batches", query, found)


@pages.get("/batches/<name:number>")
def show(number: str) -> Response:
    """One batch with its units, a page at a time."""
    batch = get_batch(db(), actor(), number)
    query = ListQuery.of(request, (), UNIT_SORTS)
    units = list_units(db(), actor(), UnitQuery(batch_numbers=(batch.number,)), query.place)
    own: dict[str, Any] = {"number": batch.number, **query.args}
    return render(
        "batches/show.html",
        batch=batch,
        total=yield_of_batch(db(), actor(), batch.id),
        units=units.items,
        query=query,
        next_url=url_for("batches.show", **own, cursor=units.next_cursor) if units.next_cursor else None,
        first_url=url_for("batches.show", **own) if query.cursor else None,
    )
