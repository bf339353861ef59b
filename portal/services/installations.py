"""Installations: the machines of a station, what they report of themselves, and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import exists, select, update

from portal.announcements import LinkRevoked, StationChanged
from portal.errors import Conflict, Forbidden, NotFound
from portal.models import ApiKey, Installation
from portal.models.base import new_id
from portal.services import audit, names
from portal.services.actors import Actor, Permission, require
from portal.services.station_lookup import find_station, get_station
from portal.services.upsert import changed, insert_or_ignore
from station.protocol import Hardware

if TYPE_CHECKING:
    from portal.database import Db

FORMER_SHOWN = 10


@dataclass(frozen=True)
class InstallationView:
    """A machine of a station. ``has_key``: one came with its enrolment; else it uses a key that a person made.

    ``revoked_at``, ``revoked_reason``: None while it is the station's. The reason completes "it was …".
    """

    id: str
    hostname: str
    os: str
    platform: str
    program_version: str
    address: str | None
    enrolled_at: datetime
    mac_address: str | None
    cpu_count: int | None
    memory_mb: int | None
    python_version: str | None
    run_mode: str | None
    greeted_at: datetime | None
    uploads_waiting: int
    has_key: bool
    revoked_at: datetime | None
    revoked_reason: str | None


def list_installations(db: Db, station_id: str) -> list[InstallationView]:
    """The station's machines: the present one first, if there is one, then the `FORMER_SHOWN` that ended last."""
    key = exists().where(ApiKey.installation_id == Installation.id)
    wanted = (
        select(Installation, key)
        .where(Installation.station_id == station_id)
        .order_by(Installation.revoked_at.is_not(None), Installation.revoked_at.desc(), Installation.id)
        .limit(FORMER_SHOWN + 1)
    )
    found = [_view(machine, has_key) for machine, has_key in db.session.execute(wanted)]
    return found if found and found[0].revoked_at is None else found[:FORMER_SHOWN]


def find_installation(db: Db, station_id: str) -> Installation | None:
    """The machine that is the station's now, whoever asks."""
    active = select(Installation).where(Installation.station_id == station_id, Installation.revoked_at.is_(None))
    return db.session.scalar(active)


def show_installation(db: Db, actor: Actor, station_id: str) -> InstallationView | None:
    """The machine that is the station's now. Raises `NotFound`; `Forbidden`."""
    station = get_station(db, actor, station_id)
    return next((one for one in list_installations(db, station.id) if one.revoked_at is None), None)


def revoke_installation(
    db: Db, actor: Actor, station_id: str, installation_id: str, now: datetime | None = None
) -> str:
    """Take the machine out: its key and its link end at once, and its program ends with 75. Its host name.

    Raises `NotFound`; `Forbidden`; `Conflict` when it is not the station's machine any more, or has no key of its own.
    """
    require(actor, Permission.EDIT)
    now = now or datetime.now(UTC)
    with db.write():
        take_turn(db, station_id)
        station = get_station(db, actor, station_id)
        machine = db.session.get(Installation, installation_id) if names.is_id(installation_id) else None
        if machine is None or machine.station_id != station.id:
            raise NotFound("installation")
        if machine.revoked_at is not None:
            raise Conflict(
                f"{machine.hostname} is not this station's machine any more: it was {machine.revoked_reason}. "
                "Nothing was changed."
            )
        if not db.session.scalar(select(exists().where(ApiKey.installation_id == machine.id))):
            raise Conflict(f"{machine.hostname} uses an API key that somebody made: delete that key to end it.")
        why = f"revoked by {actor.name[:100]}"
        key_ids = end_installation(db, machine, why, now)
        audit.record(db, actor, "station:machine_revoked", station, hostname=machine.hostname)
        db.announce(LinkRevoked(station.id, f"it was {why}", key_ids))
        db.announce(StationChanged(station.id))
    return machine.hostname


def leave(db: Db, actor: Actor, now: datetime | None = None) -> None:
    """The program is being removed from its machine, which says so with its own key: that key dies.

    Raises `Forbidden` for a person's key; `Conflict` for one that came with no machine, or when that one is not the
    station's any more.
    """
    if not actor.is_station:
        raise Forbidden("This key is a person's: a station's key is needed here.")
    if actor.installation_id is None:
        raise Conflict("This key came with no machine: delete it on the station's page. Nothing was changed.")
    now = now or datetime.now(UTC)
    with db.write():
        take_turn(db, actor.id)
        machine = db.session.get(Installation, actor.installation_id)
        station = find_station(db, actor.id)
        if station is None or machine is None or machine.revoked_at is not None:
            raise Conflict("This machine is not the station's any more. Nothing was changed.")
        key_ids = end_installation(db, machine, "uninstalled on the machine itself", now)
        audit.record(db, actor, "station:machine_left", station, hostname=machine.hostname)
        db.announce(LinkRevoked(station.id, "it was uninstalled on the machine itself", key_ids))
        db.announce(StationChanged(station.id))


def take_turn(db: Db, station_id: str) -> None:
    """Let one transaction at a time decide on the machine of the station."""
    db.serialise(f"machine of {station_id}")


def end_installation(db: Db, machine: Installation, why: str, now: datetime) -> frozenset[str]:
    """The machine is the station's no more, and its keys die; inside the transaction of whoever checked that.

    ``why`` completes "it was …". Returns the ids of the keys, for whoever cuts the link. Keys that a person made for
    scripts belong to no machine, and stay.
    """
    machine.revoked_at, machine.revoked_reason = now, why[:200]
    keys = select(ApiKey.id).where(ApiKey.installation_id == machine.id, ApiKey.revoked_at.is_(None))
    key_ids = frozenset(db.session.scalars(keys))
    db.session.execute(update(ApiKey).where(ApiKey.id.in_(key_ids)).values(revoked_at=now))
    db.session.flush()  # before another machine takes its place, which a constraint allows to one
    return key_ids


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


def _view(machine: Installation, has_key: bool) -> InstallationView:
    return InstallationView(
        id=machine.id,
        hostname=machine.hostname or "unknown",
        os=machine.os,
        platform=machine.platform,
        program_version=machine.program_version,
        address=machine.address,
        enrolled_at=machine.enrolled_at,
        mac_address=machine.mac_address,
        cpu_count=machine.cpu_count,
        memory_mb=machine.memory_mb,
        python_version=machine.python_version,
        run_mode=machine.run_mode,
        greeted_at=machine.greeted_at,
        uploads_waiting=machine.uploads_waiting,
        has_key=has_key,
        revoked_at=machine.revoked_at,
        revoked_reason=machine.revoked_reason,
    )
