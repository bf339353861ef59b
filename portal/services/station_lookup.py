"""Which stations an actor may see, and finding the one that is meant.

The one place that knows: lists take its conditions into their statement. A member who is scoped to teams
(`Actor.team_ids`) sees the stations of these teams and those that are in no team, with all that is beneath them; runs
that no station has sent are seen by everybody. For everybody else there is no condition at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import aliased

from portal.errors import Conflict, NotFound
from portal.models import Run, Station
from portal.services import names
from portal.services.actors import Actor, Permission, require

if TYPE_CHECKING:
    from portal.database import Db

LONGEST_NAME = 60
_NUMBER = re.compile(r"st[-_ ]?0*([0-9]{1,9})", re.IGNORECASE)


def get_station(db: Db, actor: Actor, station_id: str) -> Station:
    """The station. Raises `NotFound`, also for an archived one, and for another station's key."""
    require(actor, Permission.VIEW)
    found = find_station(db, station_id)
    if found is None or (actor.is_station and actor.id != found.id) or not sees_team(actor, found.team_id):
        raise NotFound("station")
    return found


def is_visible(db: Db, actor: Actor, station_id: str) -> bool:
    """Whether the actor may see that station. No statement for who sees every one."""
    if actor.team_ids is None:
        return True
    found = find_station(db, station_id)
    return found is not None and sees_team(actor, found.team_id)


def visible_ids(db: Db, actor: Actor, station_ids: Sequence[str]) -> Sequence[str]:
    """Those of the stations that the actor may see. No statement for who sees every one."""
    if actor.team_ids is None:
        return station_ids
    wanted = select(Station.id).where(Station.id.in_(station_ids), *visible_stations(actor))
    return db.session.scalars(wanted).all()


def visible_stations(actor: Actor) -> list[ColumnElement[bool]]:
    """Conditions on `Station` that leave what the actor may see; none where that is every station."""
    if actor.is_station:
        return [Station.id == actor.id]
    return of_teams(actor, Station)


def of_teams(actor: Actor, station: Any) -> list[ColumnElement[bool]]:
    """The same of `Station` or an alias of it, by teams alone: stations' programs read who made what."""
    if actor.team_ids is None:
        return []
    return [or_(station.team_id.is_(None), station.team_id.in_(actor.team_ids))]


def visible_runs(actor: Actor, run: Any = Run) -> list[ColumnElement[bool]]:
    """Conditions on `Run`, or an alias of it, that leave what the actor may see; none where that is every run.

    Asked of each run, by its station's id: the index that serves the list's order goes on serving it.
    """
    if actor.team_ids is None:
        return []
    of_others = aliased(Station)
    hidden = select(of_others.id).where(
        of_others.id == run.station_id, of_others.team_id.is_not(None), of_others.team_id.not_in(actor.team_ids)
    )
    return [~hidden.exists()]


def sees_run(db: Db, actor: Actor, run: Run) -> bool:
    """Whether the actor may see the run. One statement, and none for who sees every run."""
    if actor.team_ids is None or run.station_id is None:
        return True
    return sees_team(actor, db.session.scalar(select(Station.team_id).where(Station.id == run.station_id)))


def sees_team(actor: Actor, team_id: str | None) -> bool:
    """Whether the actor may see what belongs to a station of that team; None: of no team."""
    return actor.team_ids is None or team_id is None or team_id in actor.team_ids


def get_station_or_archived(db: Db, actor: Actor, station_id: str) -> Station:
    """The station, archived or not: for reading what it has left. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.VIEW)
    found = db.session.get(Station, station_id) if names.is_id(station_id) else None
    if found is None or (actor.is_station and actor.id != found.id) or not sees_team(actor, found.team_id):
        raise NotFound("station")
    return found


def find_station(db: Db, station_id: str) -> Station | None:
    """The station, whoever asks; None when it does not exist or is archived."""
    if not names.is_id(station_id):
        return None
    return db.session.scalar(select(Station).where(Station.id == station_id, Station.archived_at.is_(None)))


def get_station_by_number(db: Db, actor: Actor, number: int) -> Station:
    """The station that is shown as ST-0007 for 7. Raises as `get_station`."""
    found = db.session.scalar(select(Station.id).where(Station.number == number))
    return get_station(db, actor, found or "")


def read_number(text: str) -> int | None:
    """The number in what people write for ST-0007: small letters too, and without the zeros. None for anything else."""
    match = _NUMBER.fullmatch(text.strip())
    return int(match[1]) if match else None


def find_station_by_name(db: Db, name: str) -> Station | None:
    """The station of that name, whatever the letters' case."""
    wanted = select(Station).where(Station.name_key == names.same(name), Station.archived_at.is_(None))
    return db.session.scalar(wanted)


def refuse_taken(db: Db, name: str, but: str | None = None) -> None:
    """Raises `Conflict` when another station than ``but`` has the name."""
    other = find_station_by_name(db, name)
    if other is not None and other.id != but:
        raise Conflict(f"There is already a station named “{other.name}”: choose another name.", "name")
