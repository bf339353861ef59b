"""Finding units by their serial numbers, and filing new ones. A module of its own: what units do needs it all over."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from portal.errors import NotFound
from portal.models import Unit
from portal.models.base import new_id
from portal.services.names import same
from portal.services.upsert import insert_or_ignore

if TYPE_CHECKING:
    from portal.database import Db
    from portal.services.actors import Actor


def find_unit(db: Db, serial_number: str, *, to_change: bool = False) -> Unit:
    """The unit; whoever calls this has checked who asks. ``to_change``: locked. Raises `NotFound`."""
    wanted = select(Unit).where(Unit.serial_key == same(serial_number))
    if to_change:  # and read again: it may have been another one before the lock was had
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound(f"unit: the serial number {serial_number[:100]!r} was not found")
    return found


def insert_unit(db: Db, actor: Actor, serial_number: str, revision_id: str, now: datetime, **facts: Any) -> bool:
    """Insert a unit unless there is one of that serial number. True when it was inserted. ``facts``: other columns."""
    return insert_or_ignore(
        db, Unit, serial_number=serial_number, serial_key=same(serial_number), revision_id=revision_id, created_at=now,
        created_by_user_id=actor.user_id, created_by_station_id=actor.station_id,
        **({"id": new_id(), "unit_metadata": {}} | facts),
    )  # fmt: skip
