"""API keys: made, shown once, checked on every request."""

from __future__ import annotations

import contextlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from portal.errors import StorageFull, Unauthorized
from portal.models import ApiKey, Station, User
from portal.services import audit, names, secrets
from portal.services.actors import Actor, Permission, require
from portal.services.station_lookup import get_station
from portal.services.users import actor_of

if TYPE_CHECKING:
    from portal.database import Db

NOTE_USE_EVERY = timedelta(minutes=1)
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
    wanted = (
        select(ApiKey, User, Station)
        .outerjoin(User, User.id == ApiKey.user_id)
        .outerjoin(Station, Station.id == ApiKey.station_id)
        .where(ApiKey.key_hash == given, ApiKey.revoked_at.is_(None))
    )
    found = db.session.execute(wanted).first()
    if found is None or not hmac.compare_digest(found[0].key_hash, given):
        raise Unauthorized(REFUSAL)
    stored, user, station = found
    if station is not None and station.archived_at is None:
        actor = Actor("station", station.id, station.name, installation_id=stored.installation_id)
    elif user is not None:
        actor = actor_of(user)
    else:
        raise Unauthorized(REFUSAL)
    if stored.last_used_at is None or now - stored.last_used_at > NOTE_USE_EVERY:
        _note_use(db, stored.id, address, now)
    return actor


def _note_use(db: Db, key_id: str, address: str | None, now: datetime) -> None:
    is_due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - NOTE_USE_EVERY)
    with contextlib.suppress(StorageFull), db.write():  # who only reads is not refused for it
        db.session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, is_due)
            .values(last_used_at=now, last_used_address=(address or "")[:64] or None)
        )
