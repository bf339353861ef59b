"""Reading the audit trail: who did what, when, from where, on which object, before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, or_, select

from portal.models import AuditEntry, Batch, Part, Procedure, Run, Station, Unit, User, Webhook
from portal.services.actors import Actor, Permission, require
from portal.services.audit import sentence
from portal.services.paging import CountedPage, Listing, Place
from portal.services.station_lookup import get_station_or_archived

if TYPE_CHECKING:
    from portal.database import Db

AUDIT = Listing("audit", AuditEntry.id, AuditEntry.ordinal, {"at": AuditEntry.at})
PAGE_SIZE = 50
EXPORT_PIECE = 500  # entries that are read at once

# Objects that have a page, by the kind of an entry; and what the page is asked for by.
LINKED: dict[str, Any] = {
    "stations": Station.id,
    "procedures": Procedure.id,
    "runs": Run.id,
    "units": Unit.serial_number,
    "parts": Part.number,
    "batches": Batch.number,
    "webhooks": Webhook.id,
}


@dataclass(frozen=True)
class AuditQuery:
    """Which entries: all that is given must fit. ``after`` and ``before`` are inside, ``until`` is not.

    ``text``: a piece of who did it, of the object's name, of the action or the address.
    """

    object_kind: str | None = None
    object_id: str | None = None
    action: str | None = None
    actor_id: str | None = None
    actor_kind: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True)
class FieldChange:
    """A field that is other than it was, its values as texts; None: there was, or is, nothing."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class AuditRow:
    """An entry as pages show it: ``what`` completes a sentence that begins with ``who``.

    ``page_key``: what the page of the object is asked for by; None where there is no page, or no object any more.
    """

    id: str
    at: datetime
    who: str
    what: str
    action: str
    actor_kind: str
    actor_id: str
    address: str | None
    kind: str
    object_id: str
    object_name: str | None
    changes: list[FieldChange]
    details: dict[str, str]
    page_key: str | None = None


@dataclass(frozen=True)
class Who:
    """Somebody whom entries may be narrowed to."""

    id: str
    name: str


def list_activity(db: Db, subject: Station | Procedure, limit: int) -> list[AuditRow]:
    """The newest entries about one thing, newest first. Whoever calls this has checked that they may be seen."""
    query = AuditQuery(object_kind=subject.__tablename__, object_id=subject.id)
    wanted = _narrow(select(AuditEntry), query).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)
    return [_row(entry, None) for entry in db.session.scalars(wanted)]


def page_activity(db: Db, actor: Actor, station_id: str, place: Place) -> CountedPage[AuditRow]:
    """All entries about a station, for whoever may see it. Raises `NotFound`; `Forbidden`; `BadRequest`."""
    station = get_station_or_archived(db, actor, station_id)
    query = AuditQuery(object_kind=station.__tablename__, object_id=station.id)
    rows, cursor = AUDIT.page(db, _narrow(select(AuditEntry), query), place)
    return CountedPage([_row(entry, None) for (entry,) in rows], cursor)


def list_entries(db: Db, actor: Actor, query: AuditQuery, place: Place) -> CountedPage[AuditEntry]:
    """A page of entries, for those who administer. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    rows, cursor = AUDIT.page(db, _narrow(select(AuditEntry), query), place)
    return CountedPage([entry for (entry,) in rows], cursor)


def page_trail(db: Db, actor: Actor, query: AuditQuery, place: Place) -> CountedPage[AuditRow]:
    """The same as rows for a page, which know whether their objects are still there: one statement for each kind."""
    found = list_entries(db, actor, query, place)
    keys = _page_keys(db, found.items)
    rows = [_row(entry, keys.get((entry.object_kind, entry.object_id))) for entry in found.items]
    return CountedPage(rows, found.next_cursor)


def export_entries(db: Db, actor: Actor, query: AuditQuery) -> Iterator[AuditRow]:
    """Every entry that fits, newest first, read piece by piece. Raises `Forbidden` at the first one."""
    cursor: int | None = 0
    while cursor is not None:
        page = list_entries(db, actor, query, Place("at", limit=EXPORT_PIECE, cursor=cursor))
        yield from (_row(entry, None) for entry in page.items)
        db.session.expunge_all()
        cursor = page.next_cursor


def list_actors(db: Db, actor: Actor) -> list[Who]:
    """People who may have done something, also those who were removed. Raises `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    wanted = select(User.id, User.name, User.email).order_by(User.email_key)
    return [Who(id_, f"{name} ({email})" if name else email) for id_, name, email in db.session.execute(wanted)]


def find_object_name(db: Db, actor: Actor, query: AuditQuery) -> str | None:
    """How the object of the query was called last; None when nothing is known of it. Raises `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    if query.object_id is None:
        return None
    wanted = _narrow(
        select(AuditEntry.object_name), AuditQuery(object_kind=query.object_kind, object_id=query.object_id)
    )
    name: str | None = db.session.scalar(wanted.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(1))
    return name


def _narrow(wanted: Select[Any], query: AuditQuery) -> Select[Any]:
    equal = {
        AuditEntry.object_kind: query.object_kind,
        AuditEntry.object_id: query.object_id,
        AuditEntry.action: query.action,
        AuditEntry.actor_id: query.actor_id,
        AuditEntry.actor_kind: query.actor_kind,
    }
    for column, value in equal.items():
        if value is not None:
            wanted = wanted.where(column == value)
    if query.after is not None:
        wanted = wanted.where(AuditEntry.at >= query.after)
    if query.before is not None:
        wanted = wanted.where(AuditEntry.at <= query.before)
    if query.until is not None:
        wanted = wanted.where(AuditEntry.at < query.until)
    if query.text:
        text = query.text.lower()
        within = (AuditEntry.actor_name, AuditEntry.object_name, AuditEntry.action, AuditEntry.address)
        wanted = wanted.where(or_(*(func.lower(column).contains(text, autoescape=True) for column in within)))
    return wanted


def _page_keys(db: Db, entries: Sequence[AuditEntry]) -> dict[tuple[str, str], str]:
    """What the pages of those objects that are still there are asked for by."""
    found: dict[tuple[str, str], str] = {}
    for kind, column in LINKED.items():
        ids = {entry.object_id for entry in entries if entry.object_kind == kind}
        if ids:
            model = column.class_
            wanted = select(model.id, column).where(model.id.in_(ids))
            if model is Station:
                wanted = wanted.where(Station.archived_at.is_(None))
            found |= {(kind, row_id): key for row_id, key in db.session.execute(wanted)}
    return found


def _row(entry: AuditEntry, page_key: str | None) -> AuditRow:
    before, after = entry.before or {}, entry.after or {}
    details = dict(entry.details)
    if entry.before is None and isinstance(details.get("before"), dict):  # entries from before the columns were there
        before, after = details.pop("before"), details.pop("after", {})
    fields = dict.fromkeys((*before, *after))
    return AuditRow(
        id=entry.id,
        at=entry.at,
        who=entry.actor_name,
        what=sentence(entry),
        action=entry.action,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        address=entry.address or details.get("address"),
        kind=entry.object_kind,
        object_id=entry.object_id,
        object_name=entry.object_name,
        changes=[FieldChange(name, _text(before.get(name)), _text(after.get(name))) for name in fields],
        details={name: _text(value) or "" for name, value in details.items() if name != "address"},
        page_key=page_key,
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
