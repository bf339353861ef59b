"""Installations: what the enrolled machines report of themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from portal.errors import NotFound
from portal.models import Installation
from portal.models.base import new_id
from portal.services import names
from portal.services.station_lookup import find_station
from portal.services.upsert import changed, insert_or_ignore
from station.protocol import Hardware

if TYPE_CHECKING:
    from portal.database import Db


def record_hardware(
    db: Db,
    station_id: str,
    installation_id: str | None,
    hardware: Hardware,
    address: str | None,
    now: datetime | None = None,
) -> None:
    """Keep what a program says of its machine in its greeting.

    ``installation_id`` is None for a program that uses a key made by hand: it is the station's machine from now on,
    unless one is enrolled. Raises `NotFound` when the station or the installation is gone.
    """
    now = now or datetime.now(UTC)
    with db.write():
        if find_station(db, station_id) is None:
            raise NotFound("station")
        wanted = select(Installation).where(Installation.station_id == station_id, Installation.revoked_at.is_(None))
        if installation_id is None:
            insert_or_ignore(
                db, Installation, id=new_id(), station_id=station_id, hostname="", os="", platform="",
                program_version="", uploads_waiting=0, enrolled_at=now,
            )  # fmt: skip
        else:
            wanted = wanted.where(Installation.id == installation_id)
        machine = db.session.scalar(wanted)
        if machine is None:
            raise NotFound("installation")
        machine.hostname = names.cut(hardware.hostname, 255) or "unknown"
        machine.os = names.cut(hardware.os, 200) or "unknown"
        machine.platform = names.cut(hardware.platform, 100) or "unknown"
        machine.program_version = names.cut(hardware.program_version, 60) or "unknown"
        machine.mac_address = names.cut(hardware.mac_address, 60)
        machine.python_version = names.cut(hardware.python_version, 60)
        machine.cpu_count = hardware.cpu_count
        machine.memory_mb = hardware.memory_mb
        machine.run_mode = hardware.run_mode
        machine.address = names.cut(address, 64)
        machine.greeted_at = now


def note_uploads_waiting(db: Db, station_id: str, count: int) -> bool:
    """Keep how many records the station has not sent yet. True when that is a change; only then it is written."""
    with db.write():
        active = update(Installation).where(
            Installation.station_id == station_id,
            Installation.revoked_at.is_(None),
            Installation.uploads_waiting != count,
        )
        return changed(db.session.execute(active.values(uploads_waiting=max(0, count)))) > 0
