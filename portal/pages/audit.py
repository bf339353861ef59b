"""The audit log: filtered, paged, exported; and the activity of one station."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.errors import BadRequest
from portal.pages.csv_lines import csv_lines
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import audit_trail
from portal.services.actors import Actor, Permission, can, require
from portal.services.audit import WORDS
from portal.services.audit_trail import AuditQuery, AuditRow
from portal.services.paging import Place
from portal.services.station_lookup import get_station_or_archived
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("audit", __name__))

LONGEST_FILTER = 200
DAYS = ("from", "to")
FILTERS = ("who", "action", "object_kind", "object_id", "from", "to", "text")
ROBOTS = {"station": "any station's program", "system": "the command line, or nobody"}
KINDS = {
    "stations": "Station",
    "procedures": "Procedure",
    "procedure_versions": "Version",
    "runs": "Run",
    "units": "Unit",
    "parts": "Part",
    "revisions": "Revision",
    "batches": "Batch",
    "attachments": "File",
    "file_imports": "Import",
    "users": "Account",
    "teams": "Team",
    "invitations": "Invitation",
    "webhooks": "Webhook",
}
# Where an object's page is: its endpoint, and what that is asked for by.
PLACES = {
    "stations": ("stations.show", "station_id"),
    "procedures": ("procedures.show", "procedure_id"),
    "runs": ("runs.show", "run_id"),
    "units": ("units.show", "serial_number"),
    "parts": ("parts.show", "number"),
    "batches": ("batches.show", "number"),
    "webhooks": ("webhooks.show", "webhook_id"),
}
COLUMNS = (
    "at", "actor_kind", "actor_id", "actor", "action", "what", "object_kind", "object_id", "object", "address",
    "changes", "details", "id",
)  # fmt: skip


@dataclass(frozen=True)
class TrailQuery:
    """The filters as they stand in the address, and behind which entry the page begins. What is empty is no filter."""

    filters: Mapping[str, str]
    cursor: int

    @classmethod
    def of(cls, names: tuple[str, ...]) -> TrailQuery:
        """From the address; a day that is none does not filter. Raises `BadRequest` for a cursor that is none."""
        filters = {}
        for name in names:
            text = "".join(filter(str.isprintable, request.args.get(name, "")[:LONGEST_FILTER])).strip()
            if text and (name not in DAYS or _day(text) is not None):
                filters[name] = text
        cursor = request.args.get("cursor") or "0"
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 15:
            raise BadRequest("The address has no such page: begin again with the first one.", "cursor")
        return cls(filters, int(cursor))

    def __getitem__(self, name: str) -> str:
        """For templates: what is typed or chosen, else empty."""
        return self.filters.get(name, "")


@pages.get("/settings/audit")
def index() -> Response:
    """The log, narrowed by the filters."""
    query = _list_query()
    wanted = _audit_query(query)
    page = audit_trail.page_trail(db(), actor(), wanted, _place(query))
    args: dict[str, Any] = dict(query.filters)
    return render(
        "audit/index.html",
        "audit/_entries.html",
        query=query,
        rows=page.items,
        url_of=_url_of,
        kinds=KINDS,
        people=audit_trail.list_actors(db(), actor()),
        robots=ROBOTS,
        actions=_actions(),
        object_name=audit_trail.find_object_name(db(), actor(), wanted),
        first_url=url_for("audit.index", **args) if query.cursor else None,
        next_url=url_for("audit.index", **args, cursor=page.next_cursor) if page.next_cursor else None,
    )


@pages.get("/settings/audit.<any(csv, ndjson):form>")
def export(form: str) -> Response:
    """Exactly what is filtered, as a file that is sent while it is read."""
    require(actor(), Permission.ADMINISTER)
    rows = _rows_of(actor(), _audit_query(_list_query()))
    media = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    response = Response(_csv(rows) if form == "csv" else _ndjson(rows), content_type=media)
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{datetime.now(UTC):%Y-%m-%d}.{form}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@pages.get("/stations/<station_id>/activity")
def station(station_id: str) -> Response:
    """All that was done to one station, for whoever may see it."""
    query = TrailQuery.of(())
    found = get_station_or_archived(db(), actor(), station_id)
    page = audit_trail.page_activity(db(), actor(), station_id, _place(query))
    here = url_for("audit.station", station_id=station_id)
    return render(
        "audit/station.html",
        station=found,
        rows=page.items,
        may_administer=can(actor(), Permission.ADMINISTER),
        first_url=here if query.cursor else None,
        next_url=f"{here}?cursor={page.next_cursor}" if page.next_cursor else None,
    )


def place_of(kind: str, key: str) -> str:
    """The page of an object of a kind that has pages."""
    endpoint, name = PLACES[kind]
    values: dict[str, Any] = {name: key}
    return url_for(endpoint, **values)


def _list_query() -> TrailQuery:
    return TrailQuery.of(FILTERS)


def _audit_query(query: TrailQuery) -> AuditQuery:
    first, last = _day(query["from"]), _day(query["to"])
    who = query["who"]
    return AuditQuery(
        object_kind=query["object_kind"] or None,
        object_id=query["object_id"] or None,
        action=query["action"] or None,
        actor_id=who if who and who not in ROBOTS else None,
        actor_kind=who if who in ROBOTS else None,
        after=datetime.combine(first, time(), UTC) if first else None,
        until=datetime.combine(last, time(), UTC) + timedelta(days=1) if last else None,
        text=query["text"],
    )


def _day(text: str) -> date | None:
    """A day in UTC; None for what is none, and for those at the ends of the calendar."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year < 9999 else None


def _place(query: TrailQuery) -> Place:
    return Place("at", limit=audit_trail.PAGE_SIZE, cursor=query.cursor)


def _actions() -> dict[str, list[tuple[str, str]]]:
    """Actions by noun: value and words."""
    found: dict[str, list[tuple[str, str]]] = {}
    for action in sorted(WORDS):
        noun, _, verb = action.partition(":")
        found.setdefault(noun.capitalize(), []).append((action, f"{noun} {verb.replace('_', ' ')}"))
    return found


def _url_of(row: AuditRow) -> str | None:
    """The page of the object, while it is there."""
    if row.page_key is None or row.kind not in PLACES:
        return None
    return place_of(row.kind, row.page_key)


def _rows_of(who: Actor, query: AuditQuery) -> Iterator[AuditRow]:
    """Read while it is sent, when the request's own handle is closed already."""
    database = portal().database

    def read() -> Iterator[AuditRow]:
        with database.open() as own:
            yield from audit_trail.export_entries(own, who, query)

    return read()


def _csv(rows: Iterator[AuditRow]) -> Iterator[bytes]:
    yield from csv_lines([COLUMNS])
    for row in rows:
        values = _plain(row)
        texts = [json.dumps(one, ensure_ascii=False) if isinstance(one, dict) else one for one in values.values()]
        yield from csv_lines([texts])


def _ndjson(rows: Iterator[AuditRow]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(_plain(row), ensure_ascii=False).encode() + b"\n"


def _plain(row: AuditRow) -> dict[str, Any]:
    changes = {one.name: {"before": one.before, "after": one.after} for one in row.changes}
    values = (
        row.at.isoformat(), row.actor_kind, row.actor_id, row.who, row.action, row.what, row.kind, row.object_id,
        row.object_name, row.address, changes, row.details, row.id,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))
