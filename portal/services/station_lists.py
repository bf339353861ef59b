"""Stations as the published interface shows them: in a list, and one with its procedures. Contract v2-api.md §8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from portal.models import ApiKey, Run, Station, StationProcedure
from portal.services import edits, names
from portal.services.actors import Actor, Permission, require
from portal.services.metadata import Condition, matching
from portal.services.paging import CountedPage, Listing, Place
from portal.services.presence import PresenceNow
from portal.services.procedures import ProcedureRef, procedures_by_station
from portal.services.station_lookup import get_station, visible_stations
from portal.services.station_teams import TeamRef, find_team, teams_by_id

if TYPE_CHECKING:
    from sqlalchemy import Select

    from portal.database import Db

# Numbers are given in the order in which stations are made, and never again. The other orders are those of the table.
STATIONS = Listing(
    "stations",
    Station.id,
    Station.number,
    {
        "created_at": Station.number,
        "number": Station.number,
        "name": Station.name_key,
        "since": Station.presence_since,
    },
    nullable=frozenset({"since"}),
)
COUNT_RUNS_OF = timedelta(days=7)


@dataclass(frozen=True)
class StationQuery:
    """Which stations: all that is given must fit. ``search``: a piece of the name."""

    search: str | None = None
    procedure_ids: tuple[str, ...] = ()
    metadata: Mapping[str, Condition] = field(default_factory=dict)


@dataclass(frozen=True)
class StationEntry:
    """A station in a list."""

    id: str
    name: str
    metadata: dict[str, Any]
    procedures: list[ProcedureRef]
    team: TeamRef | None


@dataclass(frozen=True)
class CountedProcedure:
    """A procedure that the station may run, and how often it did in the last seven days."""

    procedure: ProcedureRef
    runs_count: int


@dataclass(frozen=True)
class StationDescription:
    """One station. ``key_prefix``: the first characters of its newest key. ``etag``: of this state of it."""

    id: str
    name: str
    metadata: dict[str, Any]
    presence: PresenceNow
    key_prefix: str | None
    procedures: list[CountedProcedure]
    team: TeamRef | None
    etag: str


def page_stations(db: Db, actor: Actor, query: StationQuery, place: Place) -> CountedPage[StationEntry]:
    """A page of stations. Raises `BadRequest` for a cursor that is none; `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = _narrow(db, select_stations().where(Station.archived_at.is_(None), *visible_stations(actor)), query)
    rows, cursor = STATIONS.page(db, wanted, place)
    linked = procedures_by_station(db, [station.id for (station,) in rows])
    teams = teams_by_id(db, {station.team_id for (station,) in rows if station.team_id is not None})
    entries = [
        StationEntry(one.id, one.name, one.station_metadata or {}, linked.get(one.id, []), teams.get(one.team_id or ""))
        for (one,) in rows
    ]
    return CountedPage(entries, cursor)


def describe_station(db: Db, actor: Actor, station_id: str, now: datetime | None = None) -> StationDescription:
    """One station. Raises `NotFound`, also for another station's key; `Forbidden`."""
    station = get_station(db, actor, station_id)
    counts = _run_counts(db, station.id, (now or datetime.now(UTC)) - COUNT_RUNS_OF)
    linked = procedures_by_station(db, [station.id]).get(station.id, [])
    return StationDescription(
        id=station.id,
        name=station.name,
        metadata=station.station_metadata or {},
        presence=PresenceNow.of(station),
        key_prefix=_key_prefix(db, station.id),
        procedures=[CountedProcedure(one, counts.get(one.id, 0)) for one in linked],
        team=find_team(db, station.team_id or ""),
        etag=edits.etag(station),
    )


def select_stations() -> Select[Any]:
    """The statement behind the list, with the archived ones: a page may begin behind one."""
    return select(Station)


def _narrow(db: Db, wanted: Select[Any], query: StationQuery) -> Select[Any]:
    text = names.same(query.search or "")
    if text:
        wanted = wanted.where(Station.name_key.contains(text, autoescape=True))
    if query.procedure_ids:
        ids = [one.lower() for one in query.procedure_ids if names.is_id(one)]
        links = select(StationProcedure.station_id).where(StationProcedure.procedure_id.in_(ids))
        wanted = wanted.where(Station.id.in_(links))
    return wanted.where(*matching(db, Station.station_metadata, dict(query.metadata)))


def _run_counts(db: Db, station_id: str, since: datetime) -> dict[str, int]:
    wanted = (
        select(Run.procedure_id, func.count())
        .where(Run.station_id == station_id, Run.started_at >= since)
        .group_by(Run.procedure_id)
    )
    return {row[0]: row[1] for row in db.session.execute(wanted)}


def _key_prefix(db: Db, station_id: str) -> str | None:
    wanted = (
        select(ApiKey.prefix)
        .where(ApiKey.station_id == station_id, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
        .limit(1)
    )
    return db.session.scalar(wanted)
