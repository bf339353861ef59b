"""API keys: made, shown once, checked on every request."""

from __future__ import annotations

import contextlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_, select, update

from portal import driver
from portal.errors import StorageFull, Unauthorized
from portal.models import ApiKey, Station, User
from portal.services import audit, names, secrets
from portal.services.actors import Actor, Permission, Role, require
from portal.services.station_lookup import get_station

if TYPE_CHECKING:
    from portal.database import Db

NOTE_USE_EVERY = timedelta(minutes=1)
# Asked with every request.
_KEYS, _USERS, _STATIONS = (model.__table__.c for model in (ApiKey, User, Station))
_WHOSE = (
    select(
        _KEYS.id,
        _KEYS.key_hash,
        _KEYS.installation_id,
        _KEYS.last_used_at,
        _USERS.id.label("user_id"),
        _USERS.name.label("user_name"),
        _USERS.email,
        _USERS.role,
        _STATIONS.id.label("station_id"),
        _STATIONS.name.label("station_name"),
        _STATIONS.archived_at,
    )
    .select_from(ApiKey.__table__)
    .outerjoin(User.__table__, _USERS.id == _KEYS.user_id)
    .outerjoin(Station.__table__, _STATIONS.id == _KEYS.station_id)
    .where(_KEYS.key_hash == bindparam("hash"), _KEYS.revoked_at.is_(None))
)
REFUSAL = "This API key is not valid: it is unknown, or it was revoked."


def create_user_key(db: Db, actor: Actor, user: User, name: str = "key") -> str:
    """Make a key that acts for the user. Returns it; it cannot be read again. Raises `Forbidden`; `Invalid`."""
    if actor.user_id != user.id:
        require(actor, Permission.ADMINISTER)
    name = names.clean(name, "key's name", 100, "name")
    with db.write():
        key = insert_key(db, "smu", name, user_id=user.id)
        audit.record(db, actor, "user:key_created", user, key=name, prefix=key[: secrets.PREFIX_LENGTH])
    return key


def create_station_key(db: Db, actor: Actor, station_id: str, name: str = "key") -> str:
    """Make a key that acts for the station, for scripts on the bench. Raises `NotFound`; `Forbidden`; `Invalid`."""
    require(actor, Permission.EDIT)
    name = names.clean(name, "key's name", 100, "name")
    with db.write():
        station = get_station(db, actor, station_id)
        key = insert_key(db, "sms", name, station_id=station.id)
        audit.record(db, actor, "station:key_created", station, key=name, prefix=key[: secrets.PREFIX_LENGTH])
    return key


def insert_key(db: Db, kind: str, name: str, **owner: str) -> str:
    """Store a new key for its owner; inside the write transaction of whoever checked that it may be made."""
    key = secrets.new_key(kind)
    prefix = key[: secrets.PREFIX_LENGTH]
    now = datetime.now(UTC)
    db.session.add(ApiKey(key_hash=secrets.digest(key), prefix=prefix, name=name, created_at=now, **owner))
    return key


def authenticate_key(db: Db, key: str, address: str | None = None, now: datetime | None = None) -> Actor:
    """Who acts with this key. Raises `Unauthorized`, with one message for every reason.

    That the key was used, and from where, is noted at most once a minute.
    """
    now = now or datetime.now(UTC)
    given = secrets.digest(key)
    found = driver.first(db, _WHOSE, hash=given)
    if found is None or not hmac.compare_digest(found.key_hash, given):
        raise Unauthorized(REFUSAL)
    if found.station_id is not None and found.archived_at is None:
        actor = Actor("station", found.station_id, found.station_name, installation_id=found.installation_id)
    elif found.user_id is not None:
        actor = Actor("user", found.user_id, found.user_name or found.email, Role(found.role), found.email)
    else:
        raise Unauthorized(REFUSAL)
    if found.last_used_at is None or now - found.last_used_at > NOTE_USE_EVERY:
        _note_use(db, found.id, address, now)
    return actor


def _note_use(db: Db, key_id: str, address: str | None, now: datetime) -> None:
    is_due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - NOTE_USE_EVERY)
    with contextlib.suppress(StorageFull), db.write():  # who only reads is not refused for it
        db.session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, is_due)
            .values(last_used_at=now, last_used_address=(address or "")[:64] or None)
        )
