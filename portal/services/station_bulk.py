"""One change for many stations: all in one transaction, each with its own audit entry.

A station for which it cannot be done keeps nobody else from it: it is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.announcements import StationChanged
from portal.errors import Invalid, NotFound, PortalError
from portal.models import Installation, Station, StationProcedure, Team
from portal.services import audit, edits, names
from portal.services.actors import Actor, Permission, require
from portal.services.procedures import get_procedure, link_procedure
from portal.services.station_lookup import get_station
from portal.services.station_removal import has_history, remove_station

if TYPE_CHECKING:
    from portal.database import Db

MOST_STATIONS = 500  # of one request: the write transaction keeps all others waiting


@dataclass(frozen=True)
class Refused:
    """A station that stays as it was, and why. ``name``: None for one that does not exist (any more)."""

    name: str | None
    reason: str


@dataclass(frozen=True)
class BulkResult:
    """``what``: the name of the procedure or team. ``unchanged``: so many were so already."""

    what: str | None
    changed: int
    unchanged: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class RemovalPlan:
    """What removing the chosen stations will do: names of those that are archived, and of those that are deleted.

    ``machines``: how many have a program that loses its link. ``missing``: chosen, and not there any more.
    """

    archived: tuple[str, ...]
    deleted: tuple[str, ...]
    machines: int
    missing: int

    @property
    def count(self) -> int:
        """How many stations it is about."""
        return len(self.archived) + len(self.deleted)


def link_stations(db: Db, actor: Actor, station_ids: Sequence[str], procedure_id: str) -> BulkResult:
    """Let them all run the procedure. Raises `NotFound` for the procedure; `Invalid` for too many; `Forbidden`."""
    require(actor, Permission.EDIT)
    ids = _checked(station_ids)
    with db.write():
        procedure = get_procedure(db, actor, procedure_id)
        links = select(StationProcedure.station_id).where(
            StationProcedure.procedure_id == procedure.id, StationProcedure.station_id.in_(filter(names.is_id, ids))
        )
        linked = set(db.session.scalars(links))

        def link(station: Station) -> bool:
            if station.id in linked:
                return False
            link_procedure(db, actor, station.id, procedure.id)
            return True

        return _each(db, actor, ids, procedure.name, link)


def assign_team(db: Db, actor: Actor, station_ids: Sequence[str], team_id: str | None) -> BulkResult:
    """Give them all to the team; None: to no team. Raises `NotFound` for the team; `Invalid`; `Forbidden`."""
    require(actor, Permission.EDIT)
    ids = _checked(station_ids)
    with db.write():
        db.serialise("stations")
        team = _get_team(db, team_id) if team_id is not None else None
        names_by_id = {row.id: row.name for row in db.session.execute(select(Team.id, Team.name))}

        def assign(station: Station) -> bool:
            if station.team_id == team_id:
                return False
            left, station.team_id = station.team_id, team_id
            before = names_by_id.get(left or "")
            edits.touch(station)
            change = (before, team.name if team is not None else None)
            audit.record(db, actor, "station:changed", station, changes={"team": change}, fields="team")
            db.announce(StationChanged(station.id, left))
            return True

        return _each(db, actor, ids, team.name if team is not None else None, assign)


def remove_stations(db: Db, actor: Actor, station_ids: Sequence[str]) -> BulkResult:
    """Take them all out of service, as `remove_station` does with one. Raises `Invalid` for too many; `Forbidden`."""
    require(actor, Permission.EDIT)
    ids = _checked(station_ids)

    def remove(station: Station) -> bool:
        remove_station(db, actor, station.id)
        return True

    with db.write():
        return _each(db, actor, ids, None, remove)


def plan_removal(db: Db, actor: Actor, station_ids: Sequence[str]) -> RemovalPlan:
    """What `remove_stations` would do now. Raises `Invalid` for too many; `Forbidden`."""
    require(actor, Permission.EDIT)
    ids = _checked(station_ids)
    machine = Installation.station_id == Station.id
    has_machine = select(Installation.id).where(machine, Installation.revoked_at.is_(None)).correlate(Station).exists()
    wanted = (
        select(Station.name, has_history(Station.id), has_machine)
        .where(Station.id.in_(filter(names.is_id, ids)), Station.archived_at.is_(None))
        .order_by(Station.name_key)
    )
    rows = db.session.execute(wanted).all()
    return RemovalPlan(
        archived=tuple(name for name, is_kept, _ in rows if is_kept),
        deleted=tuple(name for name, is_kept, _ in rows if not is_kept),
        machines=sum(bool(is_enrolled) for _, _, is_enrolled in rows),
        missing=len(ids) - len(rows),
    )


def _checked(station_ids: Sequence[str]) -> list[str]:
    ids = list(dict.fromkeys(one.lower() for one in station_ids))
    if len(ids) > MOST_STATIONS:
        raise Invalid(f"That is too much at once: {len(ids)} stations, at most {MOST_STATIONS}.", "stations")
    return ids


def _each(db: Db, actor: Actor, ids: Sequence[str], what: str | None, act: Callable[[Station], bool]) -> BulkResult:
    """``act`` says whether it changed anything. What it refuses leaves nothing of that one station."""
    outcomes: list[bool] = []
    refused: list[Refused] = []
    for station_id in ids:
        name = None
        try:
            with db.attempt():
                station = get_station(db, actor, station_id)
                name = station.name
                outcomes.append(act(station))
        except PortalError as error:
            refused.append(Refused(name, error.message))
    return BulkResult(what, sum(outcomes), len(outcomes) - sum(outcomes), tuple(refused))


def _get_team(db: Db, team_id: str) -> Team:
    team = db.session.get(Team, team_id) if names.is_id(team_id) else None
    if team is None:
        raise NotFound("team")
    return team
