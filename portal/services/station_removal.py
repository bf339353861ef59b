"""Removing stations. What they have recorded stays, under their name. Source: contract/v2-api.md §8."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update

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
from portal.services.installations import end_installation, find_installation, take_turn
from portal.services.station_lists import STATIONS, select_stations
from portal.services.station_lookup import get_station
from portal.services.station_settings import settings_of

if TYPE_CHECKING:
    from portal.database import Db

REASON = "the station was removed from the portal"
MOST_COUNTED = 10_000  # more is said as "more than": nobody decides otherwise because of the exact number
# Who made these is part of the history too: a station that made any is archived, as one with runs is.
_MADE_BY_STATIONS = (Unit, Part, Revision, Batch, ProcedureVersion, Attachment)


@dataclass(frozen=True)
class RemovalPlan:
    """What removing a station would do. ``is_kept``: it is archived; else nothing of it stays.

    ``runs``: at most `MOST_COUNTED` + 1. ``hostname``: of its machine, which has ``uploads_waiting`` records that the
    portal does not have yet.
    """

    id: str
    number: int
    name: str
    is_kept: bool
    runs: int
    keys: int
    tokens: int
    procedures: int
    has_picture: bool
    hostname: str | None
    uploads_waiting: int


def plan_removal(db: Db, actor: Actor, station_id: str, now: datetime | None = None) -> RemovalPlan:
    """What `remove_station` would do now. Raises as it does."""
    require(actor, Permission.EDIT)
    now = now or datetime.now(UTC)
    station = get_station(db, actor, station_id)
    machine = find_installation(db, station.id)
    by_hand = (ApiKey.station_id == station.id, ApiKey.revoked_at.is_(None), ApiKey.installation_id.is_(None))
    return RemovalPlan(
        id=station.id,
        number=station.number,
        name=station.name,
        is_kept=_is_kept(db, station.id),
        runs=_count(db, Run.id, Run.station_id == station.id),
        keys=_count(db, ApiKey.id, *by_hand),
        tokens=_count(db, SetupToken.id, *_is_open(station.id), SetupToken.expires_at > now),
        procedures=_count(db, StationProcedure.procedure_id, StationProcedure.station_id == station.id),
        has_picture=_count(db, Attachment.id, Attachment.station_id == station.id) > 0,
        hostname=machine.hostname or "unknown" if machine is not None else None,
        uploads_waiting=machine.uploads_waiting if machine is not None else 0,
    )


def remove_station(db: Db, actor: Actor, station_id: str, now: datetime | None = None) -> bool:
    """Take the station out of service for good; its keys stop working at once, and its name is free again.

    A station that has recorded anything is archived: it is in no list any more, its runs keep it. So is one whose
    machine has ever connected, which may hold records that are not here yet. Any other one is deleted. True when it was
    archived. Raises `NotFound`; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    now = now or datetime.now(UTC)
    with db.write():
        db.serialise("stations")
        take_turn(db, station_id)
        station = get_station(db, actor, station_id)
        # Waits for a record that is just being stored: it makes the difference between archiving and deleting.
        if db.session.scalar(select(Station.id).where(Station.id == station.id).with_for_update()) is None:
            raise NotFound("station")
        is_kept = _is_kept(db, station.id)
        action, lost = ("station:archived", None) if is_kept else ("station:deleted", _lost(db, station))
        audit.record(db, actor, action, station, lost, number=station.number)
        STATIONS.remember(db, select_stations(), [station.id])
        pictures = db.session.scalars(select(Attachment.id).where(Attachment.station_id == station.id)).all()
        delete_attachments(db, actor, pictures)
        db.session.execute(delete(StationProcedure).where(StationProcedure.station_id == station.id))
        if is_kept:
            _archive(db, actor, station, now)
        else:
            db.session.execute(delete(Station).where(Station.id == station.id))
        db.announce(LinkRevoked(station.id, REASON))
        db.announce(StationChanged(station.id))
    return is_kept


def _lost(db: Db, station: Station) -> audit.Changes:
    """What people have set of a station that is deleted for good."""
    settings = settings_of(db, station)
    return audit.removed(
        team=settings.team.name if settings.team is not None else None,
        notes=settings.notes or None,
        time_zone=settings.time_zone,
        shifts=settings.expected if settings.shifts is not None else None,
        metadata=settings.metadata,
    )


def _archive(db: Db, actor: Actor, station: Station, now: datetime) -> None:
    presence.mark_none(db, station.id, now, "removed")
    machine = find_installation(db, station.id)
    if machine is not None:
        end_installation(db, machine, f"removed together with its station by {actor.name[:100]}", now)
    keys = update(ApiKey).where(ApiKey.station_id == station.id, ApiKey.revoked_at.is_(None))
    db.session.execute(keys.values(revoked_at=now))
    db.session.execute(update(SetupToken).where(*_is_open(station.id)).values(withdrawn_at=now))
    db.session.execute(update(Station).where(Station.id == station.id).values(archived_at=now))


def _is_open(station_id: str) -> tuple[ColumnElement[bool], ...]:
    return SetupToken.station_id == station_id, SetupToken.used_at.is_(None), SetupToken.withdrawn_at.is_(None)


def has_history(station_id: Any) -> ColumnElement[bool]:
    """Whether the station has recorded anything, or may have: it is archived then. station_id: of it, or a column."""
    made = (select(table.id).where(table.created_by_station_id == station_id) for table in _MADE_BY_STATIONS)
    connected = select(Installation.id).where(
        Installation.station_id == station_id, Installation.greeted_at.is_not(None)
    )
    return or_(*(one.exists() for one in (select(Run.id).where(Run.station_id == station_id), connected, *made)))


def _is_kept(db: Db, station_id: str) -> bool:
    return bool(db.session.scalar(select(has_history(station_id))))


def _count(db: Db, column: Any, *conditions: ColumnElement[bool]) -> int:
    some = select(column).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0
