"""Stations: the records of test benches. Make, list.

Changing one is `station_changes`, taking one away `station_removal`; what one page shows of one is `station_details`,
what the published interface reads `station_lists`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select

from portal.announcements import StationChanged
from portal.errors import NotFound
from portal.models import Counter, Installation, Run, Station, Unit
from portal.services import audit, names
from portal.services.actors import Actor, Permission, require
from portal.services.presence import PresenceNow
from portal.services.procedures import (
    ProcedureRef,
    get_procedure,
    link_procedure,
    linked_procedures,
    procedures_by_station,
)
from portal.services.station_changes import StationChanges, rename_station, update_station
from portal.services.station_details import StationDetail, show_station
from portal.services.station_lookup import (
    LONGEST_NAME,
    find_station,
    find_station_by_name,
    get_station,
    refuse_taken,
    visible_stations,
)
from portal.services.station_teams import get_team_ref
from station.protocol import LinkedProcedure

if TYPE_CHECKING:
    from sqlalchemy import Select

    from portal.database import Db

__all__ = [
    "LONGEST_NAME",
    "RunRef",
    "StationChanges",
    "StationDetail",
    "StationFacts",
    "StationRow",
    "create_station",
    "find_facts",
    "find_row",
    "find_station",
    "find_station_by_name",
    "get_station",
    "list_stations",
    "rename_station",
    "require_station",
    "rows_of",
    "show_station",
    "update_station",
]


@dataclass(frozen=True)
class RunRef:
    """A run, as a list of other things shows it."""

    id: str
    outcome: str
    started_at: datetime
    serial_number: str


@dataclass(frozen=True)
class StationRow:
    """A station in a list. ``number`` is shown as ST-0007."""

    id: str
    number: int
    name: str
    presence: PresenceNow
    procedures: list[ProcedureRef]
    last_run: RunRef | None
    uploads_waiting: int
    program_version: str | None


@dataclass(frozen=True)
class StationFacts:
    """What a station's link must know of it."""

    id: str
    name: str
    procedures: tuple[LinkedProcedure, ...]


def create_station(
    db: Db,
    actor: Actor,
    name: str,
    procedure_ids: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    team_id: str | None = None,
) -> Station:
    """Make a station, with procedures linked to it. ``metadata``: checked already.

    Raises `Invalid` and `Conflict` with the path ``name``; `NotFound` for a procedure or team; `Conflict` for an
    archived procedure; `Forbidden`.
    """
    require(actor, Permission.EDIT)
    name = names.clean(name, "station's name", LONGEST_NAME, "name")
    with db.write():
        db.serialise("stations")  # numbers without holes, and one sentence instead of a constraint's name
        refuse_taken(db, name)
        team = get_team_ref(db, team_id) if team_id else None
        procedures = [get_procedure(db, actor, procedure_id) for procedure_id in dict.fromkeys(procedure_ids)]
        now = datetime.now(UTC)
        made = Station(
            number=_next_number(db),
            name=name,
            name_key=names.same(name),
            presence="none",
            created_at=now,
            created_by_user_id=actor.user_id,
            team_id=team.id if team is not None else None,
            station_metadata=dict(metadata or {}),
        )
        db.session.add(made)
        changes = {"team": (None, team.name)} if team is not None else None
        audit.record(db, actor, "station:created", made, changes=changes, number=made.number)
        for procedure in procedures:
            link_procedure(db, actor, made.id, procedure.id)
        db.announce(StationChanged(made.id))
    return made


def list_stations(db: Db, actor: Actor, search: str = "") -> list[StationRow]:
    """All stations, in the order of their numbers. ``search``: part of a name, or a number such as ST-0007."""
    require(actor, Permission.VIEW)
    wanted = _rows().where(*visible_stations(actor))
    text = names.same(search)
    if text:
        matches = [Station.name_key.contains(text, autoescape=True)]
        digits = text.removeprefix("st-").lstrip("0")
        if digits.isascii() and digits.isdigit() and len(digits) < 9:
            matches.append(Station.number == int(digits))
        wanted = wanted.where(or_(*matches))
    return _build(db, wanted, is_all=True)


def find_row(db: Db, station_id: str) -> StationRow | None:
    """One station as in the list, whoever asks; None when there is none."""
    rows = rows_of(db, [station_id]) if names.is_id(station_id) else []
    return rows[0] if rows else None


def rows_of(db: Db, station_ids: Sequence[str]) -> list[StationRow]:
    """These stations as in the list, whoever asks, in the order of their numbers; those that are gone are missing."""
    return _build(db, _rows().where(Station.id.in_(station_ids)))


def first_rows(db: Db, conditions: Sequence[ColumnElement[bool]], order: Sequence[Any], most: int) -> list[StationRow]:
    """The first stations in an order of one's own, whoever asks."""
    return _build(db, _rows().where(*conditions).order_by(None).order_by(*order).limit(most))


def find_facts(db: Db, station_id: str) -> StationFacts | None:
    """What its link must know, whoever asks; None when there is none."""
    station = find_station(db, station_id)
    if station is None:
        return None
    procedures = linked_procedures(db, station_id)
    linked = (LinkedProcedure(procedure_id=p.id, identifier=p.identifier, name=p.name) for p in procedures)
    return StationFacts(station.id, station.name, tuple(linked))


def require_station(db: Db, name: str) -> Station:
    """The station of that name, for commands. Raises `NotFound`."""
    found = find_station_by_name(db, name)
    if found is None:
        raise NotFound(f"station: “{name.strip()}”")
    return found


def _next_number(db: Db) -> int:
    """One more than any station ever had: a number that people know must not come back on another bench."""
    counter = db.session.get(Counter, Station.__tablename__)
    if counter is None:
        counter = Counter(name=Station.__tablename__, value=0)
        db.session.add(counter)
    counter.value = max(counter.value, db.session.scalar(select(func.max(Station.number))) or 0) + 1
    return counter.value


def _rows() -> Select[Station, Installation, Run, str]:
    """Stations with their machine and their last run. One statement, whatever their number."""
    last = (
        select(Run.id)
        .where(Run.station_id == Station.id)
        .order_by(Run.started_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(Station)
        .scalar_subquery()
    )
    return (
        select(Station, Installation, Run, Unit.serial_number)
        .outerjoin(Installation, (Installation.station_id == Station.id) & Installation.revoked_at.is_(None))
        .outerjoin(Run, Run.id == last)
        .outerjoin(Unit, Unit.id == Run.unit_id)
        .where(Station.archived_at.is_(None))
        .order_by(Station.number)
    )


def _build(db: Db, wanted: Select[Station, Installation, Run, str], *, is_all: bool = False) -> list[StationRow]:
    found = db.session.execute(wanted).all()
    linked = procedures_by_station(db, None if is_all else [station.id for station, *_ in found])
    return [
        StationRow(
            id=station.id,
            number=station.number,
            name=station.name,
            presence=PresenceNow.of(station),
            procedures=linked.get(station.id, []),
            last_run=RunRef(run.id, run.outcome, run.started_at, serial_number) if run is not None else None,
            uploads_waiting=machine.uploads_waiting if machine is not None else 0,
            program_version=machine.program_version if machine is not None else None,
        )
        for station, machine, run, serial_number in found
    ]
