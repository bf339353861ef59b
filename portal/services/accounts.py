"""What members change of themselves: their name, their password, their API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.announcements import RightsChanged
from portal.errors import Forbidden, Invalid, NotFound
from portal.models import ApiKey, User
from portal.services import api_keys, audit, edits, names, passwords, rate_limits
from portal.services.actors import Actor
from portal.services.sign_ins import end_sessions
from portal.services.users import LONGEST_NAME

if TYPE_CHECKING:
    from portal.database import Db

MOST_KEYS = 50


@dataclass(frozen=True)
class KeyRow:
    """A member's API key, as far as anybody may see it again."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    last_used_address: str | None


def get_self(db: Db, actor: Actor) -> User:
    """The member who acts. Raises `Forbidden` for a station."""
    found = db.session.get(User, actor.user_id) if actor.user_id is not None else None
    if found is None:
        raise Forbidden("Only a member has an account.")
    return found


def rename(db: Db, actor: Actor, name: str) -> None:
    """Change one's own name. Raises `Invalid`, path ``name``."""
    name = names.clean(name, "name", LONGEST_NAME, "name")
    with db.write():
        user = get_self(db, actor)
        if user.name != name:
            before, user.name = user.name, name
            edits.touch(user)
            audit.record(db, actor, "user:renamed", user, changes={"name": (before, name)})


def change_password(db: Db, actor: Actor, old: str, new: str, token: str, now: datetime | None = None) -> int:
    """Change one's own password, and sign out everywhere but in the session with that token. How many that were.

    Raises `Invalid`, paths ``old_password`` and ``password``; `TooManyRequests` after too many wrong old ones.
    """
    now = now or datetime.now(UTC)
    rate_limits.take(db, rate_limits.PASSWORD, actor.id, now)
    stored = get_self(db, actor).password_hash
    db.session.close()  # no transaction stays open while the hashes are computed
    if not passwords.fits(stored, old):
        raise Invalid("This is not your password of now.", "old_password")
    new_hash = passwords.store(new)
    with db.write():
        rate_limits.forgive(db, rate_limits.PASSWORD, actor.id)
        user = get_self(db, actor)
        user.password_hash = new_hash
        edits.touch(user, now)
        count = end_sessions(db, user, but=token)
        audit.record(db, actor, "user:password_changed", user, ended_sessions=count)
    return count


def list_keys(db: Db, actor: Actor) -> list[KeyRow]:
    """One's own keys that work, the newest first."""
    wanted = (
        select(ApiKey)
        .where(ApiKey.user_id == actor.user_id, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
        .limit(MOST_KEYS)
    )
    return [
        KeyRow(key.id, key.name, key.prefix, key.created_at, key.last_used_at, key.last_used_address)
        for key in db.session.scalars(wanted)
    ]


def create_key(db: Db, actor: Actor, name: str) -> str:
    """Make a key that acts for oneself. Returns it; it cannot be read again. Raises `Invalid`, path ``name``."""
    if len(list_keys(db, actor)) >= MOST_KEYS:
        raise Invalid(f"You have {MOST_KEYS} keys already: delete one that nobody uses.", "name")
    return api_keys.create_user_key(db, actor, get_self(db, actor), name)


def revoke_key(db: Db, actor: Actor, key_id: str) -> None:
    """Delete one of one's own keys; it stops working at once. Raises `NotFound`, also for somebody else's."""
    with db.write():
        user = get_self(db, actor)
        key = db.session.get(ApiKey, key_id) if names.is_id(key_id) else None
        if key is None or key.user_id != user.id or key.revoked_at is not None:
            raise NotFound("API key")
        key.revoked_at = datetime.now(UTC)
        audit.record(db, actor, "user:key_revoked", user, key=key.name, prefix=key.prefix)
        db.announce(RightsChanged(user.id))
