"""Who did what: an entry for every change, in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from portal.models import AuditEntry, Procedure, Station, User, Webhook
from portal.models.base import Base

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor

# How an entry reads beside the name of who did it. The words in braces are its details.
WORDS = {
    "station:created": "created the station",
    "station:renamed": "renamed it from “{before}” to “{after}”",
    "station:enrolled": "enrolled the machine {hostname}",
    "station:token_issued": "made a setup token",
    "station:key_created": "made the API key {prefix}…",
    "procedure:linked": "linked the procedure {procedure}",
    "procedure:unlinked": "unlinked the procedure {procedure}",
}


@dataclass(frozen=True)
class AuditRow:
    """An entry as pages show it: ``what`` completes a sentence that begins with ``who``."""

    at: datetime
    who: str
    what: str


def record(db: Db, actor: Actor, action: str, subject: Base, /, **details: Any) -> None:
    """Note a change. Call it inside the write transaction of the change. ``action``: ``noun:verb``."""
    db.session.flush()  # a new object has its id from now on
    db.session.add(
        AuditEntry(
            at=datetime.now(UTC),
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name[:254],
            action=action,
            object_kind=subject.__tablename__,
            object_id=subject.id,  # type: ignore[attr-defined]  # every table with an audit trail has one
            object_name=_name(subject),
            details=details,
        )
    )


def list_activity(db: Db, subject: Base, limit: int = 20) -> list[AuditRow]:
    """The newest entries about one object, newest first."""
    wanted = (
        select(AuditEntry)
        .where(AuditEntry.object_kind == subject.__tablename__, AuditEntry.object_id == subject.id)  # type: ignore[attr-defined]
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(limit)
    )
    return [AuditRow(entry.at, entry.actor_name, _words(entry)) for entry in db.session.scalars(wanted)]


def _words(entry: AuditEntry) -> str:
    template = WORDS.get(entry.action)
    if template is None:
        return entry.action.replace(":", " ").replace("_", " ")
    return template.format_map({key: str(value) for key, value in entry.details.items()})


def _name(subject: Base) -> str | None:
    match subject:
        case Station() | Procedure() | Webhook():
            return subject.name
        case User():
            return subject.email
        case _:
            return None
