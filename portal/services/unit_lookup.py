"""Finding units by their serial numbers, and filing new ones. A module of its own: what units do needs it all over."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from portal.models import Unit
from portal.models.base import new_id
from portal.services.lookup import the_one
from portal.services.names import same
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor


def find_unit(db: Db, serial_number: str, *, to_change: bool = False) -> Unit:
    """The unit; whoever calls this has checked who asks. ``to_change``: locked. Raises `NotFound`."""
    wanted = select(Unit).where(Unit.serial_key == same(serial_number))
    return the_one(db, wanted, f"unit: the serial number {serial_number[:100]!r} was not found", to_change=to_change)


def insert_unit(db: Db, actor: Actor, serial_number: str, revision_id: str, now: datetime, **facts: Any) -> bool:
    """Insert a unit unless there is one of that serial number. True when it was inserted. ``facts``: other columns."""
    return insert_or_ignore(
        db, Unit, serial_number=serial_number, serial_key=same(serial_number), revision_id=revision_id, created_at=now,
        created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        **({"id": new_id(), "unit_metadata": {}} | facts),
    )  # fmt: skip
