"""The API keys of one station: listed, replaced, deleted. Making one is `api_keys.create_station_key`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from portal.announcements import LinkRevoked
from portal.errors import Conflict, NotFound
from portal.models import ApiKey, AuditEntry, Installation, Station
from portal.services import audit, names, secrets
from portal.services.actors import Actor, Permission, require
from portal.services.api_keys import MOST_STATION_KEYS, insert_key
from portal.services.station_lookup import get_station
from portal.services.upsert import changed

if TYPE_CHECKING:
    from portal.database import Db

_MADE = ("station:key_created", "station:key_regenerated")


@dataclass(frozen=True)
class KeyView:
    """A key of a station, as far as anybody may see it again.

    ``hostname``: of the machine whose enrolment it came with; None for a key that somebody made, whose name is then in
    ``created_by`` where it is known.
    """

    id: str
    prefix: str
    name: str
    created_at: datetime
    created_by: str | None
    last_used_at: datetime | None
    last_used_address: str | None
    hostname: str | None


def list_station_keys(db: Db, station: Station) -> list[KeyView]:
    """All keys of the station that work, newest first: at most `MOST_STATION_KEYS`, and that of its machine."""
    wanted = (
        select(ApiKey, Installation.hostname)
        .outerjoin(Installation, Installation.id == ApiKey.installation_id)
        .where(ApiKey.station_id == station.id, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
        .limit(MOST_STATION_KEYS + 1)
    )
    found = db.session.execute(wanted).all()
    makers = _makers(db, station) if any(hostname is None for _key, hostname in found) else {}
    return [
        KeyView(
            key.id, key.prefix, key.name, key.created_at, makers.get(key.prefix), key.last_used_at,
            key.last_used_address, hostname,
        )
        for key, hostname in found
    ]  # fmt: skip


def show_station_keys(db: Db, actor: Actor, station_id: str) -> list[KeyView]:
    """The same, for who may see the station. Raises `NotFound`; `Forbidden`."""
    return list_station_keys(db, get_station(db, actor, station_id))


def regenerate_station_key(db: Db, actor: Actor, station_id: str, key_id: str) -> str:
    """Make a new key in place of this one, which stops working at once. Returns it; it cannot be read again.

    Raises `NotFound`; `Forbidden`; `Conflict` when the key works no more, or belongs to a machine.
    """
    require(actor, Permission.EDIT)
    with db.write():
        station = get_station(db, actor, station_id)
        before = _end(db, station, key_id, "its API key was regenerated")
        key = insert_key(db, "sms", before.name, station_id=station.id)
        prefix = key[: secrets.PREFIX_LENGTH]
        audit.record(
            db, actor, "station:key_regenerated", station, key=before.name, before=before.prefix, prefix=prefix
        )
    return key


def delete_station_key(db: Db, actor: Actor, station_id: str, key_id: str) -> str:
    """End the key: it stops working at once. Returns its name. Raises as `regenerate_station_key`."""
    require(actor, Permission.EDIT)
    with db.write():
        station = get_station(db, actor, station_id)
        key = _end(db, station, key_id, "its API key was deleted")
        audit.record(db, actor, "station:key_deleted", station, key=key.name, prefix=key.prefix)
    return key.name


def _end(db: Db, station: Station, key_id: str, why: str) -> ApiKey:
    """Revoke it, and cut the link that was opened with it. Of two who do it at once, one does."""
    key = db.session.get(ApiKey, key_id) if names.is_id(key_id) else None
    if key is None or key.station_id != station.id:
        raise NotFound("API key")
    if key.installation_id is not None and key.revoked_at is None:
        raise Conflict("This key belongs to the station's machine: revoke its installation instead.")
    ended = update(ApiKey).where(ApiKey.id == key.id, ApiKey.revoked_at.is_(None)).values(revoked_at=datetime.now(UTC))
    if not changed(db.session.execute(ended)):
        raise Conflict(f"The key {key.prefix}… was regenerated or deleted before. Nothing was changed now.")
    db.announce(LinkRevoked(station.id, why, frozenset({key.id})))
    return key


def _makers(db: Db, station: Station) -> dict[str, str]:
    """Who made keys of the station, by their prefix: the audit trail knows, and keeps the name of who has left."""
    wanted = (
        select(AuditEntry.actor_name, AuditEntry.details)
        .where(AuditEntry.object_kind == Station.__tablename__, AuditEntry.object_id == station.id)
        .where(AuditEntry.action.in_(_MADE))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(10 * MOST_STATION_KEYS)
    )
    return {details.get("prefix", ""): name for name, details in db.session.execute(wanted)}
