"""API keys: made, shown once, checked on every request."""

from __future__ import annotations

import contextlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, or_, select, update

from portal import driver
from portal.errors import Conflict, NotFound, StorageFull, Unauthorized
from portal.models import ApiKey, Installation, Station, User
from portal.services import audit, names, secrets
from portal.services.actors import Actor, Permission, Role, require
from portal.services.station_lookup import get_station
from portal.services.users import scope_of

if TYPE_CHECKING:
    from portal.database import Db

NOTE_USE_EVERY = timedelta(minutes=1)
MOST_STATION_KEYS = 20  # made by people, at one time: a list that somebody can still check
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
        _USERS.removed_at,
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
    if user.removed_at is not None:
        raise NotFound("member")
    if actor.user_id != user.id:
        require(actor, Permission.ADMINISTER)
    name = names.clean(name, "key's name", 100, "name")
    with db.write():
        key = insert_key(db, "smu", name, user_id=user.id)
        audit.record(db, actor, "user:key_created", user, key=name, prefix=key[: secrets.PREFIX_LENGTH])
    return key


def create_station_key(db: Db, actor: Actor, station_id: str, name: str = "key") -> str:
    """Make a key that acts for the station, for scripts on the bench. Returns it; it cannot be read again.

    Raises `NotFound`; `Forbidden`; `Invalid` with the path ``name``; `Conflict` when there are too many.
    """
    require(actor, Permission.EDIT)
    name = names.clean(name, "key's name", 100, "name")
    with db.write():
        db.serialise("stations")
        station = get_station(db, actor, station_id)
        present = select(func.count()).where(ApiKey.station_id == station.id, ApiKey.revoked_at.is_(None))
        if (db.session.scalar(present.where(ApiKey.installation_id.is_(None))) or 0) >= MOST_STATION_KEYS:
            raise Conflict(f"This station has {MOST_STATION_KEYS} API keys: first delete one that nobody uses.")
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
        machine = found.installation_id
        actor = Actor("station", found.station_id, found.station_name, installation_id=machine, key_id=found.id)
    elif found.user_id is not None and found.removed_at is None:
        name, role = found.user_name or found.email, Role(found.role)
        teams = scope_of(db, found.user_id, role)
        actor = Actor("user", found.user_id, name, role, found.email, key_id=found.id, team_ids=teams)
    else:
        raise Unauthorized(REFUSAL)
    if found.last_used_at is None or now - found.last_used_at > NOTE_USE_EVERY:
        _note_use(db, found.id, address, now)
    return actor


def is_valid(db: Db, key_id: str | None) -> bool:
    """Whether a key that was accepted before would still be: it was not revoked, nor was its station removed."""
    wanted = select(ApiKey.id).outerjoin(Station, Station.id == ApiKey.station_id).where(ApiKey.id == key_id)
    return db.session.scalar(wanted.where(ApiKey.revoked_at.is_(None), Station.archived_at.is_(None))) is not None


def why_revoked(db: Db, key: str) -> str | None:
    """What became of the machine that this key came with, for who holds the key: "it was …". None: not known."""
    machine = select(Installation.revoked_reason).join(ApiKey, ApiKey.installation_id == Installation.id)
    reason = db.session.scalar(machine.where(ApiKey.key_hash == secrets.digest(key), ApiKey.revoked_at.is_not(None)))
    return f"it was {reason}" if reason else None


def _note_use(db: Db, key_id: str, address: str | None, now: datetime) -> None:
    is_due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - NOTE_USE_EVERY)
    with contextlib.suppress(StorageFull), db.write():  # who only reads is not refused for it
        db.session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, is_due)
            .values(last_used_at=now, last_used_address=(address or "")[:64] or None)
        )
