"""Stations and procedures from the procedure's side: who may run it, who could, and linking several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from portal.errors import Invalid
from portal.models import Procedure, ProcedureVersion, Run, Station, StationProcedure
from portal.services import names
from portal.services.actors import Actor, Permission, require
from portal.services.presence import PresenceNow
from portal.services.procedures import get_procedure, link_procedure
from portal.services.refs import Ref
from portal.services.station_lookup import visible_stations
from portal.services.week_figures import WeekFigures, week_figures

if TYPE_CHECKING:
    from portal.database import Db

MOST_STATIONS = 200  # of a procedure's page
MOST_OFFERED = 100  # to be linked; a search finds the others
MOST_VERSIONS = 50


@dataclass(frozen=True)
class LinkedStation:
    """A station that may run the procedure, with what it did with it this week."""

    id: str
    name: str
    number: int
    presence: PresenceNow
    linked_at: datetime
    week: WeekFigures


@dataclass(frozen=True)
class VersionRow:
    """A version that runs have named. ``runs``: of all time."""

    id: str
    tag: str
    created_at: datetime
    runs: int


def linked_stations(db: Db, actor: Actor, procedure_id: str, now: datetime) -> list[LinkedStation]:
    """By name, at most `MOST_STATIONS`, in three statements. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = (
        select(Station, StationProcedure.linked_at)
        .join(StationProcedure, StationProcedure.station_id == Station.id)
        .where(StationProcedure.procedure_id == procedure_id, Station.archived_at.is_(None), *visible_stations(actor))
        .order_by(Station.name_key, Station.id)
        .limit(MOST_STATIONS)
    )
    found = db.session.execute(wanted).all()
    ids = [station.id for station, _ in found]
    weeks = week_figures(db, actor, Run.station_id, ids, Run.procedure_id == procedure_id, now)
    return [
        LinkedStation(station.id, station.name, station.number, PresenceNow.of(station), linked_at, weeks[station.id])
        for station, linked_at in found
    ]


def weeks_at_station(
    db: Db, actor: Actor, station_id: str, procedure_ids: Sequence[str], now: datetime
) -> dict[str, WeekFigures]:
    """What the station did with each of the procedures this week. Raises `Forbidden`."""
    return week_figures(db, actor, Run.procedure_id, procedure_ids, Run.station_id == station_id, now)


def count_stations(db: Db, actor: Actor, procedure_ids: Sequence[str]) -> dict[str, int]:
    """How many stations may run each of them; one without any is missing. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    counted = (
        select(StationProcedure.procedure_id, func.count())
        .join(Station, Station.id == StationProcedure.station_id)
        .where(
            StationProcedure.procedure_id.in_(procedure_ids), Station.archived_at.is_(None), *visible_stations(actor)
        )
        .group_by(StationProcedure.procedure_id)
    )
    return {row[0]: row[1] for row in db.session.execute(counted)}


def stations_to_link(
    db: Db, actor: Actor, procedure_id: str, search: str = "", chosen: Sequence[str] = ()
) -> list[Ref]:
    """Stations that may not run it yet, by name: those chosen already, then those with the text in their name."""
    require(actor, Permission.EDIT)
    linked = select(StationProcedure.station_id).where(StationProcedure.procedure_id == procedure_id)
    wanted = select(Station.id, Station.name).where(Station.archived_at.is_(None), Station.id.not_in(linked))
    return _offered(db, wanted, Station, search, chosen)


def procedures_to_link(
    db: Db, actor: Actor, station_id: str, search: str = "", chosen: Sequence[str] = ()
) -> list[Ref]:
    """Procedures that the station may not run yet, by name: the same from the other side."""
    require(actor, Permission.EDIT)
    linked = select(StationProcedure.procedure_id).where(StationProcedure.station_id == station_id)
    wanted = select(Procedure.id, Procedure.name).where(Procedure.archived_at.is_(None), Procedure.id.not_in(linked))
    return _offered(db, wanted, Procedure, search, chosen)


def link_pairs(db: Db, actor: Actor, pairs: Sequence[tuple[str, str]]) -> int:
    """Link all of these (station, procedure), or none. How many links are new.

    Raises `Invalid` for nothing; `NotFound`; `Forbidden`; `Conflict`.
    """
    require(actor, Permission.EDIT)
    if not pairs:
        raise Invalid("Nothing is chosen: tick at least one.", "chosen")
    with db.write():
        return sum(link_procedure(db, actor, station_id, procedure_id) for station_id, procedure_id in sorted(pairs))


def list_versions(db: Db, actor: Actor, procedure_id: str) -> list[VersionRow]:
    """The newest ones. Raises `NotFound`; `Forbidden`."""
    procedure = get_procedure(db, actor, procedure_id)
    runs = (
        select(func.count())
        .select_from(Run)
        .where(Run.procedure_version_id == ProcedureVersion.id)
        .correlate(ProcedureVersion)
        .scalar_subquery()
    )
    wanted = (
        select(ProcedureVersion.id, ProcedureVersion.tag, ProcedureVersion.created_at, runs)
        .where(ProcedureVersion.procedure_id == procedure.id)
        .order_by(ProcedureVersion.created_at.desc(), ProcedureVersion.id.desc())
        .limit(MOST_VERSIONS)
    )
    return [VersionRow(*row) for row in db.session.execute(wanted)]


def _offered(
    db: Db, wanted: Select[*tuple[Any, ...]], model: type[Station | Procedure], search: str, chosen: Sequence[str]
) -> list[Ref]:
    kept, text = [one for one in chosen if names.is_id(one)], names.same(search)
    others = wanted.where(model.id.not_in(kept))
    if text:
        others = others.where(model.name_key.contains(text, autoescape=True))
    parts = [others.order_by(model.name_key, model.id).limit(MOST_OFFERED)]
    if kept:
        parts.insert(0, wanted.where(model.id.in_(kept)).order_by(model.name_key, model.id))
    return [Ref(*row) for part in parts for row in db.session.execute(part)]
