"""Finding the one station that an actor means, and may see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import Conflict, NotFound
from portal.models import Station
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
    if found is None or (actor.is_station and actor.id != found.id):
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
