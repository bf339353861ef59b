"""Units under test: a list to filter, and what happened to one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from portal.pages.filters import OUTCOMES, PAGE_SIZE, SAMPLES, Filter, FilterGroup, ListQuery, things, words
from portal.pages.hx import render
from portal.pages.listing import show_list
from portal.pages.sign_in import signed_in_only
from portal.services.paging import CountedPage
from portal.services.procedures import list_procedures
from portal.services.runs import RunQuery, list_runs
from portal.services.stations import list_stations
from portal.services.unit_children import show_tree
from portal.services.unit_details import show_unit
from portal.services.unit_filter_input import UnitFilterIn
from portal.services.unit_lists import UnitRow, list_units
from portal.services.unit_lookup import find_unit
from portal.services.unit_queries import UnitQuery
from portal.services.users import list_users
from portal.web import actor, db

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor

pages = signed_in_only(Blueprint("units", __name__))

SORTS = ("created_at", "serial_number", "part_number", "last_run_at")


def first_filters(db: Db, actor: Actor) -> list[Filter]:
    """Those that are always shown. The verdict is that of the newest run, unless any run's is wanted."""
    return [
        Filter("search_query", "Serial number", "search"),
        Filter("part_numbers", "Part"),
        Filter("revision_numbers", "Revision"),
        Filter("batch_numbers", "Batch"),
        words("outcomes", "Last verdict", OUTCOMES),
        things("procedure_ids", "Procedure", [(one.id, one.name) for one in list_procedures(db, actor)]),
        words("samples", "Class", SAMPLES),
        Filter("exclude_units_with_parent", "Hide sub-units", "flag", {"true": ""}),
    ]


def more_filters(db: Db, actor: Actor) -> list[FilterGroup]:
    """Those that are folded in."""
    people = [(one.id or "", one.name or one.email or "") for one in list_users(db, actor)]
    stations = [(one.id, one.name) for one in list_stations(db, actor)]
    return [
        FilterGroup(
            "Its runs",
            [
                Filter("started_after", "Started from", "time"),
                Filter("started_before", "Started until", "time"),
                Filter("latest_only", "Verdict of", "choice", {"false": "any run, not only the newest"}),
                Filter("run_count_min", "Runs, at least", "number"),
                Filter("run_count_max", "Runs, at most", "number"),
            ],
            has_times=True,
        ),
        FilterGroup(
            "Who made it, and when",
            [
                Filter("created_after", "Made from", "time"),
                Filter("created_before", "Made until", "time"),
                things("created_by_station_ids", "At", stations),
                things("created_by_user_ids", "By", people),
            ],
            has_times=True,
        ),
        FilterGroup(
            "Which record",
            [
                Filter("serial_numbers", "Exact serial"),
                Filter("ids", "Unit’s id"),
                Filter("metadata", "Metadata", placeholder='{"line":{"in":["A"]}}'),
            ],
        ),
    ]


@pages.get("/units")
def index() -> Response:
    """The list, a page at a time."""
    first, groups = first_filters(db(), actor()), more_filters(db(), actor())
    filters = [*first, *(one for group in groups for one in group.filters)]
    query = ListQuery.of(request, filters, SORTS)
    found: CountedPage[UnitRow] = CountedPage([], None)
    wanted, problems = query.attempt(lambda: _wanted(query))
    if wanted is not None:
        found = list_units(db(), actor(), wanted, query.place)
    return show_list("units", query, found, problems, filters=filters, first_filters=first, groups=groups)


@pages.get("/units/<name:serial_number>")
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
    found = query.read(UnitFilterIn).as_query()
    return replace(found, latest_only=bool(found.outcomes) and query["latest_only"] != "false")


def _newest(serial_number: str) -> RunQuery:
    return RunQuery(serial_number=serial_number, limit=1)
