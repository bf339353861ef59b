"""Removing stations. What they have recorded stays, under their name. Source: contract/v2-api.md §8."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from portal.announcements import LinkRevoked, StationChanged
from portal.errors import NotFound
from portal.models import (
    ApiKey,
    Attachment,
    Batch,
    Installation,
    Part,
    ProcedureVersion,
    Revision,
    Run,
    SetupToken,
    Station,
    StationProcedure,
    Unit,
)
from portal.services import audit, presence
from portal.services.actors import Actor, Permission, require
from portal.services.attachments import delete_attachments
from portal.services.station_lists import STATIONS, select_stations
from portal.services.station_lookup import get_station

if TYPE_CHECKING:
    from portal.database import Db

REASON = "the station was removed from the portal"
# Who made these is part of the history too: a station that made any is archived, as one with runs is.
_MADE_BY_STATIONS = (Unit, Part, Revision, Batch, ProcedureVersion, Attachment)


def remove_station(db: Db, actor: Actor, station_id: str, now: datetime | None = None) -> str:
    """Take the station out of service for good; its keys stop working at once, and its name is free again. Its id.

    A station that has recorded anything is archived: it is in no list any more, its runs keep it. Any other one is
    deleted. Raises `NotFound`; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    now = now or datetime.now(UTC)
    with db.write():
        db.serialise("stations")
        station = get_station(db, actor, station_id)
        # Waits for a record that is just being stored: it makes the difference between archiving and deleting.
        if db.session.scalar(select(Station.id).where(Station.id == station.id).with_for_update()) is None:
            raise NotFound("station")
        has_history = _has_history(db, station.id)
        audit.record(
            db, actor, "station:archived" if has_history else "station:deleted", station, number=station.number
        )
        STATIONS.remember(db, select_stations(), [station.id])
        pictures = db.session.scalars(select(Attachment.id).where(Attachment.station_id == station.id)).all()
        delete_attachments(db, actor, pictures)
        db.session.execute(delete(StationProcedure).where(StationProcedure.station_id == station.id))
        if has_history:
            _archive(db, station, now)
        else:
            db.session.execute(delete(Station).where(Station.id == station.id))
        db.announce(LinkRevoked(station.id, REASON))
        db.announce(StationChanged(station.id))
    return station.id


def _archive(db: Db, station: Station, now: datetime) -> None:
    presence.mark_none(db, station.id, now, "removed")
    of_it: tuple[tuple[Any, dict[str, Any]], ...] = (
        (Installation, {"revoked_at": now, "revoked_reason": "removed"}),
        (ApiKey, {"revoked_at": now}),
    )
    for table, values in of_it:
        open_ones = update(table).where(table.station_id == station.id, table.revoked_at.is_(None))
        db.session.execute(open_ones.values(**values))
    tokens = update(SetupToken).where(SetupToken.station_id == station.id, SetupToken.withdrawn_at.is_(None))
    db.session.execute(tokens.where(SetupToken.used_at.is_(None)).values(withdrawn_at=now))
    db.session.execute(update(Station).where(Station.id == station.id).values(archived_at=now))


def _has_history(db: Db, station_id: str) -> bool:
    made = (select(table.id).where(table.created_by_station_id == station_id) for table in _MADE_BY_STATIONS)
    return any(
        db.session.scalar(one.limit(1)) is not None
        for one in (select(Run.id).where(Run.station_id == station_id), *made)
    )
