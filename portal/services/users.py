"""People: the first administrator, and those who come after."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import Conflict, Invalid, Issue
from portal.models import User
from portal.services import audit, names, passwords
from portal.services.actors import SYSTEM, Actor, Permission, Role, require
from portal.services.refs import Person

if TYPE_CHECKING:
    from portal.database import Db

_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[^@\s,;:<>()\[\]\\\"]+")
LONGEST_EMAIL, LONGEST_NAME = 254, 200


def has_users(db: Db) -> bool:
    """Whether there is anybody at all."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def create_first_admin(db: Db, name: str, email: str, password: str) -> User:
    """Make the owner of a new portal. Raises `Invalid`; `Conflict` when there is any user already."""
    made = _draft(name, email, Role.OWNER, password)
    with db.write():
        db.serialise("users")  # two browsers may send the form at the same moment
        if has_users(db):
            raise Conflict("This portal already has an administrator. Sign in instead.")
        db.session.add(made)
        audit.record(db, SYSTEM, "user:created", made, role=made.role, is_first=True)
    return made


def create_user(db: Db, actor: Actor, email: str, role: Role | str, password: str, name: str | None = None) -> User:
    """Make a user. Raises `Invalid`; `Forbidden`; `Conflict` when the address is taken."""
    require(actor, Permission.ADMINISTER)
    made = _draft(name, email, role, password)
    with db.write():
        db.serialise("users")
        if find_user_by_email(db, email) is not None:
            raise Conflict(f"There is already a user with the address {made.email}.", "email")
        db.session.add(made)
        audit.record(db, actor, "user:created", made, role=made.role)
    return made


def list_users(db: Db, actor: Actor) -> list[Person]:
    """Everybody, by address. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    return [_person(user) for user in db.session.scalars(select(User).order_by(User.email_key))]


def find_current_user(db: Db, actor: Actor) -> Person | None:
    """The person who acts; None for a station, and for somebody who is gone."""
    user = db.session.get(User, actor.user_id) if actor.user_id is not None else None
    return _person(user) if user is not None else None


def find_user_by_email(db: Db, email: str) -> User | None:
    """The user with that address, whatever the letters' case."""
    return db.session.scalar(select(User).where(User.email_key == names.same(email)))


def actor_of(user: User) -> Actor:
    """The user as somebody who acts."""
    return Actor("user", user.id, user.name or user.email, Role(user.role), user.email)


def _person(user: User) -> Person:
    return Person(user.id, user.name, user.email)


def _draft(name: str | None, email: str, role: Role | str, password: str) -> User:
    """The row of a new user. All that is wrong is said at once."""
    issues: list[Issue] = []
    address = email.strip()
    if not _EMAIL.fullmatch(address) or len(address) > LONGEST_EMAIL or not address.isprintable():
        issues.append(Issue("The e-mail address is not valid: it looks like name@example.com.", ("email",)))
    if role not in list(Role):
        issues.append(Issue(f"The role {role!r} is not known: choose one of {', '.join(Role)}.", ("role",)))
    shown = None
    try:
        shown = names.clean(name, "name", LONGEST_NAME, "name") if name and name.strip() else None
    except Invalid as invalid:
        issues += invalid.issues
    password_hash = ""
    try:
        # Hashing is slow on purpose: not for a form that comes back anyway.
        password_hash = passwords.store(password) if not issues else passwords.check(password)
    except Invalid as invalid:
        issues += invalid.issues
    if issues:
        raise Invalid(issues)
    return User(
        email=address,
        email_key=names.same(address),
        name=shown,
        role=str(role),
        password_hash=password_hash,
        created_at=datetime.now(UTC),
    )
