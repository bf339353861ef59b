"""Small views of things, as other things name them; and who made a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_
from sqlalchemy.orm import aliased

from portal.models import Station, User
from portal.services.actors import Actor
from portal.services.station_lookup import of_teams

MakerUser = aliased(User)
MakerStation = aliased(Station)


@dataclass(frozen=True)
class Ref:
    """Something with a number or a name: a part, a revision, a batch, a version, a station."""

    id: str
    name: str


@dataclass(frozen=True)
class Person:
    """Who operated, sent or made. A name that was only declared has no id."""

    id: str | None
    name: str | None
    email: str | None


@dataclass(frozen=True)
class Maker:
    """Who made a row: a member or a station, or nobody that is still known."""

    user: Person | None
    station: Ref | None


def with_maker(wanted: Select[Any], model: Any, actor: Actor) -> Select[Any]:
    """The statement with two columns more at its end, for `maker_of`: who made the model's row.

    A station that the actor may not see is not named.
    """
    made_by = MakerStation.id == model.created_by_station_id
    return (
        wanted.add_columns(MakerUser, MakerStation)
        .outerjoin(MakerUser, MakerUser.id == model.created_by_user_id)
        .outerjoin(MakerStation, and_(made_by, *of_teams(actor, MakerStation)))
    )


def maker_of(user: User | None, station: Station | None) -> Maker:
    """The maker from those two columns."""
    return Maker(
        Person(user.id, user.name, user.email) if user is not None else None,
        Ref(station.id, station.name) if station is not None else None,
    )
