"""Archived stations: what is left of them can be read, and they can come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from portal.announcements import StationChanged
from portal.errors import Conflict, NotFound
from portal.models import Station
from portal.services import audit, names
from portal.services.actors import Actor, Permission, require
from portal.services.audit_trail import AuditRow, list_activity
from portal.services.installations import InstallationView, list_installations
from portal.services.run_lists import RunQuery, RunRow, list_runs
from portal.services.station_details import RECENT_ACTS, RECENT_RUNS
from portal.services.station_lookup import (
    LONGEST_NAME,
    find_station_by_name,
    get_station_or_archived,
    refuse_taken,
    visible_stations,
)

if TYPE_CHECKING:
    from portal.database import Db

MOST_LISTED = 200


@dataclass(frozen=True)
class ArchivedRow:
    """An archived station in a list."""

    id: str
    number: int
    name: str
    archived_at: datetime


@dataclass(frozen=True)
class ArchivedStation:
    """What is left of a station. ``namesake_id``: of the station that has its name now."""

    id: str
    number: int
    name: str
    created_at: datetime
    archived_at: datetime
    namesake_id: str | None
    installations: list[InstallationView]
    recent_runs: list[RunRow]
    activity: list[AuditRow]


def show_archived(db: Db, actor: Actor, station_id: str) -> ArchivedStation:
    """One archived station. Raises `NotFound`, also for one that is not archived; `Forbidden`."""
    station = get_station_or_archived(db, actor, station_id)
    if station.archived_at is None:
        raise NotFound("archived station")
    namesake = find_station_by_name(db, station.name)
    return ArchivedStation(
        id=station.id,
        number=station.number,
        name=station.name,
        created_at=station.created_at,
        archived_at=station.archived_at,
        namesake_id=namesake.id if namesake is not None else None,
        installations=list_installations(db, station.id),
        recent_runs=list_runs(db, actor, RunQuery(station_id=station.id, limit=RECENT_RUNS)).items,
        activity=list_activity(db, station, RECENT_ACTS),
    )


def list_archived(db: Db, actor: Actor) -> list[ArchivedRow]:
    """The stations that were archived last, newest first: at most `MOST_LISTED`. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = select(Station).where(Station.archived_at.is_not(None), *visible_stations(actor))
    newest = wanted.order_by(Station.archived_at.desc(), Station.id.desc()).limit(MOST_LISTED)
    return [
        ArchivedRow(one.id, one.number, one.name, one.archived_at)
        for one in db.session.scalars(newest)
        if one.archived_at is not None
    ]


def restore_station(db: Db, actor: Actor, station_id: str, name: str) -> Station:
    """Put an archived station back into service. Its keys stay dead, and it has no procedures and no machine.

    ``name``: its own, or another one where that was given away. Raises `Invalid` and `Conflict` with the path ``name``;
    `Conflict` when it is not archived; `NotFound`; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    name = names.clean(name, "station's name", LONGEST_NAME, "name")
    with db.write():
        db.serialise("stations")
        station = get_station_or_archived(db, actor, station_id)
        if station.archived_at is None:
            raise Conflict(f"“{station.name}” is not archived: somebody has restored it. Nothing was changed.")
        refuse_taken(db, name)
        archived_at, before = station.archived_at, station.name
        values = {"archived_at": None, "name": name, "name_key": names.same(name)}
        db.session.execute(update(Station).where(Station.id == station.id).values(**values))
        db.session.refresh(station)
        changes = {"name": (before, name)} if before != name else None
        audit.record(
            db, actor, "station:restored", station, changes,
            days=max(0, (datetime.now(UTC) - archived_at).days),
        )  # fmt: skip
        db.announce(StationChanged(station.id))
    return station
