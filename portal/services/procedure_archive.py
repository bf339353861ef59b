"""Archiving a procedure: out of lists and off the stations, with its runs kept; and the way back.

The REST interface knows only removal for good. An archived procedure is in no list of it and can be linked to no
station, but can be read and deleted by its id, as its runs name it. A station that was linked to it, and has been
offline since, still delivers its records (`EndedLink`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.announcements import ProceduresLinked
from portal.models import EndedLink, Procedure, Station, StationProcedure
from portal.services import audit, edits
from portal.services.actors import Actor, Permission, require
from portal.services.procedures import announce_linked, end_link, get_procedure
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db


def archive_procedure(db: Db, actor: Actor, procedure_id: str, now: datetime | None = None) -> Procedure:
    """Hide it, and end its links. Nothing happens when it is archived already. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.EDIT)
    now = now or datetime.now(UTC)
    with db.write():
        procedure = _locked(db, actor, procedure_id)
        if procedure.archived_at is not None:
            return procedure
        announce_linked(db, procedure.id)
        linked = select(StationProcedure.station_id).where(StationProcedure.procedure_id == procedure.id)
        station_ids = list(db.session.scalars(linked))
        for station_id in station_ids:
            end_link(db, station_id, procedure.id, now)
        procedure.archived_at = now
        edits.touch(procedure)
        changes = {"archived_at": (None, now.isoformat())}
        audit.record(db, actor, "procedure:archived", procedure, changes=changes, stations=len(station_ids))
    return procedure


def restore_procedure(db: Db, actor: Actor, procedure_id: str) -> Procedure:
    """Show it again, linked to the stations whose links ended with archiving it. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.EDIT)
    now = datetime.now(UTC)
    with db.write():
        procedure = _locked(db, actor, procedure_id)
        archived_at = procedure.archived_at
        if archived_at is None:
            return procedure
        procedure.archived_at = None
        ended = (
            select(EndedLink)
            .join(Station, Station.id == EndedLink.station_id)
            .where(
                EndedLink.procedure_id == procedure.id,
                EndedLink.ended_at == archived_at,
                Station.archived_at.is_(None),
            )
        )
        links = db.session.scalars(ended).all()
        for link in links:
            station_id = link.station_id
            insert_or_ignore(db, StationProcedure, station_id=station_id, procedure_id=procedure.id, linked_at=now)
            db.session.delete(link)
            db.announce(ProceduresLinked(station_id))
        edits.touch(procedure)
        changes = {"archived_at": (archived_at.isoformat(), None)}
        audit.record(db, actor, "procedure:restored", procedure, changes=changes, stations=len(links))
    return procedure


def _locked(db: Db, actor: Actor, procedure_id: str) -> Procedure:
    """The procedure, as it is once whoever links it at this moment is done."""
    procedure = get_procedure(db, actor, procedure_id)
    db.session.refresh(procedure, with_for_update=True)
    return procedure
