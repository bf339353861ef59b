"""People: the first administrator, and those who come after."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from portal.errors import Conflict, Invalid, Issue
from portal.models import TeamMember, User
from portal.services import audit, edits, names, passwords
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
    made = draft(name, email, Role.OWNER, password)
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
    made = draft(name, email, role, password)
    with db.write():
        db.serialise("users")
        made = admit(db, made)
        audit.record(db, actor, "user:created", made, role=made.role)
    return made


def admit(db: Db, made: User) -> User:
    """Store a drafted member; inside a write transaction that has serialised ``users``.

    Somebody who was removed comes back as who they were: records go on naming them. Raises `Conflict`.
    """
    known = find_user_by_email(db, made.email)
    if known is None:
        db.session.add(made)
        return made
    if known.removed_at is None:
        raise Conflict(f"There is already a user with the address {made.email}.", "email")
    known.email, known.role, known.password_hash = made.email, made.role, made.password_hash
    known.name = made.name or known.name
    known.removed_at = None
    edits.touch(known)
    return known


def list_users(db: Db, actor: Actor) -> list[Person]:
    """Everybody who is a member now, by address. Raises `Forbidden`."""
    require(actor, Permission.VIEW)
    wanted = select(User).where(User.removed_at.is_(None)).order_by(User.email_key)
    return [_person(user) for user in db.session.scalars(wanted)]


def find_current_user(db: Db, actor: Actor) -> Person | None:
    """The person who acts; None for a station, and for somebody who is gone."""
    user = db.session.get(User, actor.user_id) if actor.user_id is not None else None
    return _person(user) if user is not None else None


def find_user_by_email(db: Db, email: str) -> User | None:
    """The user with that address, whatever the letters' case; also one who was removed."""
    return db.session.scalar(select(User).where(User.email_key == names.same(email)))


def find_member(db: Db, email: str) -> User | None:
    """The member with that address; None also for one who was removed."""
    found = find_user_by_email(db, email)
    return found if found is not None and found.removed_at is None else None


def actor_of(user: User) -> Actor:
    """The user as somebody who acts, for the audit: without the teams that narrow what they see."""
    return Actor("user", user.id, user.name or user.email, Role(user.role), user.email)


def acting(db: Db, user: User) -> Actor:
    """The user as somebody who acts, and sees what their role and teams show them."""
    return replace(actor_of(user), team_ids=scope_of(db, user.id, Role(user.role)))


def find_actor(db: Db, user_id: str) -> Actor | None:
    """A member as somebody who acts, with the rights of now; None for one who was removed."""
    user = db.session.get(User, user_id)
    return acting(db, user) if user is not None and user.removed_at is None else None


def scope_of(db: Db, user_id: str, role: Role) -> tuple[str, ...] | None:
    """The teams that narrow what a member sees; None for who sees every station. No statement for most roles."""
    if not role.is_scoped:
        return None
    wanted = select(TeamMember.team_id).where(TeamMember.user_id == user_id).order_by(TeamMember.team_id)
    return tuple(db.connection.execute(wanted).scalars()) or None


def _person(user: User) -> Person:
    return Person(user.id, user.name, user.email)


def check_address(email: str, role: Role | str) -> list[Issue]:
    """What is wrong with a new member's address and role; empty when nothing is."""
    issues: list[Issue] = []
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL or not email.isprintable():
        issues.append(Issue("The e-mail address is not valid: it looks like name@example.com.", ("email",)))
    if role not in list(Role):
        issues.append(Issue(f"The role {role!r} is not known: choose one of {', '.join(Role)}.", ("role",)))
    return issues


def draft(name: str | None, email: str, role: Role | str, password: str) -> User:
    """The row of a new user. Raises `Invalid`: all that is wrong is said at once."""
    address = email.strip()
    issues = check_address(address, role)
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
