"""Units under test: a list to filter, and what happened to one of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.pages.filters import PAGE_SIZE, ListQuery
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services.procedures import list_procedures
from portal.services.runs import RunQuery, list_runs
from portal.services.unit_children import show_tree
from portal.services.unit_details import show_unit
from portal.services.unit_lists import list_units
from portal.services.unit_lookup import find_unit
from portal.services.unit_queries import UnitQuery
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("units", __name__))

OUTCOMES = ("PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED")
SAMPLES = ("production", "golden", "failing", "ignored")
FILTERS = (
    "search_query", "part_numbers", "revision_numbers", "batch_numbers", "procedure_ids", "outcomes", "samples",
    "exclude_units_with_parent",
)  # fmt: skip
CHOICES = {"outcomes": OUTCOMES, "samples": SAMPLES, "exclude_units_with_parent": ("true",)}
SORTS = ("created_at", "serial_number", "part_number", "last_run_at")


@pages.get("/units")
def index() -> Response:
    """The list, a page at a time. The verdict that is filtered by is that of the newest run."""
    query = ListQuery.of(request, FILTERS, SORTS, CHOICES)
    found = list_units(db(), actor(), _wanted(query), query.place)
    return render(
        "units/index.html",
        "units/_table.html",
        units=found.items,
        query=query,
        procedures=list_procedures(db(), actor()),
        outcomes=OUTCOMES,
        samples=SAMPLES,
        next_url=url_for("units.index", **query.args, cursor=found.next_cursor) if found.next_cursor else None,
        first_url=url_for("units.index", **query.args) if query.cursor else None,
        api_url=(portal().settings.public_url or request.url_root).rstrip("/") + "/api/v2/units",
    )


@pages.get("/units/<path:serial_number>")
def show(serial_number: str) -> Response:
    """One unit: facts, tree, runs. Serial numbers may hold slashes."""
    unit = show_unit(db(), actor(), serial_number)
    query = RunQuery(serial_number=unit.serial_number, cursor=request.args.get("cursor") or None, limit=PAGE_SIZE)
    found = list_runs(db(), actor(), query)
    newest = found.items if query.cursor is None else list_runs(db(), actor(), _newest(unit.serial_number)).items
    own: dict[str, Any] = {"serial_number": unit.serial_number}
    return render(
        "units/show.html",
        unit=unit,
        newest=newest[0] if newest else None,
        tree=show_tree(db(), actor(), find_unit(db(), unit.serial_number)),
        runs=found.items,
        next_url=url_for("units.show", **own, cursor=found.next_cursor) if found.next_cursor else None,
        first_url=url_for("units.show", **own) if query.cursor else None,
    )


def _wanted(query: ListQuery) -> UnitQuery:
    lists: dict[str, Any] = {name: (query[name],) for name in FILTERS[1:-1] if query[name]}
    return UnitQuery(
        search=query["search_query"] or None,
        latest_only=bool(query["outcomes"]),
        exclude_units_with_parent=bool(query["exclude_units_with_parent"]),
        **lists,
    )


def _newest(serial_number: str) -> RunQuery:
    return RunQuery(serial_number=serial_number, limit=1)
