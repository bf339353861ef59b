"""Who did what: an entry for every change, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from portal.models import AuditEntry, Procedure, ProcedureVersion, Station, User, Webhook
from portal.models.base import Base
from portal.services.actors import Actor, Permission, require
from portal.services.names import isolated
from portal.services.paging import CountedPage, Listing, Place
from portal.services.upsert import insert_all

if TYPE_CHECKING:
    from portal.database import Db

AUDIT = Listing("audit", AuditEntry.id, AuditEntry.ordinal, {"at": AuditEntry.at})

# Values before and after, by the name of the field.
Changes = Mapping[str, tuple[Any, Any]]

# How an entry reads beside the name of who did it. The words in braces are its details.
WORDS = {
    "station:created": "created the station",
    "station:renamed": "renamed it from “{before}” to “{after}”",
    "station:changed": "changed it: {fields}",
    "station:enrolled": "enrolled the machine {hostname}",
    "station:archived": "archived it",
    "station:deleted": "deleted it",
    "station:key_created": "made the API key {prefix}…",
    "station:key_deleted": "deleted the API key {prefix}…",
    "station:key_regenerated": "regenerated the API key {before}…, which is now {prefix}…",
    "station:machine_replaced": "replaced the machine {hostname} by {by}",
    "station:machine_revoked": "revoked the installation on {hostname}",
    "station:restored": "restored it",
    "station:token_issued": "made a setup token",
    "procedure:created": "created the procedure",
    "procedure:changed": "changed it: {fields}",
    "procedure:archived": "archived it and ended its links to {stations} stations",
    "procedure:restored": "restored it, linked to {stations} stations",
    "procedure:linked": "linked the procedure {procedure}",
    "procedure:unlinked": "unlinked the procedure {procedure}",
}


@dataclass(frozen=True)
class AuditRow:
    """An entry as pages show it: ``what`` completes a sentence that begins with ``who``."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True)
class AuditQuery:
    """Which entries: all that is given must fit. ``after`` and ``before`` are inside."""

    object_kind: str | None = None
    object_id: str | None = None
    action: str | None = None
    actor_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None


def record(db: Db, actor: Actor, action: str, subject: Base, /, changes: Changes | None = None, **details: Any) -> None:
    """Note a change. Call it inside the write transaction of the change. ``action``: ``noun:verb``.

    ``changes``: the fields that are other than they were, each with its value before and after; never a secret.
    ``details``: what else its sentence needs.
    """
    db.session.flush()  # a new object has its id from now on
    entry = {
        "at": datetime.now(UTC),
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name[:254],
        "action": action,
        "object_kind": subject.__tablename__,
        "object_id": subject.id,  # type: ignore[attr-defined]  # every table with an audit trail has one
        "object_name": _name(subject),
        "details": details,
        "address": actor.address[:64] if actor.address else None,
        "before": {field: before for field, (before, _after) in changes.items()} if changes else None,
        "after": {field: after for field, (_before, after) in changes.items()} if changes else None,
    }
    insert_all(db, AuditEntry, [entry])


def list_activity(db: Db, subject: Base, limit: int = 20) -> list[AuditRow]:
    """The newest entries about one object, newest first."""
    wanted = (
        select(AuditEntry)
        .where(AuditEntry.object_kind == subject.__tablename__, AuditEntry.object_id == subject.id)  # type: ignore[attr-defined]
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(limit)
    )
    return [AuditRow(entry.at, entry.actor_name, _words(entry)) for entry in db.session.scalars(wanted)]


def list_entries(db: Db, actor: Actor, query: AuditQuery, place: Place) -> CountedPage[AuditEntry]:
    """A page of entries, for those who administer. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.ADMINISTER)
    rows, cursor = AUDIT.page(db, _narrow(select(AuditEntry), query), place)
    return CountedPage([entry for (entry,) in rows], cursor)


def _narrow(wanted: Select[Any], query: AuditQuery) -> Select[Any]:
    equal = {
        AuditEntry.object_kind: query.object_kind,
        AuditEntry.object_id: query.object_id,
        AuditEntry.action: query.action,
        AuditEntry.actor_id: query.actor_id,
    }
    for column, value in equal.items():
        if value is not None:
            wanted = wanted.where(column == value)
    if query.after is not None:
        wanted = wanted.where(AuditEntry.at >= query.after)
    if query.before is not None:
        wanted = wanted.where(AuditEntry.at <= query.before)
    return wanted


def _words(entry: AuditEntry) -> str:
    template = WORDS.get(entry.action)
    if template is None:
        return entry.action.replace(":", " ").replace("_", " ")
    return template.format_map({key: isolated(str(value)) for key, value in entry.details.items()})


def _name(subject: Base) -> str | None:
    match subject:
        case Station() | Procedure() | Webhook():
            return subject.name
        case ProcedureVersion():
            return subject.tag
        case User():
            return subject.email
        case _:
            return None
