"""What people do to a bench while it runs, for the audit trail. The bench itself is asked by `portal.live`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from portal.services import audit
from portal.services.actors import Actor, Permission, require
from portal.services.station_lookup import get_station

if TYPE_CHECKING:
    from portal.database import Db


def note_act(db: Db, actor: Actor, station_id: str, action: str, details: Mapping[str, str]) -> None:
    """Note that somebody started or ended a run at the station. Raises `NotFound`; `Forbidden`."""
    require(actor, Permission.DRIVE)
    with db.write():
        station = get_station(db, actor, station_id)
        audit.record_about(db, actor, action, ("stations", station.id, station.name), details=details)
